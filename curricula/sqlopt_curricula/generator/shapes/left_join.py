"""Rows with those that belong to them, or without any.

SELECT u.id, u.name, COUNT(o.id) AS how_many FROM users AS u
LEFT JOIN orders AS o ON o.user_id = u.id AND o.product = 'tablet'
WHERE u.signup_date >= '2024-11-01' AND u.signup_date < '2024-12-01' GROUP BY u.id, u.name
"""

from __future__ import annotations

from collections.abc import Sequence

from ..pen import Pen, Source, clauses, where
from .base import Sketch
from .narrowing import narrowed
from .pairs import Pair, both, related
from .tallies import Figure, figures_of, word
from .telling import Found, ending, groups, tell

NAME = "left_join"


def draw(pen: Pen) -> Sketch | None:
    pair = related(pen)
    if pair is None:
        return None
    if pair.single and pen.chance(0.3):
        return _upwards(pen, pair)
    one, many = pair.one, pair.many
    each = max(1.0, many.relation.rows / max(1, one.relation.rows))
    outside = narrowed(pen, one, 2500 / each, max(20 / each, one.relation.rows * 0.005))
    inside = narrowed(pen, many, many.relation.rows * 0.3, many.relation.rows * 0.002, most=2)
    if not pair.single and not inside:
        return None
    inside = inside if not pair.single or pen.chance(0.6) else []
    sides = f"{one} LEFT JOIN {many} ON {' AND '.join([pair.on, *map(str, inside)])}"
    own = many[many.relation.key[0]] if many.relation.key else many[pair.links[0][0]]
    way = pen.one(("none", "count", "count", "rows", "rows", "groups"))
    if way == "none":
        found = Found(sides, [*outside, f"{own} IS NULL"], (one,), both(one))
        return Sketch(tell(pen, found), f"{one.relation.name} without {many.relation.name}.")
    if way == "count" and one.relation.key:
        return Sketch(_counted(pen, sides, outside, one, many, own), f"{one.relation.name}, counted {own}.")
    shown = Figure(f"CASE WHEN {own} IS NULL THEN 'no' ELSE 'yes' END", f"has_{word(many.relation.name)}")
    found = Found(sides, outside, (one, many), both(one, many), (shown,) if pen.chance(0.3) else ())
    query = groups(pen, found) if way == "groups" else tell(pen, found, "rrrs")
    return Sketch(query, f"{one.relation.name} with their {many.relation.name}, if any.")


def _upwards(pen: Pen, pair: Pair) -> Sketch:
    """The many with the one to which they belong, if they do."""
    one, many = pair.one, pair.many
    optional = [c for c in many.relation.nullable if c.name in [a for a, _ in pair.links]]
    conditions: list[object] = [*narrowed(pen, many, 2500)]
    if optional and pen.chance(0.25):
        conditions = [*narrowed(pen, many, many.relation.rows * 0.5, 500), f"{one[pair.links[0][1]]} IS NULL"]
    inside = narrowed(pen, one, one.relation.rows * 0.5, one.relation.rows * 0.1, most=1) if pen.chance(0.4) else []
    sides = f"{many} LEFT JOIN {one} ON {' AND '.join([pair.on, *map(str, inside)])}"
    texts = [Figure(f"COALESCE({one[c]}, 'none')", f"{word(c.name)}_or_none") for c in one.relation.texts]
    extra = (pen.one(texts),) if texts and pen.chance(0.5) else ()
    query = tell(pen, Found(sides, conditions, (many, one), pair.key, extra))
    return Sketch(query, f"{many.relation.name} with their {one.relation.name}, if any.")


def _counted(pen: Pen, sides: str, outside: Sequence[object], one: Source, many: Source, own: str) -> str:
    """Each of the one with how many of the many it has, and other figures."""
    columns = [c for c in one.relation.columns if c.name not in one.relation.key and c.collation == "BINARY"]
    terms = [*(one[column] for column in one.relation.key), *(one[column] for column in pen.some(columns, 0, 2))]
    count = Figure(f"COUNT({own})", "how_many")
    others = figures_of(pen, [many], 1, 2, besides=[count, *map(Figure, terms)]) if pen.chance(0.6) else []
    others = [figure for figure in others if "COUNT(*)" not in figure.sql]
    limits = (f"COUNT({own}) >= 2", f"COUNT({own}) < 3", f"COUNT({own}) = 0", f"COUNT(DISTINCT {own}) > 1")
    order = pen.one(([], ["how_many DESC"], [f"COUNT({own}) DESC"], ["how_many"]))
    return clauses(
        f"SELECT {', '.join([*terms, *map(str, [count, *others])])} FROM {sides}",
        where(*outside),
        f"GROUP BY {', '.join(terms)}",
        f"HAVING {pen.one(limits)}" if pen.chance(0.3) else "",
        ending(pen, [*order, *terms]),
    )
