"""Conditions that leave as many rows of a source as a query can do with."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sqlopt_env.survey import ColumnSurvey

from ..catalogue import Relation
from ..pen import Condition, Pen, Source


def narrowed(
    pen: Pen,
    source: Source,
    most_rows: float = 1500,
    least_rows: float = 30,
    most: int = 3,
    *,
    timeless: bool = False,
    besides: Sequence[str] = (),
) -> list[Condition]:
    """Conditions that leave about `least_rows` to `most_rows` rows; the narrowest of a few draws where none does.

    None is about the columns `besides`; `timeless`: nor about a time, or what rises with it.
    """
    relation = source.relation
    columns = [column for column in relation.columns if column.name not in besides and _asked(pen, relation, column)]
    if timeless:
        columns = [
            column for column in columns if column not in relation.dates and not _rises(relation, column)
        ] or columns
    best: list[Condition] = []
    fewest = 1.0
    for _ in range(6):
        chosen: list[Condition] = []
        left = 1.0
        for column in pen.some(columns, len(columns), len(columns)):
            if len(chosen) == most or (chosen and left * relation.rows <= most_rows and pen.chance(0.6)):
                break
            condition = pen.condition(source, column, least=least_rows / (left * relation.rows))
            if condition is not None:
                chosen.append(condition)
                left *= max(condition.share, 1e-6)
        if chosen and left < fewest:
            best, fewest = chosen, left
        if fewest * relation.rows <= most_rows:
            break
    return _widened(pen, source, best, besides)


def _asked(pen: Pen, relation: Relation, column: ColumnSurvey) -> bool:
    """People ask for numbers of rows, and for values that few rows have, less often than for the others."""
    rare = column.distinct * 20 > relation.rows * (1 - column.nulls) and column in relation.texts
    return pen.chance(0.1 if rare or _rises(relation, column) else 0.4 if column.nulls > 0.5 else 1.0)


def _rises(relation: Relation, column: ColumnSurvey) -> bool:
    """Whether later rows are likely to have greater values."""
    return is_number_of(relation, column) or is_moment(column)


def is_number_of(relation: Relation, column: ColumnSurvey) -> bool:
    """Whether it says which one rather than how much: a key, or what refers to one."""
    alone = {key[0] for key in relation.survey.keys if len(key) == 1}
    return column.name in alone or column.name in relation.linked or column.name.lower().endswith(("id", "_no"))


def is_moment(column: ColumnSurvey) -> bool:
    """Seconds since 1970."""
    return all(isinstance(value, int) and 10**8 < value < 10**10 for value in column.values)


def quantities(relation: Relation) -> list[ColumnSurvey]:
    """Numbers that people add up and compare."""
    return [column for column in relation.numbers if not is_number_of(relation, column) and not is_moment(column)]


def _widened(pen: Pen, source: Source, conditions: list[Condition], besides: Sequence[str]) -> list[Condition]:
    """At times the first condition becomes one of two that suffice."""
    if conditions and pen.chance(0.12):
        first = conditions[0]
        column = pen.one(source.relation.columns)
        other = pen.condition(source, column) if not (column.name in besides or source[column] in first.sql) else None
        if other is not None and other.share <= 3 * first.share:
            either = Condition(f"({_bound(first)} OR {_bound(other)})", first.share + other.share)
            return [either, *conditions[1:]]
    return conditions


def _bound(condition: Condition) -> str:
    return f"({condition.sql})" if " AND " in condition.sql and " BETWEEN " not in condition.sql else condition.sql


def moved(condition: Condition, source: Source, other: Source) -> Condition:
    """The same condition on another source of the same relation."""
    words = rf"""'(?:[^']|'')*'|"(?:[^"]|"")*"|\b{source.alias}\."""
    own = f"{source.alias}."
    sql = re.sub(words, lambda word: f"{other.alias}." if word[0] == own else word[0], condition.sql)
    return Condition(sql, condition.share)


def share(conditions: Sequence[Condition]) -> float:
    product = 1.0
    for condition in conditions:
        product *= condition.share
    return product


def binary(columns: Sequence[ColumnSurvey]) -> list[ColumnSurvey]:
    """Those whose equal values are the same, so that any one of them may stand for a group."""
    return [column for column in columns if column.collation == "BINARY"]
