"""Rows of a parent that have a child of some kind; without a foreign key, rows that share a link with such rows.

SELECT u.id, u.name FROM users AS u WHERE u.city = 'Wien'
AND EXISTS (SELECT 1 FROM orders AS o WHERE o.user_id = u.id AND o.product = 'tablet')
"""

from __future__ import annotations

from ..pen import Pen, clauses, where
from .base import Sketch
from .relatives import relatives

NAME = "semi_join"


def draw(pen: Pen) -> Sketch | None:
    pair = relatives(pen)
    if pair is None:
        return None
    outer, inner, link = pair
    inside = pen.conditions(inner, share=0.005, most=2)
    outside = pen.conditions(outer, share=0.05, most=2) if pen.chance(0.6) else []
    if not inside:
        return None
    outputs = pen.outputs(outer, most=4)
    order = f"ORDER BY {pen.order(outer)}" if pen.chance(0.5) and outer.relation.key else ""
    exists = f"EXISTS (SELECT 1 FROM {inner} {where(link, *inside)})"
    sql = clauses(f"SELECT {', '.join(outputs)} FROM {outer}", where(*outside, exists), order)
    return Sketch(sql, f"Rows of {outer.relation.name} that have {inner.relation.name} of some kind.")
