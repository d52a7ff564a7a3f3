"""Rows that fulfil one of several conditions on different columns.

SELECT o.id, o.user_id, o.amount FROM orders AS o
WHERE (o.amount > 900 OR (o.product = 'laptop 14"' AND o.order_date >= '2024-12-01')) AND o.user_id IS NOT NULL
"""

from __future__ import annotations

from sqlopt_env.survey import ColumnSurvey

from ..pen import Condition, Pen, Source, clauses, where
from .base import Sketch
from .group_figures import Named, figures, groups
from .phrases import condition_on, few, free, listed, measures, span

NAME = "or_columns"


def draw(pen: Pen) -> Sketch | None:
    relation = pen.relation("columns")
    if relation is None or len(relation.columns) < 2:
        return None
    source = pen.source(relation)
    either = _either(pen, source)
    if either is None:
        return None
    conditions = [either]
    if pen.chance(0.4):
        conditions += map(str, few(pen, source, either, rows=relation.rows, least=relation.rows // 6, most=2))
    if pen.chance(0.25):
        by: list[Named] = groups(pen, source, most=1, links=False) if pen.chance(0.6) else []
        outputs = [*map(str, by), *map(str, figures(pen, source, *conditions, by=by))]
        group = f"GROUP BY {by[0].sql}" if by else ""
        order = f"ORDER BY {by[0].sql}" if by and pen.chance(0.5) else ""
    else:
        outputs, group = pen.outputs(source, key=pen.chance(0.7)), ""
        order = f"ORDER BY {pen.order(source)}" if pen.chance(0.5) and relation.key else ""
        order += f" {pen.limit()}" if order and pen.chance(0.25) else ""
    sql = clauses(f"SELECT {', '.join(outputs)} FROM {source}", where(*conditions), group, order)
    return Sketch(sql, f"Rows of {relation.name} that fulfil one of several conditions.")


def _either(pen: Pen, source: Source) -> str | None:
    """Two to four branches on different columns, each of few rows; some are two conditions together."""
    columns = pen.some(free(source, source.relation.columns), 2, 6)
    share = pen.one((0.005, 0.01, 0.02, 0.04))
    wanted, branches = pen.one((2, 2, 2, 3, 3, 4)), list[str]()
    while columns and len(branches) < wanted:
        column = columns.pop()
        condition = _selective(pen, source, column, share)
        if condition is None:
            continue
        other = condition_on(pen, source, columns[-1], least=0.1) if len(columns) > 1 and pen.chance(0.35) else None
        if other is not None:
            columns.pop()
            branches.append(f"({condition} AND {other})")
        else:
            branches.append(f"({condition})" if " AND " in condition.sql else condition.sql)
    return f"({' OR '.join(branches)})" if len(branches) > 1 else None


def _selective(pen: Pen, source: Source, column: ColumnSurvey, share: float) -> Condition | None:
    """A condition on the column that leaves few rows."""
    relation = source.relation
    measured = column in measures(relation) and column not in relation.categories
    if (measured or column in relation.dates) and pen.chance(0.65):
        return span(pen, source, column, share)
    for _ in range(5):
        condition = listed(pen, source, column, 3) if pen.chance(0.5) else condition_on(pen, source, column)
        if condition is not None and condition.share <= 4 * share:
            return condition
    return None
