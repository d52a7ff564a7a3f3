"""A LIMIT that only one of two queries has: the rewrite is right for as long as results are small.

No small database shows the rest. What the other query says itself may stand in one: `rn <= 3` of numbered rows becomes
LIMIT 3, `LIMIT 5 * 4` is LIMIT 20. What is small enough inside a subquery, or left out, is judged by the small
databases, which are made to have more rows than that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from typing import TypeAlias

from sqlglot import exp

from ..sqlite.words import Word, words
from .instances.literals import LARGEST_LIMIT
from .numbered import Numbered, numbered, whole_number
from .parsing import parsed

_BOUNDED = re.compile("limit", re.IGNORECASE)
_MOST_ROWS = 2**48  # no database has more: such a LIMIT is none
_LONGEST = 200  # words of a bound; two longer ones are not taken for the same
_MOST_ADDED = 50  # bounds
_SURELY_FILLED = 20  # many small databases have more rows
_Text: TypeAlias = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class _Bound:
    """A LIMIT or OFFSET: how deep in parentheses it stands, its words, and its value where that is known."""

    keyword: str
    depth: int
    words: _Text
    value: int | None
    largest: int  # of the numbers in it

    def __str__(self) -> str:
        return f"{self.keyword} {' '.join(text for _, text in self.words)}"

    @property
    def is_none(self) -> bool:
        """Whether it cuts nothing off."""
        return self.value is not None and (self.value < 0 or (self.keyword == "LIMIT" and self.value >= _MOST_ROWS))

    @property
    def is_large(self) -> bool:
        """Whether small databases have fewer rows."""
        return (self.largest if self.value is None else self.value) > LARGEST_LIMIT


@dataclass(frozen=True, slots=True)
class _Said:
    """The bounds of a query, and what may become one."""

    bounds: tuple[_Bound, ...]
    texts: frozenset[_Text]
    sums: frozenset[int]
    rows: Numbered

    def allows(self, bound: _Bound) -> bool:
        """Whether the bound says nothing that this query does not say."""
        if bound.words in self.texts or bound.value in self.sums:
            return True
        whole = bound.depth == 0 and bound.keyword == "LIMIT"
        if self.rows.in_parts and whole and bound.value is not None and bound.value > _SURELY_FILLED:
            return False  # there may be many parts
        return bound.value in (self.rows.offsets if bound.keyword == "OFFSET" else self.rows.limits)


def strange_limit(original: str, rewrite: str) -> str:
    """Why a LIMIT or OFFSET that only one of them has cannot be checked, in one sentence about the rewrite; "" where
    there is none such."""
    if not (_BOUNDED.search(rewrite) or _BOUNDED.search(original)):
        return ""
    first, second = _said(original), _said(rewrite)
    for bound in second.bounds:
        if bound.is_none or first.allows(bound):
            continue
        if bound.value is None:
            return (
                f"its {bound} is not the original's, and no plain number: what it does to more rows cannot be checked"
            )
        if bound.depth == 0 and bound.keyword == "LIMIT" and not (bound.value == 1 and _gives_one_row(original)):
            return f"its {bound} is not the original's: it would cut off rows where the result is larger"
        if bound.is_large:
            return f"its {bound} is not the original's: small databases do not have so many rows"
    for bound in first.bounds:
        if bound.is_large and not (bound.is_none or second.allows(bound)):
            return f"it lacks the original's {bound}: small databases do not have so many rows"
    return ""


@lru_cache(maxsize=64)
def _said(query: str) -> _Said:
    said = words(query)
    bounds = tuple(_bounds(said))
    values = [bound.value for bound in bounds if bound.value is not None and not bound.is_none]
    # LIMIT + OFFSET is how many rows are read at all, two OFFSETs one after the other skip the sum of both.
    sums = {*values, *(one + other for one, other in combinations(values[:_MOST_ADDED], 2))}
    texts = (bound.words for bound in bounds if len(bound.words) <= _LONGEST)
    return _Said(bounds, frozenset(texts), frozenset(sums), numbered(query))


def _bounds(said: Sequence[Word]) -> Iterator[_Bound]:
    """Every LIMIT and OFFSET, those within another one's expression first. OFFSET is a column's name elsewhere."""
    depth = 0
    still_open: list[tuple[int, int, str]] = []  # (depth, its first word, keyword)
    for place, word in enumerate(said):
        depth -= word.is_sign(")")
        while still_open and (still_open[-1][0] > depth or word.is_sign(";")):
            yield _bound(still_open.pop(), said, place)
        if word.is_word("LIMIT"):
            still_open.append((depth, place + 1, "LIMIT"))
        elif still_open and still_open[-1][0] == depth and still_open[-1][2] == "LIMIT":
            level, start, keyword = still_open[-1]
            if word.is_sign(","):  # LIMIT offset, limit
                still_open[-1] = (level, place + 1, "LIMIT")
                yield _bound((level, start, "OFFSET"), said, place)
            elif word.is_word("OFFSET"):
                still_open[-1] = (level, place + 1, "OFFSET")
                yield _bound((level, start, keyword), said, place)
        depth += word.is_sign("(")
    while still_open:
        yield _bound(still_open.pop(), said, len(said))


def _bound(clause: tuple[int, int, str], said: Sequence[Word], end: int) -> _Bound:
    depth, start, keyword = clause
    own = said[start : min(end, start + _LONGEST + 1)]
    text = tuple((word.kind, word.text.lower() if word.kind == "name" else word.text) for word in own)
    numbers = [whole_number([word]) or 0 for word in own if word.kind == "number"]
    return _Bound(keyword, depth, text, whole_number(own), max(numbers, default=0))


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
