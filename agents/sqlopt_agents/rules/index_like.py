"""An index in which letters of either case are alike, which LIKE can search.

    SELECT u.id FROM users AS u WHERE u.name LIKE 'ana%'
    -> CREATE INDEX idx_users_name_nocase ON users (name COLLATE NOCASE); (the same query)

Valid always: an index changes only what the query leaves open, such as the order of rows or which of two ties is taken.
SQLite searches it where the column is declared as text, and the pattern a literal that does not begin with a wildcard.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft, identifier, tables_of
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import schema_column, selects, text_value

from .base import Application
from .index_parts import index_on
from .predicates import conditions

NAME = "index_like"
KIND = "indexing"


def applications(draft: Draft, schema: Schema) -> Iterator[Application]:
    seen = set()
    for select in selects(draft):
        for part in conditions(select):
            column = part.this if isinstance(part, exp.Like) and not part.args.get("negate") else None
            declared = schema_column(column, select, schema) if column is not None else None
            pattern = text_value(part.args.get("expression")) or ""
            if column is None or declared is None or "TEXT" not in declared.type or pattern[:1] in ("", "%", "_"):
                continue
            table = tables_of(select, schema)[column.table]
            whole = index_on(table, [f"{identifier(column.name)} COLLATE NOCASE"], draft.indexes)
            if whole is not None and whole not in seen:
                seen.add(whole)
                statement = whole.replace(" ON ", "_nocase ON ", 1)
                yield Application(f"{table.name}.{column.name}", draft.with_index(statement))
