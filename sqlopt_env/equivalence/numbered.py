"""LIMITs that a query says without that word: `row_number() OVER (...) AS rn`, and `rn <= 5` around it.

Read off the words, without a tree. Only what is compared with such a number counts, not every number of the query.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import apsw

from ..sqlite.words import Word, words

_COUNTING = ("ROW_NUMBER", "RANK", "DENSE_RANK", "COUNT")
_TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "=", "==": "=="}
_MOST = 50  # comparisons; the rest is not looked at
_LONGEST = 200  # characters of a sum that is worked out


@dataclass(frozen=True, slots=True)
class Numbered:
    """What LIMIT and OFFSET may stand for comparisons with row numbers."""

    limits: frozenset[int] = frozenset()
    offsets: frozenset[int] = frozenset()
    in_parts: bool = False  # rows are numbered anew in each PARTITION


def numbered(query: str) -> Numbered:
    """The bounds that follow from a query's comparisons with row numbers.

    `rn BETWEEN 11 AND 20` is LIMIT 10 OFFSET 10, and so are `rn > 10` and `rn <= 20`, wherever they stand.
    """
    said = words(query)
    names = frozenset(_aliases(said)) if any(word.is_word("OVER") for word in said) else frozenset()
    if not names:
        return Numbered()
    firsts: set[int] = set()  # how many rows come before the first one
    lasts: set[int] = set()
    for sign, number in _comparisons(said, names):
        if sign in ("<", "<=", "=", "=="):
            lasts.add(number - (sign == "<"))
        if sign in (">", ">=", "=", "=="):
            firsts.add(number - (sign != ">"))
        if len(firsts) + len(lasts) > 2 * _MOST:
            break
    between = {last - first for first in firsts for last in lasts}
    return Numbered(frozenset(lasts | between), frozenset(firsts), any(word.is_word("PARTITION") for word in said))


def whole_number(said: Sequence[Word]) -> int | None:
    """What SQLite works out for plain numbers with + - * / % and parentheses; None for all else."""
    text = " ".join(word.text for word in said[:_LONGEST])
    if len(text) > _LONGEST or not all(map(_is_of_sum, said)):
        return None
    return int(text) if text.isdecimal() and len(text) < 19 else _worked_out(text)


@lru_cache(maxsize=256)
def _worked_out(text: str) -> int | None:
    try:
        found = apsw.Connection(":memory:").execute(f"SELECT {text}").get
    except apsw.Error:
        return None
    whole = isinstance(found, int) or (isinstance(found, float) and found.is_integer())
    return int(found) if whole else None


def _is_of_sum(word: Word) -> bool:
    return word.kind == "number" or word.is_sign("+", "-", "*", "/", "%", "(", ")")


def _aliases(said: Sequence[Word]) -> Iterator[str]:
    """The lower-case names of the outputs that are row numbers, also those that WITH gives them: `t (id, rn) AS`."""
    opened = _parentheses(said)
    closed = {start: end for end, start in opened.items()}
    around: list[tuple[int, list[int]]] = [(-1, [])]  # open parentheses, and the commas in them
    for place, word in enumerate(said):
        if word.is_sign("("):
            around.append((place, []))
        elif word.is_sign(")") and len(around) > 1:
            around.pop()
        elif word.is_sign(","):
            around[-1][1].append(place)
        elif word.is_word("OVER") and said[max(opened.get(place - 1, 0) - 1, 0)].is_word(*_COUNTING):
            end = closed.get(place + 1, place + 1) + 1  # of a window in parentheses, or of its name
            after = said[end : end + 2]
            if after and after[0].is_word("AS"):
                after = after[1:]
            yield from (alias.text.lower() for alias in after[:1] if alias.kind in ("name", "quoted", "text"))
            start, commas = around[-1]
            listed = opened.get(start - 2, -1) if start > 1 and said[start - 1].is_word("AS") else -1
            if listed >= 0:
                columns = [name.text.lower() for name in said[listed + 1 : start - 2] if name.kind != "sign"]
                yield from columns[len(commas) : len(commas) + 1]


def _parentheses(said: Sequence[Word]) -> dict[int, int]:
    """Where each closing one is opened."""
    pairs, still_open = {}, []
    for place, word in enumerate(said):
        if word.is_sign("("):
            still_open.append(place)
        elif word.is_sign(")") and still_open:
            pairs[place] = still_open.pop()
    return pairs


def _comparisons(said: Sequence[Word], names: frozenset[str]) -> Iterator[tuple[str, int]]:
    """(sign, number) of each comparison of one of these names with a number, turned so that the name is on the left."""
    for place, word in enumerate(said):
        if word.kind not in ("name", "quoted") or word.text.lower() not in names:
            continue
        after = said[min(place + 1, len(said) - 1)]
        if after.is_sign(*_TURNED):
            number, _ = _number(said, place + 2)
            if number is not None:
                yield after.text, number
        elif after.is_word("BETWEEN"):
            first, end = _number(said, place + 2)
            last, _ = _number(said, end + 1)  # behind AND
            if first is not None and last is not None:
                yield from ((">=", first), ("<=", last))
        before = place - 2 if place >= 2 and said[place - 1].is_sign(".") else place
        if before >= 2 and said[before - 1].is_sign(*_TURNED) and said[before - 2].kind == "number":
            computed = before >= 3 and said[before - 3].is_sign("+", "-", "*", "/", "%")
            number = None if computed else whole_number(said[before - 2 : before - 1])
            if number is not None:
                yield _TURNED[said[before - 1].text], number


def _number(said: Sequence[Word], start: int) -> tuple[int | None, int]:
    """The number that begins here, and where it ends."""
    end, depth = start, 0
    while end < len(said) and end - start < _LONGEST and _is_of_sum(said[end]):
        depth += said[end].is_sign("(") - said[end].is_sign(")")
        if depth < 0:
            break
        end += 1
    return whole_number(said[start:end]), end
