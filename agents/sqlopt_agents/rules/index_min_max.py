"""An index on a column of which only MIN or MAX is asked: its end is the answer.

    SELECT MAX(o.amount) AS largest FROM orders AS o
    -> CREATE INDEX idx_orders_amount ON orders (amount); (the same query)

Valid always. It pays where one SELECT asks for one MIN or MAX and does not group; behind equalities in WHERE the index
has their columns first.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft, tables_of
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import has_only, outputs, selects

from .base import Application
from .index_parts import index_on
from .predicates import filtered_columns

NAME = "index_min_max"
KIND = "indexing"


def applications(draft: Draft, schema: Schema) -> Iterator[Application]:
    seen = set()
    for select in selects(draft):
        tables = tables_of(select, schema)
        if len(tables) != 1 or not has_only(select, "where"):
            continue
        (table,) = tables.values()
        equal = [column for _, column, kind in filtered_columns(select, schema) if kind == "equality"]
        values = outputs(select)
        if not all(isinstance(value, exp.Min | exp.Max) and isinstance(value.this, exp.Column) for value in values):
            continue  # beside a MIN or MAX, SQLite takes a bare column from its row: of ties, from any
        for value in values:
            parts = list(dict.fromkeys([*equal, value.this.name]))
            statement = index_on(table, parts, draft.indexes)
            if table.column(value.this.name) and statement and statement not in seen:
                seen.add(statement)
                yield Application(f"{table.name} by {', '.join(parts)}", draft.with_index(statement))
