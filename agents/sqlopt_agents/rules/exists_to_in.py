"""EXISTS with one equality to the outer row becomes IN, whose rows are collected once.

    WHERE EXISTS(SELECT 1 FROM orders AS o WHERE o.user_id = u.id AND o.amount > 900)
    -> WHERE u.id IN (SELECT o.user_id FROM orders AS o WHERE o.amount > 900)

Valid as a condition of WHERE that only AND and OR lead to (IN can be NULL where EXISTS is 0), when nothing else in the
subquery refers to the outer row and both columns have the same declared type and collation.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft, conjuncts
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import (  # fmt: skip
    compare_alike,
    free_names,
    has_only,
    in_where,
    is_plain,
    names_of,
    replaced,
    schema_column,
    with_where,
)

from .base import Application

NAME = "exists_to_in"
KIND = "join"


def applications(draft: Draft, schema: Schema) -> Iterator[Application]:
    for node in draft.query.find_all(exp.Exists):
        outer, select = in_where(node, exp.Or), node.this
        if outer is None or not isinstance(select, exp.Select) or select.args.get("from_") is None:
            continue
        if not has_only(select, "joins", "where") or not is_plain(select):
            continue
        parts = conjuncts(select.args.get("where"))
        bound = [part for part in parts if free_names(part) - names_of(select)]
        if len(bound) != 1 or not isinstance(bound[0], exp.EQ):
            continue
        inner, column = bound[0].left, bound[0].right
        if isinstance(column, exp.Column) and column.table in names_of(select):
            inner, column = column, inner
        alike = compare_alike(schema_column(inner, select, schema), schema_column(column, outer, schema))
        collected = with_where(select.copy(), [part for part in parts if part is not bound[0]])
        collected.set("expressions", [inner.copy()])
        if alike and not free_names(collected):
            new = exp.In(this=column.copy(), query=exp.Subquery(this=collected))
            yield Application(f"EXISTS over {inner.sql(dialect='sqlite')}", replaced(draft, node, new))
