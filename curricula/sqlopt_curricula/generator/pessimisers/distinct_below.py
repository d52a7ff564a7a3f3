"""A joined table becomes a derived table of its DISTINCT rows.

    SELECT u.name, o.amount FROM users AS u JOIN orders AS o ON o.user_id = u.id WHERE u.city = 'Cork'
    -> SELECT u.name, o.amount FROM users AS u
       JOIN (SELECT DISTINCT orders.id AS id, ... FROM orders AS orders) AS o ON o.user_id = u.id WHERE u.city = 'Cork'

Valid for a plain table with a declared key, since its rows differ anyway. SQLite cannot look through DISTINCT: it reads
the whole table and builds an index over the rows for this query alone. Conditions with constants it does push inside,
so that a table with one is left as it is.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft, tables_of
from sqlopt_env.trees.reading import sources
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import selects, twin

from .queries import about_alone, any_order_does, is_binary, named, whole_table

NAME = "distinct_below"


def applications(draft: Draft, schema: Schema) -> Iterator[Draft]:
    for select in selects(draft) if any_order_does(draft) and is_binary(schema) else ():
        for source, table in tables_of(select, schema).items():
            if not table.keys or len(sources(select)) < 2 or about_alone(select, source):
                continue
            rows = whole_table(draft, table, schema)
            rows.set("distinct", exp.Distinct())
            tree = draft.query.copy()
            place = next(node for node in sources(twin(tree, select)) if node.alias_or_name == source)
            place.replace(exp.Subquery(this=rows, alias=exp.TableAlias(this=named(source))))
            yield draft.with_query(tree)
