"""An index that holds every column the query reads of a table, so that the table itself is not read.

    SELECT o.product, SUM(o.amount) FROM orders AS o GROUP BY o.product
    -> CREATE INDEX idx_orders_product_amount ON orders (product, amount); (the same query)

Valid always: an index changes only what the query leaves open, such as the order of rows or which of two ties is taken.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft
from sqlopt_env.trees.schema import Schema

from .base import Application
from .index_composite import leads
from .index_parts import index_on, part_name
from .predicates import accesses

NAME = "index_covering"
KIND = "indexing"
MAX_COLUMNS = 6


def applications(draft: Draft, schema: Schema) -> Iterator[Application]:
    seen = set()
    for select in draft.query.find_all(exp.Select):
        for access in accesses(select, schema):
            for lead in leads(access):
                held = {part_name(part) for part in lead} | {access.table.rowid.lower()}
                more = [name for name in access.read if name not in held]
                parts = [*lead, *more]
                if not more or len(parts) > MAX_COLUMNS:
                    continue  # the lead alone is another technique's index
                statement = index_on(access.table, parts, draft.indexes)
                if statement and statement not in seen:
                    seen.add(statement)
                    target = f"{access.table.name} ({', '.join(parts)})"
                    yield Application(target, draft.with_index(statement))
