"""Some rows of one table, by one to three conditions.

SELECT o.id, o.product FROM orders AS o WHERE o.user_id = 473 AND o.amount > 50 ORDER BY o.id
"""

from __future__ import annotations

from ..pen import Pen, clauses, where
from .base import Sketch

NAME = "filter"


def draw(pen: Pen) -> Sketch | None:
    relation = pen.relation()
    if relation is None:
        return None
    source = pen.source(relation)
    conditions = pen.conditions(source, share=0.01)
    if not conditions:
        return None
    outputs = pen.outputs(source, key=pen.chance(0.7))
    order = f"ORDER BY {pen.order(source)}" if pen.chance(0.5) and relation.key else ""
    sql = clauses(f"SELECT {', '.join(outputs)} FROM {source}", where(*conditions), order)
    return Sketch(sql, f"Some rows of {relation.name}, by {len(conditions)} conditions.")
