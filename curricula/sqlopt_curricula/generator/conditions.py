"""Conditions on one column, with literals from the data and an estimate of the rows that fulfil them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta

from sqlopt_env.survey import ColumnSurvey, Value

from .chance import Chance
from .source import Condition, Source, literal

_Way = Callable[[Chance, Source, ColumnSurvey], Condition | None]


def a_condition(chance: Chance, source: Source, column: ColumnSurvey, least: float = 0.0) -> Condition | None:
    """A condition on one column that leaves at least this share of the rows; None where none comes to mind."""
    relation = source.relation
    ways: list[_Way] = []
    if column in relation.dates:
        ways = [_days, _days, _since]
    elif column in relation.categories:
        ways = [_equal, _listed, _listed, _unequal]
    elif column in relation.numbers:
        ways = [_between, _beyond, _beyond]
    elif column.name in relation.linked or column in relation.links:
        ways = [_equal, _listed]
    elif column in relation.texts:
        ways = [_prefix, _equal]
    elif (column.name,) in relation.survey.keys:
        ways = [_between, _listed, _beyond]
    if column in relation.nullable and chance.chance(0.15):
        ways = [_null]
    if not ways:
        return None
    condition = chance.one(ways)(chance, source, column)
    return condition if condition is not None and condition.share >= min(least, 0.3) else None


def _equal(chance: Chance, source: Source, column: ColumnSurvey) -> Condition:
    value = chance.one(column.values)
    return Condition(f"{source[column]} = {literal(value)}", _share(column, [value]))


def _unequal(chance: Chance, source: Source, column: ColumnSurvey) -> Condition:
    value = chance.one(column.values)
    share = 1 - _share(column, [value]) - column.nulls
    return Condition(f"{source[column]} <> {literal(value)}", share)


def _listed(chance: Chance, source: Source, column: ColumnSurvey) -> Condition | None:
    values = list(dict.fromkeys(chance.some(column.values, 3, 12)))[: chance.whole(2, 7)]
    if len(values) < 2:
        return None
    listed = ", ".join(map(literal, values))
    return Condition(f"{source[column]} IN ({listed})", _share(column, values))


def _between(chance: Chance, source: Source, column: ColumnSurvey) -> Condition | None:
    values = column.values
    width = max(1, int(len(values) * chance.one((0.01, 0.03, 0.1, 0.25))))
    start = chance.whole(0, max(0, len(values) - width - 1))
    low, high = values[start], values[min(start + width, len(values) - 1)]
    if low == high or isinstance(low, str) or isinstance(high, str):
        return None
    if chance.chance(0.5):
        sql = f"{source[column]} BETWEEN {literal(low)} AND {literal(high)}"
    else:
        sql = f"{source[column]} >= {literal(low)} AND {source[column]} < {literal(high)}"
    return Condition(sql, _within(column, low, high))


def _beyond(chance: Chance, source: Source, column: ColumnSurvey) -> Condition:
    values = column.values
    part = chance.one((0.005, 0.02, 0.05, 0.2, 0.4))
    if chance.chance(0.6):
        limit, sign = values[int((len(values) - 1) * (1 - part))], chance.one((">", ">="))
    else:
        limit, sign = values[int((len(values) - 1) * part)], chance.one(("<", "<="))
    return Condition(f"{source[column]} {sign} {literal(limit)}", part * (1 - column.nulls))


def _days(chance: Chance, source: Source, column: ColumnSurvey) -> Condition:
    """A whole month, quarter or year."""
    day = date.fromisoformat(str(chance.one(column.values)))
    months = chance.one((1, 1, 1, 3, 12))
    month = (day.month - 1) // months * months
    first = date(day.year, month + 1, 1)
    after = date(day.year + (month + months) // 12, (month + months) % 12 + 1, 1)
    sql = f"{source[column]} >= '{first}' AND {source[column]} < '{after}'"
    return Condition(sql, _within(column, first.isoformat(), after.isoformat()))


def _since(chance: Chance, source: Source, column: ColumnSurvey) -> Condition:
    values = column.values
    day = date.fromisoformat(str(values[int((len(values) - 1) * chance.one((0.5, 0.8, 0.95)))]))
    if chance.chance(0.4):
        last = day + timedelta(days=chance.one((0, 6, 13, 29)))
        share = _within(column, day.isoformat(), (last + timedelta(days=1)).isoformat())
        return Condition(f"{source[column]} BETWEEN '{day}' AND '{last}'", share)
    return Condition(f"{source[column]} >= '{day}'", _within(column, day.isoformat(), "9999"))


def _prefix(chance: Chance, source: Source, column: ColumnSurvey) -> Condition | None:
    """A range of texts that begin alike, which an index can find."""
    text = str(chance.one(column.values))[: chance.whole(1, 3)]
    if not text or not text.isascii() or not text.isalnum():
        return None
    after = text[:-1] + chr(ord(text[-1]) + 1)
    sql = f"{source[column]} >= {literal(text)} AND {source[column]} < {literal(after)}"
    share = _within(column, text, after)
    return Condition(sql, share) if share < 0.5 else None


def _null(chance: Chance, source: Source, column: ColumnSurvey) -> Condition:
    if column.nulls < 0.3 and chance.chance(0.5):
        return Condition(f"{source[column]} IS NULL", column.nulls)
    return Condition(f"{source[column]} IS NOT NULL", 1 - column.nulls)


def _share(column: ColumnSurvey, values: Sequence[Value]) -> float:
    seen = sum(value in values for value in column.values)
    if column.distinct > 100 and seen <= 2 * len(values):  # a sample says little of rare values
        return len(values) / column.distinct * (1 - column.nulls)
    return seen / len(column.values) * (1 - column.nulls)


def _within(column: ColumnSurvey, low: Value, high: Value) -> float:
    inside = sum(low <= value < high for value in column.values)  # type: ignore[operator]
    return max(inside, 0.3) / len(column.values) * (1 - column.nulls)
