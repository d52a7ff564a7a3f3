"""Rows and those above or below them in the same table: employees and managers, replies and what they reply to.

SELECT e.id, e.name, direct_employees.how_many FROM employees AS e
JOIN (SELECT e2.manager_id, COUNT(*) AS how_many FROM employees AS e2 WHERE e2.left_on IS NULL GROUP BY e2.manager_id)
AS direct_employees ON direct_employees.manager_id = e.id WHERE e.office = 'Wien'
"""

from __future__ import annotations

from collections.abc import Callable

from ..pen import Pen, Source, where
from .base import Sketch
from .narrowing import narrowed
from .pairs import Pair, across, both, differences, grouped, match, pair_of
from .tallies import Figure, figures_of, title
from .telling import Found, tell

NAME = "hierarchy"


def draw(pen: Pen) -> Sketch | None:
    edges = [e for e in pen.catalogue.edges if e.child is e.parent and len(e.pairs) == 1 and e.child.rows >= 1000]
    if not edges:
        return None
    pair = pair_of(pen, pen.one(edges))
    if not pair.single:
        return None
    ways: list[Callable[[Pen, Pair], Sketch | None]]
    ways = [_levels, _levels, _counted, _counted, _peers, _ends, _walk]
    return pen.one(ways)(pen, pair)


def _levels(pen: Pen, pair: Pair) -> Sketch:
    """A row, the one above it, and often the one above that."""
    row, above = pair.many, pair.one
    joined, shown = f"{row} JOIN {above} ON {pair.on}", [row, above]
    ((link, key),) = pair.links
    for _ in range(pen.one((0, 0, 1, 1, 2))):
        top = pen.source(row.relation)
        joined += f" {pen.one(('', '', 'LEFT '))}JOIN {top} ON {shown[-1][link]} = {top[key]}"
        shown.append(top)
    rows = row.relation.rows
    some = narrowed(pen, row, min(3000, rows * 0.1) / pair.filled, min(300, rows * 0.02) / pair.filled, most=2)
    conditions: list[object] = [*some]
    if pen.chance(0.35):
        conditions += narrowed(pen, above, above.relation.rows, above.relation.rows * 0.3, most=1)
    compared = across(pen, above, row, conditions)
    conditions += [pen.one(compared)] if compared and pen.chance(0.5) else []
    extra = differences(above, row)
    more = (pen.one(extra),) if extra and pen.chance(0.4) else ()
    found = Found(joined, conditions, tuple(shown[:3]), pair.key, more)
    return Sketch(tell(pen, found, "rrrggs"), f"{row.relation.name} with those {len(shown) - 1} levels above.")


def _counted(pen: Pen, pair: Pair) -> Sketch:
    """Rows with figures about those directly below them."""
    row, below = pair.one, pair.many
    ((link, key),) = pair.links
    name = title(pen, row.relation, pen.one(("direct_{}", "{}_below", "own_{}")))
    count = Figure("COUNT(*)", "how_many")
    figures = [count, *figures_of(pen, [below], 1, 3, besides=[count, Figure(below[link])])]
    inside = narrowed(pen, below, below.relation.rows * 0.25, 200, most=2) if pen.chance(0.75) else []
    limit = f"COUNT(*) {pen.one(('> 1', '>= 3', '>= 5', '< 4'))}" if pen.chance(0.25) else ""
    optional = pen.chance(0.4)
    part = grouped(below, [link], figures, inside, limit)
    joined = f"{row} {'LEFT ' if optional else ''}JOIN ({part}) AS {name} ON {match(name, [link], [row[key]])}"
    extra = [Figure(f"{name}.{figure.name}", figure.name, figure.steady) for figure in figures]
    if optional:
        extra[0] = Figure(f"COALESCE({name}.how_many, 0)", "how_many")
    most = min(2000.0, row.relation.rows * (0.06 if optional else 0.3))
    conditions: list[object] = [*narrowed(pen, row, most, most / 5, most=2)]
    if pen.chance(0.2):
        conditions.append(f"{extra[0].sql} {pen.one(('> 2', '< 4', '<= 6'))}")
    found = Found(joined, conditions, (row,), both(row), tuple(extra))
    return Sketch(tell(pen, found, "rrrg"), f"{row.relation.name} and what is below.")


def _peers(pen: Pen, pair: Pair) -> Sketch:
    """Two rows directly below the same one."""
    one, other = pair.many, pen.source(pair.many.relation)
    ((link, _),) = pair.links
    conditions: list[object] = [*narrowed(pen, one, 500, 50, most=2)]
    conditions += narrowed(pen, other, other.relation.rows * 0.4, other.relation.rows * 0.03, most=1)
    conditions += [f"{one[column]} <> {other[column]}" for column in one.relation.key[:1]]
    compared = across(pen, one, other, conditions)
    conditions += [pen.one(compared)] if compared and pen.chance(0.4) else []
    found = Found(f"{one} JOIN {other} ON {other[link]} = {one[link]}", conditions, (one, other), both(one, other))
    return Sketch(tell(pen, found), f"Pairs of {one.relation.name} below the same one.")


def _ends(pen: Pen, pair: Pair) -> Sketch:
    """Rows that are above others of a kind; or those at the top, or below nobody of a kind."""
    row, below = pair.one, pair.many
    inside = narrowed(pen, below, below.relation.rows * 0.5, below.relation.rows * 0.05, most=2)
    conditions: list[object] = [*narrowed(pen, row, min(4000.0, row.relation.rows * 0.6), 400, most=2)]
    if pen.chance(0.7):
        conditions.append(f"EXISTS (SELECT 1 FROM {below} {where(pair.on, *inside)})")
        return Sketch(tell(pen, Found(str(row), conditions, (row,), both(row))), f"{row.relation.name} above others.")
    some = narrowed(pen, row, row.relation.rows, 50)
    conditions = [*inside, f"NOT EXISTS (SELECT 1 FROM {row} {where(pair.on, *some)})"]
    found = Found(str(below), conditions, (below,), both(below))
    return Sketch(tell(pen, found), f"{row.relation.name} below none of a kind.")


def _walk(pen: Pen, pair: Pair) -> Sketch | None:
    """From a few rows upwards, a bounded number of steps."""
    row, above = pair.many, pair.one
    ((link, key),) = pair.links
    if row.relation.key != (key,) or link == key:
        return None
    start = narrowed(pen, row, 300, 60)
    name, most = title(pen, row.relation, pen.one(("line_of_{}", "path_of_{}", "{}_upwards"))), pen.whole(2, 6)
    steps = (
        f"WITH RECURSIVE {name} (start_key, next_key, depth) AS (SELECT {row[key]}, {row[link]}, 0 FROM {row} "
        f"{where(*start)} UNION ALL SELECT {name}.start_key, {above[link]}, {name}.depth + 1 FROM {name} "
        f"JOIN {above} ON {above[key]} = {name}.next_key WHERE {name}.depth < {most})"
    )
    shown: Source = pen.source(row.relation)
    extra = (Figure(f"{name}.start_key", "start_key"), Figure(f"{name}.depth", "depth"))
    conditions = narrowed(pen, shown, shown.relation.rows, shown.relation.rows * 0.3, most=1) if pen.chance(0.5) else []
    found = Found(
        f"{name} JOIN {shown} ON {shown[key]} = {name}.next_key",
        conditions,
        (shown,),
        (f"{name}.start_key", f"{name}.depth"),
        extra,
    )
    return Sketch(f"{steps} {tell(pen, found, 'rrrg')}", f"The ways up from some {row.relation.name}.")
