"""A LIMIT that only the rewrite has: right for as long as results are small, and no small database shows the rest.

Bounds that the original says itself may stand in one (`rn <= 3` becomes LIMIT 3), and what is small enough inside a
subquery is left to the small databases, which are made to have more rows than that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from sqlglot import exp

from ..sqlite.words import Word, words
from .instances.literals import LARGEST_LIMIT
from .parsing import parsed

_BOUNDED = re.compile("limit|offset", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Bound:
    """A LIMIT or OFFSET: how deep in parentheses it stands, its words, and its value where that is a plain number."""

    keyword: str
    depth: int
    text: str
    value: int | None


def strange_limit(original: str, rewrite: str) -> str:
    """Why the rewrite's LIMITs cannot be checked, in one sentence; "" where they can."""
    if not _BOUNDED.search(rewrite):
        return ""
    texts, numbers = _said(original)
    for bound in _bounds(words(rewrite)):
        if bound.text in texts or bound.value in numbers or (bound.value is not None and bound.value < 0):
            continue
        what = f"its {bound.keyword} {bound.text}"
        if bound.value is None:
            return f"{what} is not the original's, and no plain number: what it does to more rows cannot be checked"
        if bound.depth == 0 and bound.keyword == "LIMIT" and not (bound.value and _gives_one_row(original)):
            return f"{what} is not the original's: it would cut off rows where the result is larger"
        if bound.value > LARGEST_LIMIT:
            return f"{what} is not the original's: small databases do not have so many rows"
    return ""


@lru_cache(maxsize=64)
def _said(original: str) -> tuple[set[str], set[int]]:
    """The bounds that the original says, and the numbers that may become one."""
    said = words(original)
    known = list(_bounds(said))
    numbers = {(one.value or 0) + (other.value or 0) for one in known for other in known}  # LIMIT + OFFSET
    if any(word.is_word("OVER") for word in said):  # rows may be numbered, and numbers compared
        numbers |= {int(word.text[:19]) for word in said if word.text.isdecimal()}
    return {bound.text for bound in known}, numbers


def _bounds(said: Sequence[Word]) -> Iterator[_Bound]:
    depth, level, start, keyword = 0, 0, -1, ""
    for place, word in enumerate([*said, None]):
        closes = word is not None and word.is_sign(")")
        ends = word is None or word.is_sign(",", ";") or word.is_word("LIMIT", "OFFSET")
        if start >= 0 and (word is None or (depth == level and (closes or ends))):
            yield _bound(keyword, level, said[start:place])
            start = place + 1 if word is not None and word.is_sign(",") else -1
        if word is None:
            return
        if word.is_word("LIMIT", "OFFSET"):
            start, keyword, level = place + 1, word.text.upper(), depth
        depth += word.is_sign("(") - closes


def _bound(keyword: str, depth: int, said: Sequence[Word]) -> _Bound:
    text = " ".join(word.text for word in said)
    while len(said) > 2 and said[0].is_sign("(") and said[-1].is_sign(")"):
        said = said[1:-1]
    sign = 1
    while said and said[0].is_sign("+", "-"):
        sign = -sign if said[0].is_sign("-") else sign
        said = said[1:]
    plain = len(said) == 1 and said[0].kind == "number" and said[0].text.isdecimal()
    return _Bound(keyword, depth, text, sign * int(said[0].text[:19]) if plain else None)


def _gives_one_row(query: str) -> bool:
    """An aggregate without GROUP BY."""
    tree = parsed(query)
    if not isinstance(tree, exp.Select) or tree.args.get("group") or not tree.selects:
        return False
    return any(
        aggregate.find_ancestor(exp.Window, exp.Subquery) is None
        for output in tree.selects
        for aggregate in output.find_all(exp.AggFunc)
    )
