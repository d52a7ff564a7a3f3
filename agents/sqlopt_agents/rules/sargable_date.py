"""A year, month or day cut out of a date becomes a range of the date itself, which an index can search.

    WHERE strftime('%Y-%m', o.order_date) = '2024-05' -> o.order_date >= '2024-05-01' AND o.order_date < '2024-06-01'
    WHERE substr(o.order_date, 1, 4) >= '2024'        -> o.order_date >= '2024-01-01'
    WHERE date(o.order_date) IN ('2024-05-10')        -> o.order_date IN ('2024-05-10')

Valid when a CHECK holds every value of the column to YYYY-MM-DD or NULL: then text order is the order of days, and
NULL gives NULL on both sides, so that the place of the condition does not matter.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import schema_column, selects, text_value, whole_number

from .base import Application
from .compared import by_column, compared

NAME = "sargable_date"
KIND = "redundancy"
_LENGTHS = {"%Y": 4, "%Y-%m": 7, "%Y-%m-%d": 10}
_PERIODS = {4: r"\d{4}", 7: r"\d{4}-(0[1-9]|1[0-2])", 10: r"\d{4}-\d\d-\d\d"}


def applications(draft: Draft, schema: Schema) -> Iterator[Application]:
    yield from by_column(draft, _changes(draft, schema))


def _changes(draft: Draft, schema: Schema) -> Iterator[tuple[exp.Expr, exp.Expr]]:
    for select in selects(draft):
        for node, new in _rewrites(select):
            column = new.find(exp.Column)
            declared = schema_column(column, select, schema) if column is not None else None
            if node.parent_select is select and declared is not None and declared.iso_date:
                yield node, new


def _rewrites(select: exp.Select) -> Iterator[tuple[exp.Expr, exp.Expr]]:
    for test in compared(select):
        column, length, as_number = _prefix(test.side)
        periods = [_period(literal, length, as_number) for literal in test.literals]
        new = _tested(column, test.kind, periods, length) if column is not None and all(periods) else None
        if new is not None:
            yield test.node, new


def _tested(column: exp.Column, kind: type[exp.Expr], periods: list[str], length: int) -> exp.Expr | None:
    if kind is exp.Between:
        ends = (_range(column, exp.GTE, periods[0], length), _range(column, exp.LTE, periods[1], length))
        return exp.and_(*ends, copy=False)
    if kind is not exp.In:
        return _range(column, kind, periods[0], length)
    if length == 10:
        return exp.In(this=column.copy(), expressions=[exp.Literal.string(day) for day in periods])
    return exp.or_(*(_range(column, exp.EQ, period, length) for period in periods), copy=False)


def _prefix(node: exp.Expr) -> tuple[exp.Column | None, int, bool]:
    """(column, characters, compared as a number) of an expression that is the beginning of a date."""
    if isinstance(node, exp.Cast) and node.to.is_type("int"):
        column, length, _ = _prefix(node.this)
        return (column if length == 4 else None), length, True
    column, length = node.this, 0
    if isinstance(node, exp.TimeToStr) and isinstance(column, exp.TsOrDsToTimestamp):
        column, length = column.this, _LENGTHS.get(text_value(node.args["format"]) or "", 0)
    elif isinstance(node, exp.Substring) and whole_number(node.args.get("start")) == 1:
        length = whole_number(node.args.get("length")) or 0
    elif isinstance(node, exp.Date) and not node.args.get("expressions") and not node.args.get("zone"):
        length = 10
    return (column if isinstance(column, exp.Column) and length in _PERIODS else None), length, False


def _period(node: exp.Expr, length: int, as_number: bool) -> str:
    """The literal as a period of that length; years at the rim of what SQLite knows are left alone."""
    number = whole_number(node) if as_number else None
    text = (f"{number:04}" if number is not None else "") if as_number else text_value(node) or ""
    is_period = length in _PERIODS and re.fullmatch(_PERIODS[length], text) and "1000" <= text < "9999"
    return text if is_period else ""


def _range(column: exp.Column, kind: type[exp.Expr], period: str, length: int) -> exp.Expr | None:
    if length == 10:
        return _compared(column, kind, period)
    first, following = _first_day(period), _first_day(_next(period))
    if kind is exp.EQ:
        return exp.and_(_compared(column, exp.GTE, first), _compared(column, exp.LT, following), copy=False)
    if kind is exp.GTE or kind is exp.LT:
        return _compared(column, kind, first)
    if kind is exp.GT or kind is exp.LTE:
        return _compared(column, exp.GTE if kind is exp.GT else exp.LT, following)
    return None


def _compared(column: exp.Column, kind: type[exp.Expr], day: str) -> exp.Expr:
    return kind(this=column.copy(), expression=exp.Literal.string(day))


def _first_day(period: str) -> str:
    return period + ("-01-01" if len(period) == 4 else "-01")


def _next(period: str) -> str:
    if len(period) == 4 or period.endswith("-12"):
        return f"{int(period[:4]) + 1}" + ("" if len(period) == 4 else "-01")
    return f"{period[:5]}{int(period[5:]) + 1:02}"
