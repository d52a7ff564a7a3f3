"""A page of a list: a total order with LIMIT and OFFSET, or the rows after the last one of the page before.

SELECT o.id, o.product, o.amount FROM orders AS o WHERE o.product = 'tablet' AND o.id > 20110
ORDER BY o.amount DESC, o.id LIMIT 20 OFFSET 40
"""

from __future__ import annotations

from ..pen import Pen, Source, clauses, literal, where
from .base import Sketch
from .phrases import few, free, joined_parent, moved, unused

NAME = "paging"


def draw(pen: Pen) -> Sketch | None:
    relation = pen.relation("key")
    if relation is None:
        return None
    source = pen.source(relation)
    skipped = pen.one((10, 20, 40, 50, 100, 200, 500)) if pen.chance(0.5) else 0
    least = 50 + 3 * skipped
    rows = max(2 * least, pen.one((100, 400, 2000, relation.rows // 5)))
    conditions: list[object] = list(few(pen, source, rows=rows, least=least, most=3)) if pen.chance(0.85) else []
    limit, order = pen.limit(), _order(pen, source)
    if skipped:
        limit += f" OFFSET {skipped}"
    elif pen.chance(0.6):
        after = _after(pen, source, conditions)
        if after is not None:
            condition, order = after
            conditions.append(condition)
    if pen.chance(0.3):
        return _late(pen, source, where(*conditions), order, limit)
    joined = joined_parent(pen, source) if pen.chance(0.3) else None
    outputs = pen.outputs(source, most=4) + (pen.outputs(joined[0], most=2, key=False) if joined else [])
    from_ = clauses(f"FROM {source}", joined[1] if joined else "")
    sql = clauses(f"SELECT {', '.join(outputs)} {from_}", where(*conditions), f"ORDER BY {order}", limit)
    return Sketch(sql, f"A page of the rows of {relation.name}.")


def _order(pen: Pen, source: Source) -> str:
    """A total order that does not begin with the key."""
    key = tuple(source[name] for name in source.relation.key)
    orders = [pen.order(source, most=3) for _ in range(4)]
    return next((order for order in orders if not order.startswith(key)), orders[0])


def _after(pen: Pen, source: Source, conditions: list[object]) -> tuple[str, str] | None:
    """What comes after the last row of the page before, and the order in which that is so."""
    relation = source.relation
    keys = [column for column in relation.columns if (column.name,) == relation.key]
    others = [c for c in free(source, relation.columns, *conditions) if c not in relation.nullable]
    if not keys:
        return None
    key, down = keys[0], pen.chance(0.5)
    sign, way = ("<", " DESC") if down else (">", "")
    last = literal(pen.one(key.values))
    if not others or pen.chance(0.2):
        return f"{source[key]} {sign} {last}", f"{source[key]}{way}"
    first = pen.one(others)
    value = literal(pen.one(first.values))
    order = f"{source[first]}{way}, {source[key]}{way}"
    if pen.chance(0.5):
        return f"({source[first]}, {source[key]}) {sign} ({value}, {last})", order
    tied = f"{source[first]} = {value} AND {source[key]} {sign} {last}"
    return f"({source[first]} {sign} {value} OR ({tied}))", order


def _late(pen: Pen, source: Source, conditions: str, order: str, limit: str) -> Sketch:
    """The keys of the page first, then the rest of their rows."""
    relation = source.relation
    rows, page = pen.source(relation), unused(pen, "page", source)
    keys = ", ".join(source[name] for name in relation.key)
    on = " AND ".join(f"{page}.{rows[name].partition('.')[2]} = {rows[name]}" for name in relation.key)
    inner = clauses(f"SELECT {keys} FROM {source}", conditions, f"ORDER BY {order}", limit)
    outer = moved(order, source, rows) if pen.chance(0.6) else pen.order(rows)
    sql = f"SELECT {', '.join(pen.outputs(rows))} FROM ({inner}) AS {page} JOIN {rows} ON {on} ORDER BY {outer}"
    return Sketch(sql, f"A page of the rows of {relation.name}, found by its keys.")
