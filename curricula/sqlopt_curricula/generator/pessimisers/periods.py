"""What the date pessimisers share: ranges of days that are whole months or whole years."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date, timedelta

from sqlglot import exp

from sqlopt_env.trees.draft import Draft
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import replaced

from .conditions import Range, Test, ranges, searched_columns

Cut = Callable[[exp.Column, int], exp.Expr]  # the first so many characters of a date: 4 for the year, 7 for the month


def by_period(draft: Draft, schema: Schema, cut: Cut) -> Iterator[Draft]:
    """Every range of whole months or years of an ISO date column, told by the month or the year of the date."""
    paired: set[int] = set()
    for found in ranges(draft, schema):
        paired |= {id(found.lower.node), id(found.upper.node)}
        days = _days(found)
        if days is None:
            continue
        length = _length(*days)
        first, last = (day.isoformat()[:length] for day in (days[0], days[1] - timedelta(days=1)))
        if length and first <= last:
            side = cut(found.column.copy(), length)
            low, high = exp.Literal.string(first), exp.Literal.string(last)
            alone = first == last
            yield found.replaced(
                exp.EQ(this=side, expression=low) if alone else exp.Between(this=side, low=low, high=high)
            )
    for tests in searched_columns(draft, schema):
        for test in tests:
            day = _day(test)
            length = _length(day) if day is not None else 0
            if day is not None and length and test.kind in (exp.GTE, exp.LT) and id(test.node) not in paired:
                side = cut(test.column.copy(), length)
                yield replaced(draft, test.node, test.of(side, [day.isoformat()[:length]]))


def _days(found: Range) -> tuple[date, date] | None:
    """The first day of the range, and the first after it."""
    low, high = _day(found.lower), _day(found.upper, last=True)
    if low is None or high is None:
        return None
    return low + timedelta(days=found.starts_after), high + timedelta(days=not found.ends_before)


def _day(test: Test, last: bool = False) -> date | None:
    """The literal as a day; years at the rim of what SQLite knows are left alone."""
    texts = test.days
    text = texts[-1 if last else 0] if texts else ""
    try:
        known = re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII) and "1000" <= text < "9999"
        return date.fromisoformat(text) if known else None
    except ValueError:
        return None


def _length(*days: date) -> int:
    """4 where each day begins a year, 7 where each begins a month, 0 otherwise."""
    if any(day.day != 1 for day in days):
        return 0
    return 4 if all(day.month == 1 for day in days) else 7
