"""An index on several columns: those compared by equality first, then a range, the sort order or a join column.

    SELECT o.id FROM orders AS o WHERE o.user_id = 7 AND o.amount > 100
    -> CREATE INDEX idx_orders_user_id_amount ON orders (user_id, amount); (the same query)

Valid always: an index changes only what the query leaves open, such as the order of rows or which of two ties is taken.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft
from sqlopt_env.trees.schema import Schema

from .base import Application
from .index_parts import index_on, part_name
from .predicates import Access, accesses

NAME = "index_composite"
KIND = "indexing"


def applications(draft: Draft, schema: Schema) -> Iterator[Application]:
    seen = set()
    for select in draft.query.find_all(exp.Select):
        for access in accesses(select, schema):
            for parts in leads(access):
                statement = index_on(access.table, parts, draft.indexes) if len(parts) > 1 else None
                if statement and statement not in seen:
                    seen.add(statement)
                    target = f"{access.table.name} ({', '.join(parts)})"
                    yield Application(target, draft.with_index(statement))


def leads(access: Access) -> Iterator[list[str]]:
    """The column orders by which this table can be searched or read in order."""
    first = access.equal
    yield from ([*first, name] for name in access.ranges if name not in first)
    for sorting in (access.order, access.group):
        later = [part for part in sorting if part_name(part) not in first]
        if later:
            yield [*first, *later]
    for join in access.joins:
        if join not in first:
            yield [join, *first]
    if first:
        yield list(first)
