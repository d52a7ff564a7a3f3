"""Constants that a statement makes out of others: `439 * 439`, `char(90, 101)`, `-5`, `CAST('5' AS INTEGER)`, today.

Read off the words, without a tree: every evaluation asks for them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

from ...sqlite.words import Word, words

LITERALS = ("text", "blob", "number")  # kinds of words
_MAKES = ("+", "-", "*", "/", "%", "||", "&", "|", "<<", ">>", "->", "->>")
_SIGNED = ("-", "~")
_CLOCK = ("CURRENT_DATE", "CURRENT_TIME", "CURRENT_TIMESTAMP")
# What may stand before a sign that belongs to the number after it.
_BEFORE_A_SIGN = (
    *("AND", "OR", "NOT", "IN", "IS", "LIKE", "GLOB", "BETWEEN", "CASE", "WHEN", "THEN", "ELSE", "ON", "WHERE"),
    *("HAVING", "SELECT", "DISTINCT", "BY", "LIMIT", "OFFSET", "VALUES", "ESCAPE"),
)
# What stands before a parenthesis and is no function of what is in it alone.
_NO_FUNCTIONS = (
    *(*_BEFORE_A_SIGN, "AS", "FROM", "JOIN", "USING", "EXISTS", "OVER", "FILTER", "UNION", "ALL", "EXCEPT", "END"),
    *("INTERSECT", "COUNT", "SUM", "TOTAL", "AVG", "MIN", "MAX", "NTILE", "GROUP_CONCAT", "STRING_AGG", "PRECEDING"),
)


@lru_cache(maxsize=64)
def made_constants(statement: str) -> frozenset[str]:
    """The constants of a statement that operators and functions make of literals, each as its words."""
    said = words(statement)
    return frozenset((*_operations(said), *_calls(said)))


def _operations(said: Sequence[Word]) -> Iterator[str]:
    bare = [word for word in said if not word.is_sign("(", ")")]
    for place, word in enumerate(bare):
        if word.kind == "name" and word.is_word(*_CLOCK):
            yield word.text.upper()
        if word.kind != "sign" or place + 1 >= len(bare) or place == 0:
            continue
        before, after = bare[place - 1], bare[place + 1]
        if after.is_sign(*_SIGNED) and place + 2 < len(bare):
            after = bare[place + 2]
        if after.kind not in LITERALS:
            continue
        if before.kind in LITERALS and word.text in _MAKES:
            yield f"{before.text} {word.text} {after.text}"
        elif word.text in _SIGNED and (before.kind == "sign" or before.is_word(*_BEFORE_A_SIGN)):
            yield f"{word.text} {after.text}"


def _calls(said: Sequence[Word]) -> Iterator[str]:
    """Functions of literals alone. Of some in each other, each is told: the inner ones hold fewer words."""
    for place, word in enumerate(said):
        if word.kind != "name" or place + 2 >= len(said) or not said[place + 1].is_sign("("):
            continue
        if word.is_word(*_NO_FUNCTIONS):
            continue
        if word.is_word("CAST"):
            inside = [part for part in said[place + 2 : place + 5] if not part.is_sign("-", "+", "(")]
            if len(inside) > 1 and inside[0].kind in LITERALS and inside[1].is_word("AS"):
                yield f"cast {inside[0].text}"
        elif found := _arguments(said, place + 2):
            yield f"{word.text.lower()}({found}"


def _arguments(said: Sequence[Word], place: int) -> str:
    """The words of arguments that are literals alone, up to the closing parenthesis; "" where they are not."""
    depth, parts, literals = 1, [], 0
    for word in said[place : place + 40]:
        depth += word.is_sign("(") - word.is_sign(")")
        parts.append(word.text)
        literals += word.kind in LITERALS
        if depth == 0:
            return " ".join(parts) if literals else ""
        if word.kind not in LITERALS and word.kind != "sign":
            return ""
    return ""
