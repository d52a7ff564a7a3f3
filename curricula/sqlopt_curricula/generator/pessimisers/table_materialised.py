"""A table is copied into a common table expression first, and the copy is searched.

    SELECT u.name FROM users AS u WHERE u.city = 'Cork'
    -> WITH all_users AS MATERIALIZED (SELECT users.id AS id, users.name AS name, ... FROM users AS users)
       SELECT u.name FROM all_users AS u WHERE u.city = 'Cork'

Valid always; it needs a condition on the table to be slow. SQLite writes every row of the table into a temporary one
that has no index, where it would have searched an index or the rowid.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft, tables_of
from sqlopt_env.trees.reading import sources
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import free_names, fresh_name, selects, twin

from .queries import any_order_does, common, conditions_of, is_binary, named, whole_table

NAME = "table_materialised"


def applications(draft: Draft, schema: Schema) -> Iterator[Draft]:
    for select in selects(draft) if any_order_does(draft) and is_binary(schema) else ():
        for source, table in tables_of(select, schema).items():
            name = fresh_name(draft, f"all_{table.name.lower()}", schema)
            if not any(source in free_names(part) for part in conditions_of(select)):
                continue
            tree = draft.query.copy()
            place = next(node for node in sources(twin(tree, select)) if node.alias_or_name == source)
            place.replace(exp.Table(this=named(name), alias=exp.TableAlias(this=named(source))))
            yield common(draft.with_query(tree), name, whole_table(draft, table, schema))
