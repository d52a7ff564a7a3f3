"""Figures about groups of rows, and what rows can be grouped by."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from sqlopt_env.survey import ColumnSurvey

from ..pen import Condition, Pen, Source
from .phrases import condition_on, free, measures, settled


@dataclass(frozen=True, slots=True)
class Named:
    """An expression with a name; `exact` where it is the same number in whatever order rows are added up."""

    sql: str
    name: str
    exact: bool = True

    def __str__(self) -> str:
        return f"{self.sql} AS {self.name}" if self.name else self.sql


def groups(
    pen: Pen, source: Source, *conditions: object, least: int = 1, most: int = 2, links: bool = True
) -> list[Named]:
    """What rows that fulfil the conditions can be grouped by: columns (with no name of their own), months and years."""
    relation = source.relation
    columns = list(dict.fromkeys((*relation.categories, *(relation.links if links else ()))))
    columns = [column for column in free(source, columns, *settled(conditions)) if column.collation == "BINARY"]
    found = [Named(source[column], "") for column in pen.some(columns, least, most)] if columns else []
    if relation.dates and (pen.chance(0.35) or len(found) < least):
        when = Named(*pen.one(_parts_of(source, pen.one(relation.dates))))
        found = [when, *found][:most] if pen.chance(0.5) else [*found[: most - 1], when]
    return found


def _parts_of(source: Source, column: ColumnSurvey) -> tuple[tuple[str, str], ...]:
    written = source[column]
    return (
        (f"substr({written}, 1, 7)", "month"), (f"strftime('%Y-%m', {written})", "month"), (written, ""),
        (f"substr({written}, 1, 4)", "year"), (f"strftime('%Y', {written})", "year"),
        (f"strftime('%w', {written})", "weekday"), (f"strftime('%m', {written})", "month_of_year"),
    )  # fmt: skip


def figures(
    pen: Pen, source: Source, *conditions: object, by: Iterable[Named] = (), least: int = 1, most: int = 4
) -> list[Named]:
    """Different figures, with names, about groups of the rows that fulfil the conditions."""
    found: dict[str, Named] = {}
    for number in range(1, pen.whole(least, most) + 1):
        figure = _figure(pen, source, list(by), conditions, number)
        found.setdefault(figure.sql, figure)
    taken = [figure.name for figure in found.values()]
    return [
        Named(figure.sql, f"{figure.name}_{n}" if taken.count(figure.name) > 1 else figure.name, figure.exact)
        for n, figure in enumerate(found.values(), 1)
    ]


def _figure(pen: Pen, source: Source, by: list[Named], conditions: Iterable[object], number: int) -> Named:
    relation = source.relation
    added, compared = (
        free(source, columns, *by, *settled(conditions))
        for columns in (measures(relation), (*measures(relation), *relation.dates))
    )
    counted = free(source, dict.fromkeys((*relation.links, *relation.categories)), *by, *conditions)
    known, parted = (free(source, columns, *by, *conditions) for columns in (relation.nullable, relation.columns))
    match pen.whole(0, 9):
        case 0 | 1 | 2 if added:
            column = pen.one(added)
            call, stem = pen.one((("SUM", "total"), ("SUM", "total"), ("AVG", "average")))
            return Named(f"{call}({source[column]})", name_of(stem, column, number), column.kind == "INTEGER")
        case 3 | 4 if compared:
            column = pen.one(compared)
            call, stem = pen.one((("MIN", "first"), ("MAX", "last")) if column in relation.dates
                                 else (("MIN", "least"), ("MAX", "most")))  # fmt: skip
            return Named(f"{call}({source[column]})", name_of(stem, column, number))
        case 5 if counted:
            column = pen.one(counted)
            return Named(f"COUNT(DISTINCT {source[column]})", name_of("different", column, number))
        case 6 if known:
            column = pen.one(known)
            return Named(f"COUNT({source[column]})", name_of("with", column, number))
        case 7 | 8 if parted:
            condition = condition_on(pen, source, pen.one(parted), least=0.02)
            if condition is not None:
                return _part(pen, source, condition, number)
    return Named("COUNT(*)", "how_many")


def _part(pen: Pen, source: Source, condition: Condition, number: int) -> Named:
    """What a condition picks from the group."""
    added = measures(source.relation)
    column = pen.one(added) if added else None
    if column is not None and pen.chance(0.4):
        exact, written = column.kind == "INTEGER", source[column]
        if pen.chance(0.5):
            return Named(f"SUM({written}) FILTER (WHERE {condition})", f"part_{number}", exact)
        return Named(f"SUM(CASE WHEN {condition} THEN {written} ELSE 0 END)", f"part_{number}", exact)
    ways = (f"COUNT(*) FILTER (WHERE {condition})", f"SUM(CASE WHEN {condition} THEN 1 ELSE 0 END)",
            f"COUNT(CASE WHEN {condition} THEN 1 END)")  # fmt: skip
    return Named(pen.one(ways), f"part_{number}")


def name_of(stem: str, column: ColumnSurvey, number: int) -> str:
    name = re.sub(r"\W+", "_", column.name.lower()).strip("_")
    return f"{stem}_{name}" if name and name.isascii() else f"{stem}_{number}"
