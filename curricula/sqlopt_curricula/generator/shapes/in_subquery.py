"""Rows whose key or link is among those of other rows, or is not; or that are more than a figure about other rows.

SELECT u.id, u.name FROM users AS u WHERE u.city = 'Wien' AND u.id IN (SELECT o.user_id FROM orders AS o
WHERE o.product IN ('tablet', 'mouse') AND o.order_date >= '2024-01-01')
"""

from __future__ import annotations

from collections.abc import Sequence

from ..pen import Condition, Pen, Source, where
from .base import Sketch
from .narrowing import binary, moved, narrowed, quantities
from .pairs import Pair, both, related
from .telling import Found, tell

NAME = "in_subquery"


def draw(pen: Pen) -> Sketch | None:
    if pen.chance(0.3):
        relation = pen.relation()
        if relation is None:
            return None
        source = pen.source(relation)
        conditions = narrowed(pen, source, 4000, 200)
        compared = _than_figure(pen, source, conditions)
        if compared is None:
            return None
        query = tell(pen, Found(str(source), [*conditions, compared], (source,), both(source)))
        return Sketch(query, f"{relation.name} that are more than a figure about them.")
    pair = related(pen)
    if pair is None or len(pair.links) > 1:
        return None
    upwards = pair.single and pen.chance(0.4)
    outer, inner = (pair.many, pair.one) if upwards else (pair.one, pair.many)
    ((many, one),) = pair.links
    own, linked = (many, one) if upwards else (one, many)
    without = not upwards and pen.chance(0.25)
    least = 0.1 if outer.relation is inner.relation else 0.02
    inside = narrowed(pen, inner, inner.relation.rows * 0.4, inner.relation.rows * least)
    deeper = _deeper(pen, inner, pair) if pen.chance(0.35) else None
    if deeper is not None:
        inside = [*narrowed(pen, inner, inner.relation.rows, inner.relation.rows * 0.2, most=1), deeper]
    if not inside:
        return None
    if without and not inner.relation.survey.column(linked).not_null:
        inside.append(Condition(f"{inner[linked]} IS NOT NULL", 1.0))
    few = min(max(200, outer.relation.rows * 0.05), 1500)
    outside = narrowed(pen, outer, max(few, 4000) if without else min(15_000, outer.relation.rows * 0.3), few, most=2)
    grouped = ""
    if not upwards and pen.chance(0.25):
        numbers = [
            f"MAX({inner[c]}) > {c.values[len(c.values) * 3 // 4]!r}"
            for c in quantities(inner.relation)
            if c.name != linked
        ]
        limits = ["COUNT(*) > 1", "COUNT(*) >= 3", "COUNT(*) = 1", *numbers[:2]]
        grouped = f" GROUP BY {inner[linked]} HAVING {pen.one(limits)}"
    sign = "NOT IN" if without else "IN"
    among = f"{outer[own]} {sign} (SELECT {inner[linked]} FROM {inner} {where(*inside)}{grouped})"
    compared = _than_figure(pen, outer, outside) if pen.chance(0.15) else None
    outside = [*outside, Condition(among, 0.1), *([compared] if compared is not None else [])]
    query = tell(pen, Found(str(outer), outside, (outer,), both(outer)))
    return Sketch(query, f"{outer.relation.name} by what is {'not ' if without else ''}among {inner.relation.name}.")


def _deeper(pen: Pen, inner: Source, pair: Pair) -> Condition | None:
    """Another IN, over what belongs to the inner rows: their parents, or rows that share a link with them."""
    used = {column for link in pair.links for column in link}
    edges = [
        edge
        for edge in pen.catalogue.edges
        if edge.child is inner.relation and len(edge.pairs) == 1 and edge.pairs[0][0] not in used
    ]
    shared = [c.name for c in binary(inner.relation.links) if c.name not in used]
    if edges and (not shared or pen.chance(0.7)):
        edge = pen.one(edges)
        other = pen.source(edge.parent)
        ((own, linked),) = edge.pairs
    elif shared:
        other = pen.source(inner.relation)
        own = linked = pen.one(shared)
    else:
        return None
    conditions = narrowed(pen, other, other.relation.rows * 0.4, other.relation.rows * 0.03, most=2)
    if not conditions:
        return None
    return Condition(f"{inner[own]} IN (SELECT {other[linked]} FROM {other} {where(*conditions)})", 0.1)


def _than_figure(pen: Pen, source: Source, conditions: Sequence[Condition]) -> Condition | None:
    """A column compared with a figure about rows of the same table, with the same conditions or with others."""
    relation = source.relation
    other = pen.source(relation)
    same = where(*(moved(condition, source, other) for condition in conditions))
    some = where(*narrowed(pen, other, relation.rows * 0.4, relation.rows * 0.01, most=2))
    ways = []
    for column in quantities(relation):
        if source[column] not in " ".join(map(str, conditions)):
            own, theirs = source[column], other[column]
            factor = pen.one(("", "1.5 * ", "2 * ", "0.25 * "))
            ways.append(f"{own} {pen.one(('>', '>', '<'))} {factor}(SELECT AVG({theirs}) FROM {other} {some})")
            ways.append(f"{own} {pen.one(('>', '>=', '<'))} (SELECT AVG({theirs}) FROM {other} {same})")
    for column in [*quantities(relation), *relation.dates]:
        best = pen.one(("MAX", "MIN"))
        ways.append(f"{source[column]} = (SELECT {best}({other[column]}) FROM {other} {same})")
    return Condition(pen.one(ways), 0.3) if ways else None
