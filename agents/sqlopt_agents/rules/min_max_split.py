"""MIN and MAX of one SELECT are asked for one by one, so that each can be read off the end of an index.

    SELECT MIN(o.amount), MAX(o.amount) FROM orders AS o
    -> SELECT (SELECT MIN(o.amount) FROM orders AS o), (SELECT MAX(o.amount) FROM orders AS o)

Valid always for one SELECT of several MIN and MAX and nothing else: of no rows, each is NULL. It pays with an index on
the column; without one the table is read once for each.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft, tables_of
from sqlopt_env.trees.reading import sources
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import has_only, outputs, selects, twin

from .base import Application

NAME = "min_max_split"
KIND = "redundancy"


def applications(draft: Draft, schema: Schema) -> Iterator[Application]:
    for select in selects(draft):
        values = outputs(select)
        one_table = len(tables_of(select, schema)) == len(sources(select)) == 1
        if not has_only(select, "where") or not one_table or len(values) < 2:
            continue
        if not all(isinstance(value, exp.Min | exp.Max) and isinstance(value.this, exp.Column) for value in values):
            continue
        items: list[exp.Expr] = []
        for item, value in zip(select.expressions, values, strict=True):
            single = select.copy()
            single.set("expressions", [value.copy()])
            asked = exp.Subquery(this=single)
            items.append(exp.Alias(this=asked, alias=exp.to_identifier(item.alias)) if item.alias else asked)
        tree = draft.query.copy()
        changed = twin(tree, select)
        changed.set("expressions", items)
        changed.set("from_", None)
        changed.set("where", None)
        target = ", ".join(value.sql(dialect="sqlite") for value in values)
        yield Application(target, draft.with_query(tree))
