"""Several counts and sums of different kinds of rows, in one scan.

SELECT COUNT(*) AS how_many, COUNT(*) FILTER (WHERE o.amount > 500) AS part_2,
       SUM(CASE WHEN o.product = 'tablet' THEN o.amount ELSE 0 END) AS part_3
FROM orders AS o WHERE o.order_date >= '2024-06-01' AND o.order_date < '2024-07-01'
"""

from __future__ import annotations

from sqlopt_env.survey import ColumnSurvey

from ..pen import Condition, Pen, Source, clauses, where
from .base import Sketch
from .group_figures import Named, groups
from .phrases import condition_on, few, free, joined_parent, listed, measures, span

NAME = "counts"


def draw(pen: Pen) -> Sketch | None:
    relation = pen.relation("columns")
    if relation is None:
        return None
    source = pen.source(relation)
    conditions = few(pen, source, rows=relation.rows // 6, least=200, most=2) if pen.chance(0.92) else []
    columns = pen.some(free(source, relation.columns, *conditions), 1, 3)
    if not columns or (not conditions and relation.rows > 60_000):
        return None
    outputs = ["COUNT(*) AS how_many"] if pen.chance(0.4) else []
    number, style = pen.whole(2, 6), pen.whole(0, 3)
    parts = {str(part): part for _ in range(20) if (part := _part(pen, source, pen.one(columns))) is not None}
    for part in list(parts.values())[: number - len(outputs)]:
        outputs.append(f"{_figure(pen, source, part, style)} AS part_{len(outputs) + 1}")
    if len(outputs) < 2:
        return None
    joined = joined_parent(pen, source) if pen.chance(0.2) else None
    by: list[Named] = []
    if pen.chance(0.4):
        by = groups(pen, joined[0] if joined else source, *conditions, links=False)
        by = [part for part in by if not any(part.sql in output for output in outputs)]
    sql = clauses(
        f"SELECT {', '.join([*map(str, by), *outputs])} FROM {source}",
        joined[1] if joined else "",
        where(*conditions),
        f"GROUP BY {', '.join(part.sql for part in by)}" if by else "",
        f"ORDER BY {', '.join(part.sql for part in by)}" if by and pen.chance(0.7) else "",
    )
    return Sketch(sql, f"Counts of {len(outputs)} kinds of rows of {relation.name}.")


def _part(pen: Pen, source: Source, column: ColumnSurvey) -> Condition | None:
    """What is counted."""
    relation = source.relation
    if column in measures(relation) and column not in relation.categories and pen.chance(0.5):
        return span(pen, source, column, pen.one((0.05, 0.1, 0.25)))
    if column in relation.categories and pen.chance(0.3):
        return listed(pen, source, column, 5)
    return condition_on(pen, source, column, least=0.01)


def _figure(pen: Pen, source: Source, condition: Condition, style: int) -> str:
    """A figure about what fulfils the condition; a report writes most of them in one style."""
    added = measures(source.relation)
    amount = source[pen.one(added)] if added and pen.chance(0.35) else ""
    match style if pen.chance(0.8) else pen.whole(0, 3):
        case 0:
            call = f"{pen.one(('SUM', 'AVG', 'MAX'))}({amount})" if amount else "COUNT(*)"
            return f"{call} FILTER (WHERE {condition})"
        case 1:
            return f"SUM(CASE WHEN {condition} THEN {amount or 1} ELSE 0 END)"
        case 2:
            call = pen.one(("SUM", "AVG", "MIN")) if amount else "COUNT"
            return f"{call}(CASE WHEN {condition} THEN {amount or 1} END)"
        case _:
            return f"COUNT(*) FILTER (WHERE {condition})"
