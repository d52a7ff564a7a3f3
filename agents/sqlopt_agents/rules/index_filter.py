"""An index on one column that a filter compares with a value.

    SELECT o.id FROM orders AS o WHERE o.user_id = 7
    -> CREATE INDEX idx_orders_user_id ON orders (user_id); (the same query)

Valid always: an index changes only what the query leaves open, such as the order of rows or which of two ties is taken.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft
from sqlopt_env.trees.schema import Schema

from .base import Application
from .index_parts import index_on
from .predicates import filtered_columns

NAME = "index_filter"
KIND = "indexing"


def applications(draft: Draft, schema: Schema) -> Iterator[Application]:
    seen = set()
    for select in draft.query.find_all(exp.Select):
        for table, column, _ in filtered_columns(select, schema):
            statement = index_on(table, [column], draft.indexes)
            if statement and statement not in seen:
                seen.add(statement)
                yield Application(f"{table.name}.{column}", draft.with_index(statement))
