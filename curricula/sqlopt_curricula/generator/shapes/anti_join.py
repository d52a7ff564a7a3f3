"""Rows that have nothing of some kind, or that nothing outdoes.

SELECT u.id, u.name FROM users AS u WHERE u.city = 'Wien'
AND NOT EXISTS (SELECT 1 FROM orders AS o WHERE o.user_id = u.id AND o.order_date >= '2024-01-01')
"""

from __future__ import annotations

from ..catalogue import Relation
from ..pen import Condition, Pen, Source, where
from .base import Sketch
from .narrowing import narrowed
from .pairs import Pair, both, match, related
from .tallies import title
from .telling import Found, tell

NAME = "anti_join"
_STEPS = 1_000_000  # rows that may be looked at where nothing but a scan finds what belongs to a row


def draw(pen: Pen) -> Sketch | None:
    pair = related(pen)
    if pair is None:
        return None
    if pair.many.relation.dates and pen.chance(0.15):
        return _last(pen, pair)
    upwards = pair.single and pen.chance(0.3)
    outer, inner = (pair.many, pair.one) if upwards else (pair.one, pair.many)
    inside = narrowed(pen, inner, inner.relation.rows * 0.4, inner.relation.rows * 0.01, most=2)
    links = [(b, a) if upwards else (a, b) for a, b in pair.links]  # (of the inner, of the outer)
    slow = not upwards and len(links) == 1 and not _found_by_key(inner.relation, links[0][0])
    at_once = slow and pen.chance(0.5 if inner.relation.rows < 100_000 else 0.85)
    quick = at_once or _found_by_key(inner.relation, *(column for column, _ in links))
    outside = _outside(pen, outer, inner.relation, quick)
    if not outside or not inside:
        return None
    joined, conditions = str(outer), list[object](outside)
    if not at_once:
        conditions.append(f"NOT EXISTS (SELECT 1 FROM {inner} {where(pair.on, *inside)})")
    elif pen.chance(0.6):
        column, own = inner[links[0][0]], outer[links[0][1]]
        known = inner.relation.survey.column(links[0][0]).not_null
        inside += [] if known else [Condition(f"{column} IS NOT NULL", 1.0)]
        conditions.append(f"{own} NOT IN (SELECT {column} FROM {inner} {where(*inside)})")
    else:
        name = title(pen, inner.relation, pen.one(("with_{}", "having_{}", "known_{}")))
        part = f"SELECT DISTINCT {inner[links[0][0]]} FROM {inner} {where(*inside)}"
        joined += f" LEFT JOIN ({part}) AS {name} ON {match(name, [links[0][0]], [outer[links[0][1]]])}"
        conditions.append(match(name, [links[0][0]], ["NULL"]).replace(" = NULL", " IS NULL"))
    if pen.chance(0.25) and not upwards:
        conditions.append(_also(pen, pair))
    query = tell(pen, Found(joined, conditions, (outer,), both(outer)))
    return Sketch(query, f"{outer.relation.name} that have no {inner.relation.name} of some kind.")


def _also(pen: Pen, pair: Pair) -> str:
    """They have another of a kind."""
    again = Pair(pair.one, pen.source(pair.many.relation), pair.links, pair.single)
    wanted = narrowed(pen, again.many, again.many.relation.rows * 0.7, again.many.relation.rows * 0.1, most=1)
    return f"EXISTS (SELECT 1 FROM {again.many} {where(again.on, *wanted)})"


def _last(pen: Pen, pair: Pair) -> Sketch | None:
    """The latest or the first of each link: there is none later, or earlier."""
    row, other = pair.many, pen.source(pair.many.relation)
    day, sign = pen.one(row.relation.dates), pen.one((">", ">", "<"))
    alike = [f"{other[a]} = {row[a]}" for a, _ in pair.links]
    some = narrowed(pen, other, other.relation.rows * 0.5, other.relation.rows * 0.05, most=1)
    kinds = [c for c in row.relation.categories if c.collation == "BINARY"]
    if kinds and pen.chance(0.3):
        kind = pen.one(kinds)
        alike.append(f"{other[kind]} = {row[kind]}")
    later = where(*alike, f"{other[day]} {sign} {row[day]}", *(some if pen.chance(0.4) else []))
    quick = _found_by_key(row.relation, *(column for column, _ in pair.links))
    conditions = [*_outside(pen, row, row.relation, quick), f"NOT EXISTS (SELECT 1 FROM {other} {later})"]
    query = tell(pen, Found(str(row), conditions, (row,), both(row)))
    return Sketch(query, f"{row.relation.name} with none {'later' if sign == '>' else 'earlier'} of the same link.")


def _outside(pen: Pen, outer: Source, inner: Relation, quick: bool) -> list[Condition]:
    few = _STEPS / inner.rows
    return narrowed(pen, outer, 2000, 150) if quick or pen.chance(0.05) else narrowed(pen, outer, 1.5 * few, few / 2, 4)


def _found_by_key(relation: Relation, *columns: str) -> bool:
    """Whether a key begins with these columns."""
    return any(set(key[: len(columns)]) == set(columns) for key in relation.survey.keys)
