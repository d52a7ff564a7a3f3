"""Figures about groups, of some rows or for some groups: GROUP BY with HAVING.

SELECT o.product, COUNT(*) AS how_many, SUM(o.amount) AS total_amount FROM orders AS o
WHERE o.order_date >= '2024-01-01' GROUP BY o.product HAVING COUNT(*) > 50 ORDER BY how_many DESC, o.product
"""

from __future__ import annotations

from ..pen import Pen, Source, clauses, where
from .base import Sketch
from .group_figures import Named, figures, groups
from .phrases import few, free, joined_parent, measures

NAME = "grouping"


def draw(pen: Pen) -> Sketch | None:
    relation = pen.relation("links") if pen.chance(0.5) else pen.relation("categories")
    relation = relation or pen.relation("categories") or pen.relation("links")
    if relation is None:
        return None
    source = pen.source(relation)
    joined = joined_parent(pen, source) if pen.chance(0.3) else None
    conditions = few(pen, source, rows=min(relation.rows // 3, 20_000), least=500, most=3)
    by = groups(pen, source, *conditions)
    if joined:
        by = [*groups(pen, joined[0], most=1, links=False), *by[:1]][: pen.whole(1, 2)] or by
    if not by or not conditions:
        return None
    shown = figures(pen, source, *conditions, by=by)
    having = _having(pen, source, by) if pen.chance(0.5) else ""
    limited = pen.chance(0.3)
    leading = [figure for figure in shown if figure.exact]
    terms = [pen.one((part.sql, part.name)) for part in pen.some(leading, 1, 2)] if leading and pen.chance(0.5) else []
    if terms or limited or pen.chance(0.5):
        terms += [part.sql for part in by]
    order = ", ".join(term + pen.one(("", " DESC")) for term in terms)
    sql = clauses(
        f"SELECT {', '.join(map(str, [*by, *shown]))} FROM {source}",
        joined[1] if joined else "",
        where(*conditions),
        f"GROUP BY {', '.join(part.sql for part in by)}",
        f"HAVING {having}" if having else "",
        f"ORDER BY {order}" if order else "",
        pen.limit() if limited else "",
    )
    return Sketch(sql, f"Figures about groups of {relation.name}.")


def _having(pen: Pen, source: Source, by: list[Named]) -> str:
    """What groups are asked for: their size, or what is certain to the last digit."""
    relation = source.relation
    whole = [column for column in measures(relation) if column.kind == "INTEGER"]
    parts = [Named("COUNT(*)", "")]
    parts += [Named(f"SUM({source[column]})", str(column.values[len(column.values) // 2])) for column in whole]
    parts += [Named(f"MAX({source[c]})", str(c.values[len(c.values) // 2])) for c in measures(relation)]
    parts += [Named(f"COUNT(DISTINCT {source[column]})", "") for column in free(source, relation.links, *by)]
    asked = []
    for part in [parts[0], *pen.some(parts[1:], 0, 1)][pen.whole(0, 1) if len(parts) > 1 else 0 :]:
        limit = part.name or pen.one((1, 1, 2, 3, 5, 10) if len(by) == 1 else (1, 1, 1, 2, 3))
        asked.append(f"{part.sql} {pen.one(('>', '>='))} {limit}")
    return " AND ".join(asked) or "COUNT(*) > 1"
