"""An index whose order is that of ORDER BY or GROUP BY, so that nothing is sorted.

    SELECT o.id FROM orders AS o ORDER BY o.order_date DESC LIMIT 20
    -> CREATE INDEX idx_orders_order_date ON orders (order_date); (the same query)

Valid always: an index changes only what the query leaves open, such as the order of rows or which of two ties is taken.
It pays under LIMIT.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft
from sqlopt_env.trees.schema import Schema

from .base import Application
from .index_parts import index_on
from .predicates import accesses

NAME = "index_order"
KIND = "indexing"


def applications(draft: Draft, schema: Schema) -> Iterator[Application]:
    seen = set()
    for select in draft.query.find_all(exp.Select):
        for access in accesses(select, schema):
            for clause, parts in (("order", access.order), ("group", access.group)):
                statement = index_on(access.table, parts, draft.indexes)
                if statement and statement not in seen:
                    seen.add(statement)
                    target = f"{clause} of {access.table.name} by {', '.join(parts)}"
                    yield Application(target, draft.with_index(statement))
