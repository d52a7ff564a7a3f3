"""Rows of two tables along a foreign key, or figures about them; without one, rows of a table that share a link.

SELECT o.id, o.amount, u.name FROM orders AS o JOIN users AS u ON o.user_id = u.id
WHERE o.product = 'tablet' AND u.city = 'Wien' ORDER BY o.amount DESC, o.id LIMIT 20
"""

from __future__ import annotations

from ..pen import Pen
from .base import Sketch
from .narrowing import narrowed
from .pairs import across, differences, related
from .telling import Found, tell

NAME = "join"


def draw(pen: Pen) -> Sketch | None:
    pair = related(pen, shared=0.05)
    if pair is None:
        return None
    one, many = pair.one, pair.many
    if not pair.single:  # both must be few, for there are many pairs of them
        conditions = [*narrowed(pen, one, 3000, 1000, 2), *narrowed(pen, many, 3000, 1000, 2, timeless=True)]
    elif pen.chance(0.75):
        rows = many.relation.rows
        conditions = narrowed(pen, many, min(3000, rows * 0.08) / pair.filled, min(300, rows * 0.02) / pair.filled)
        if pen.chance(0.55):
            conditions += narrowed(
                pen, one, one.relation.rows, one.relation.rows * (0.3 if one.relation is many.relation else 0.1), most=2
            )
    else:
        each = max(1.0, many.relation.rows / max(1, one.relation.rows))
        conditions = narrowed(pen, one, 3000 / each, max(60 / each, one.relation.rows * 0.01))
    if not conditions:
        return None
    compared = across(pen, one, many, conditions)
    extra = differences(one, many)
    sources = (many, one) if pen.chance(0.6) else (one, many)
    found = Found(
        f"{sources[0]} JOIN {sources[1]} ON {pair.on}",
        [*conditions, *([pen.one(compared)] if compared and pen.chance(0.2) else [])],
        (many, one),
        pair.key,
        (pen.one(extra),) if extra and pen.chance(0.25) else (),
    )
    return Sketch(tell(pen, found), f"{many.relation.name} together with their {one.relation.name}.")
