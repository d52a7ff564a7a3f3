"""An index on a column that joins two sources.

    SELECT u.name, o.amount FROM users AS u JOIN orders AS o ON o.user_id = u.id
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
from .predicates import joined_columns

NAME = "index_join"
KIND = "indexing"


def applications(draft: Draft, schema: Schema) -> Iterator[Application]:
    seen = set()
    for select in draft.query.find_all(exp.Select):
        for table, column in joined_columns(select, schema):
            statement = index_on(table, [column], draft.indexes)
            if statement and statement not in seen:
                seen.add(statement)
                yield Application(f"{table.name}.{column}", draft.with_index(statement))
