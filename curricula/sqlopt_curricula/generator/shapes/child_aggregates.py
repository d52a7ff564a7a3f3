"""Parents with figures about their children; without a foreign key, of the rows that share a link.

SELECT u.id, u.name, COALESCE(figures.how_many, 0) AS how_many, figures.total FROM users AS u
LEFT JOIN (SELECT o.user_id AS link, COUNT(*) AS how_many, SUM(o.amount) AS total FROM orders AS o
           GROUP BY o.user_id) AS figures ON figures.link = u.id
WHERE u.city = 'Wien' ORDER BY u.id
"""

from __future__ import annotations

from ..pen import Pen, clauses, where
from .base import Sketch

NAME = "child_aggregates"


def draw(pen: Pen) -> Sketch | None:
    edge = pen.edge()
    if edge is None or len(edge.pairs) > 1:
        return None
    parent, child = pen.source(edge.parent), pen.source(edge.child)
    ((link, key),) = edge.pairs
    figures = pen.aggregates(child, 1, 3)
    inside = pen.conditions(child, share=0.1, most=1) if pen.chance(0.5) else []
    outside = pen.conditions(parent, share=0.05, most=2)
    if not outside:
        return None
    grouped = clauses(
        f"SELECT {child[link]} AS link, {', '.join(figures)} FROM {child}",
        where(*inside),
        f"GROUP BY {child[link]}",
    )
    names = [figure.rpartition(" AS ")[2] for figure in figures]
    shown = [
        f"COALESCE(figures.{name}, 0) AS {name}" if name.startswith("how_many") else f"figures.{name}" for name in names
    ]
    sql = clauses(
        f"SELECT {', '.join([*pen.outputs(parent, most=3), *shown])} FROM {parent}",
        f"LEFT JOIN ({grouped}) AS figures ON figures.link = {parent[key]}",
        where(*outside),
        f"ORDER BY {pen.order(parent)}" if pen.chance(0.5) and parent.relation.key else "",
    )
    return Sketch(sql, f"Rows of {parent.relation.name} with figures about their {child.relation.name}.")
