"""Pairs of rows of one table that share a link, such as a user or a city, each of a kind of its own.

SELECT o.id, o2.id AS orders_id FROM orders AS o JOIN orders AS o2 ON o2.user_id = o.user_id
WHERE o.product = 'laptop 14"' AND o2.product = 'laptop sleeve' AND o2.order_date >= o.order_date
"""

from __future__ import annotations

from ..pen import Pen
from .base import Sketch
from .narrowing import binary, narrowed
from .pairs import across, both, differences, shared_link
from .tallies import Figure, some_groupings
from .telling import Found, groups, tell

NAME = "shared_links"


def draw(pen: Pen) -> Sketch | None:
    pair = shared_link(pen)
    if pair is None:
        return None
    one, other = pair.one, pair.many
    relation = one.relation
    ((link, _),) = pair.links
    found = next(column for column in relation.links if column.name == link)
    each = max(2.0, relation.rows * (1 - found.nulls) / found.distinct)
    few = min(relation.rows * 0.5, (1500 * relation.rows / each) ** 0.5)  # so many on both sides make 1500 pairs or so
    conditions: list[object] = [*narrowed(pen, one, few / 3, few / 12, besides=[link])]
    conditions += narrowed(pen, other, 3 * few, few, 2, timeless=True, besides=[link])
    if len(conditions) < 2:
        return None
    joined = f"{one} JOIN {other} ON {pair.on}"
    kinds = [column for column in binary(relation.categories) if column.name != link]
    if kinds and pen.chance(0.2):
        kind = pen.one(kinds)
        joined += f" AND {other[kind]} = {one[kind]}"
        conditions = [condition for condition in conditions if f"{other[kind]} " not in str(condition)]
    compared = across(pen, one, other, [*conditions, f"{joined} "])
    if compared and pen.chance(0.45):
        conditions.append(pen.one(compared))
    keys = [column for column in relation.key if column != link]
    if keys and pen.chance(0.5):
        conditions.append(f"{one[keys[0]]} {pen.one(('<', '<>'))} {other[keys[0]]}")
    if pen.chance(0.15):
        by = [Figure(one[link]), *(some_groupings(pen, [other], 1) if pen.chance(0.5) else [])]
        return Sketch(groups(pen, Found(joined, conditions, (one, other)), by), f"Pairs of {relation.name} by {link}.")
    extra = differences(one, other)
    some = (pen.one(extra),) if extra and pen.chance(0.5) else ()
    query = tell(pen, Found(joined, conditions, (one, other), both(one, other), some))
    return Sketch(query, f"Pairs of {relation.name} that share {link}.")
