"""An index of the rows alone that fulfil the query's constant conditions.

    SELECT o.id FROM orders AS o WHERE o.status = 'open' ORDER BY o.order_date LIMIT 20
    -> CREATE INDEX idx_orders_order_date_where ON orders (order_date) WHERE status = 'open'; (the same query)

Valid always: an index changes only what the query leaves open, such as the order of rows or which of two ties is taken.
SQLite uses it where the query's own conditions contain the index's. It is smaller than a whole one, and serves
conditions that no index can search; it serves no other constants.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import selects

from .base import Application
from .compared import is_literal
from .index_covering import MAX_COLUMNS
from .index_parts import PURE, bare, index_on, part_name
from .predicates import Access, accesses, conditions

NAME = "index_partial"
KIND = "indexing"


def applications(draft: Draft, schema: Schema) -> Iterator[Application]:
    seen = set()
    for select in selects(draft):
        fixed = [part for part in conditions(select) if all(isinstance(node, PURE) for node in part.walk())]
        for access in accesses(select, schema):
            mine = [part for part in fixed if _is_about(part, access)]
            where = " AND ".join(dict.fromkeys(_written(part) for part in mine))
            for parts in _leads(access, mine) if mine else ():
                whole = index_on(access.table, parts, draft.indexes)
                if whole is None:
                    continue
                name, columns = whole.split(" ON ", 1)
                statement = f"{name}_where ON {columns} WHERE {where}"
                if statement not in seen and not any(f"{name}_where ON" in other for other in draft.indexes):
                    seen.add(statement)
                    target = f"{access.table.name} ({', '.join(parts)}) where {where}"
                    yield Application(target, draft.with_index(statement))


def _is_about(part: exp.Expr, access: Access) -> bool:
    columns = list(part.find_all(exp.Column))
    mine = all(column.table == access.source and access.table.column(column.name) for column in columns)
    return bool(columns) and mine


def _leads(access: Access, fixed: list[exp.Expr]) -> Iterator[list[str]]:
    """Columns for the index: those by which the chosen rows are joined, sorted or grouped, then all that are read."""
    alike = {side.name for part in fixed if isinstance(part, exp.EQ) for side in _column_of(part)}
    leads = [[name] for name in access.joins if name != access.table.rowid]
    leads += [parts for parts in (access.order, access.group) if parts]
    for lead in leads or [access.ranges[:1]]:
        held = {part_name(part) for part in lead} | alike | {access.table.rowid}
        parts = [*lead, *(name for name in access.read if name not in held)]
        if len(parts) > MAX_COLUMNS:
            parts = lead
        yield parts or access.read[:1]


def _column_of(equality: exp.EQ) -> list[exp.Column]:
    sides = ((equality.left, equality.right), (equality.right, equality.left))
    return [side for side, other in sides if isinstance(side, exp.Column) and is_literal(other)]


def _written(part: exp.Expr) -> str:
    text = bare(part).sql(dialect="sqlite")
    return f"({text})" if isinstance(part, exp.Or) else text
