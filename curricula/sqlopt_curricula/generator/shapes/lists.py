"""Rows whose columns have one of some values, in one to three lists, or figures about them.

SELECT o.id, o.product, o.amount FROM orders AS o
WHERE o.product IN ('tablet', 'e-reader') AND o.user_id IN (17, 473, 2110) ORDER BY o.amount DESC, o.id
"""

from __future__ import annotations

from math import prod

from sqlopt_env.survey import ColumnSurvey

from ..pen import Condition, Pen, Source, clauses, where
from .base import Sketch
from .group_figures import figures, groups
from .phrases import condition_on, free, joined_parent, listed, measures, span

NAME = "lists"


def draw(pen: Pen) -> Sketch | None:
    relation = pen.relation("categories") if pen.chance(0.5) else pen.relation("links")
    relation = relation or pen.relation("categories") or pen.relation("links")
    if relation is None:
        return None
    source = pen.source(relation)
    grouped = pen.chance(0.3)
    conditions = _lists(pen, source, rows=relation.rows // 8 if grouped else 2000)
    if not conditions:
        return None
    joined = joined_parent(pen, source) if pen.chance(0.2) else None
    from_ = clauses(f"FROM {source}", joined[1] if joined else "")
    if grouped:
        by = groups(pen, joined[0] if joined else source, *conditions, links=not joined)
        outputs = [*map(str, by), *map(str, figures(pen, source, *conditions, by=by))]
        order = ", ".join(part.sql + pen.one(("", "", " DESC")) for part in by) if pen.chance(0.6) else ""
        group = f"GROUP BY {', '.join(part.sql for part in by)}" if by else ""
    else:
        outputs, group = pen.outputs(source, key=pen.chance(0.7)), ""
        outputs += pen.outputs(joined[0], most=2, key=False) if joined else []
        order = pen.order(source) if pen.chance(0.5) and relation.key else ""
    sql = clauses(
        f"SELECT {', '.join(outputs)} {from_}", where(*conditions), group, f"ORDER BY {order}" if order else "",
        pen.limit() if order and not grouped and pen.chance(0.2) else "",
    )  # fmt: skip
    return Sketch(sql, f"Rows of {relation.name} by lists of values.")


def _lists(pen: Pen, source: Source, rows: int) -> list[Condition]:
    """Lists and other conditions that leave at most about so many rows; [] where none come to mind."""
    relation = source.relation
    days = relation.dates if pen.chance(0.3) else ()
    columns = free(source, dict.fromkeys((*relation.categories, *relation.links, *days)))
    for _ in range(12):
        chosen = pen.some(columns, 1, 3)
        found = [listed(pen, source, column) for column in chosen]
        rest = free(source, relation.columns, *(source[column] for column in chosen))
        for column in pen.some(rest, 0, 2):
            found.append(
                span(pen, source, column, 0.2) if column in measures(relation) else _other(pen, source, column)
            )
        conditions = [condition for condition in found if condition is not None]
        expected = prod(condition.share for condition in conditions) * relation.rows
        if any(" IN (" in condition.sql for condition in conditions) and 8 <= expected <= rows:
            return conditions
    return []


def _other(pen: Pen, source: Source, column: ColumnSurvey) -> Condition | None:
    """Another condition, or what is not in a list."""
    if column in source.relation.categories and pen.chance(0.4):
        unwanted = listed(pen, source, column, 5)
        if unwanted is not None and unwanted.share < 0.7:
            sql = unwanted.sql.replace(" IN (", " NOT IN (", 1)
            return Condition(sql, 1 - unwanted.share - column.nulls)
    return condition_on(pen, source, column, least=0.1)
