"""Rows in ranges of dates and numbers, or how many there are by day, month or kind.

SELECT o.id, o.amount FROM orders AS o
WHERE o.order_date >= '2024-03-01' AND o.order_date < '2024-05-01' AND o.amount BETWEEN 20 AND 25
"""

from __future__ import annotations

from ..pen import Condition, Pen, Source, clauses, where
from .base import Sketch
from .group_figures import Named, figures, groups
from .phrases import condition_on, free, joined_parent, measures, span

NAME = "ranges"


def draw(pen: Pen) -> Sketch | None:
    relation = pen.relation("dates") if pen.chance(0.6) else pen.relation("numbers")
    relation = relation or pen.relation("dates") or pen.relation("numbers")
    if relation is None:
        return None
    source = pen.source(relation)
    if pen.chance(0.3):
        return _report(pen, source)
    conditions = _ranges(pen, source, rows=pen.one((50, 200, 1000)))
    if not conditions:
        return None
    outputs = pen.outputs(source, key=pen.chance(0.7))
    joined = joined_parent(pen, source) if pen.chance(0.2) else None
    if joined:
        outputs += pen.outputs(joined[0], most=2, key=False)
    order = f"ORDER BY {pen.order(source)}" if pen.chance(0.5) and relation.key else ""
    from_ = clauses(f"FROM {source}", joined[1] if joined else "")
    sql = clauses(f"SELECT {', '.join(outputs)} {from_}", where(*conditions), order)
    return Sketch(sql, f"Rows of {relation.name} in {len(conditions)} ranges.")


def _ranges(pen: Pen, source: Source, rows: int) -> list[Condition]:
    """One to three ranges that about so many rows are in, and at times another condition."""
    relation = source.relation
    measured = measures(relation) if pen.chance(0.8) else relation.numbers
    columns = pen.some((*relation.dates, *(measured or relation.numbers)), 1, 3)
    rest = free(source, relation.columns, *(source[column] for column in columns))
    other = condition_on(pen, source, pen.one(rest), least=0.05) if rest and pen.chance(0.4) else None
    left = min(0.4, rows / relation.rows / (other.share if other else 1))
    found = [span(pen, source, column, left ** (1 / len(columns))) for column in columns]
    return [condition for condition in (*found, other) if condition is not None] if any(found) else []


def _report(pen: Pen, source: Source) -> Sketch | None:
    """Figures about the rows in ranges, as a whole or for each group."""
    conditions = _ranges(pen, source, rows=max(500, source.relation.rows // pen.one((10, 25, 60))))
    if not conditions:
        return None
    by: list[Named] = groups(pen, source, *conditions, links=False) if pen.chance(0.8) else []
    outputs = [*map(str, by), *map(str, figures(pen, source, *conditions, by=by))]
    order = ", ".join(part.sql + pen.one(("", "", " DESC")) for part in by) if pen.chance(0.7) else ""
    sql = clauses(
        f"SELECT {', '.join(outputs)} FROM {source}",
        where(*conditions),
        f"GROUP BY {', '.join(part.sql for part in by)}" if by else "",
        f"ORDER BY {order}" if order else "",
    )
    return Sketch(sql, f"Figures about the rows of {source.relation.name} in ranges.")
