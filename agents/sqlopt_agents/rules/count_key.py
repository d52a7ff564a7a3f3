"""COUNT(DISTINCT key) becomes COUNT(key), which has nothing to remember.

    SELECT u.city, COUNT(DISTINCT o.id) FROM orders AS o JOIN users AS u ON u.id = o.user_id GROUP BY u.city
    -> SELECT u.city, COUNT(o.id) FROM orders AS o JOIN users AS u ON u.id = o.user_id GROUP BY u.city

Valid where all joins are inner and the column is a declared key, to which every other source is tied by a key of its
own: the join repeats no value of it. The same for SUM(DISTINCT key).
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft, tables_of
from sqlopt_env.trees.reading import sources
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import aggregates, inner_joins_only, key_in, selects, twin

from .base import Application
from .keys import settled
from .predicates import conditions

NAME = "count_key"
KIND = "redundancy"


def applications(draft: Draft, schema: Schema) -> Iterator[Application]:
    for select in selects(draft):
        tables = tables_of(select, schema)
        if not inner_joins_only(select) or not 0 < len(tables) == len(sources(select)):
            continue
        for call in aggregates(select):
            values = call.this.expressions if isinstance(call.this, exp.Distinct) else []
            column = values[0] if len(values) == 1 and isinstance(call, exp.Count | exp.Sum) else None
            if not isinstance(column, exp.Column) or column.table not in tables:
                continue
            is_key = key_in([column], column.table, tables[column.table].keys)
            if is_key and set(tables) <= settled(select, [column], conditions(select), schema):
                tree = draft.query.copy()
                twin(tree, call).set("this", column.copy())
                yield Application(call.sql(dialect="sqlite"), draft.with_query(tree))
