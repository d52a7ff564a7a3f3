"""NOT EXISTS with one equality to the outer row becomes NOT IN, whose rows are collected once.

    WHERE NOT EXISTS(SELECT 1 FROM orders AS o WHERE o.user_id = u.id AND o.amount > 900)
    -> WHERE NOT u.id IN (SELECT o.user_id FROM orders AS o WHERE o.amount > 900 AND NOT o.user_id IS NULL)

Valid as a condition of WHERE that only AND and OR lead to, when nothing else in the subquery refers to the outer row
and both columns have the same declared type and collation. One NULL among the collected rows would make NOT IN never
true: they are kept out. An outer column that can be NULL has no partner: `u.x IS NULL OR NOT u.x IN (...)`.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft, conjuncts
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import (
    compare_alike,
    free_names,
    has_only,
    in_where,
    is_plain,
    names_of,
    never_null,
    replaced,
    schema_column,
    with_where,
)

from .base import Application

NAME = "not_exists_to_not_in"
KIND = "join"


def applications(draft: Draft, schema: Schema) -> Iterator[Application]:
    for negation in draft.query.find_all(exp.Not):
        node = negation.this.unnest()
        outer = in_where(negation, exp.Or)
        select = node.this if isinstance(node, exp.Exists) else None
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
        if not compare_alike(schema_column(inner, select, schema), schema_column(column, outer, schema)):
            continue
        kept = [part for part in parts if part is not bound[0]]
        filled = exp.Not(this=exp.Is(this=inner.copy(), expression=exp.Null()))
        if not never_null(inner, select, schema) and filled not in kept:
            kept.append(filled)
        collected = with_where(select.copy(), kept)
        collected.set("expressions", [inner.copy()])
        if free_names(collected):
            continue
        new: exp.Expr = exp.Not(this=exp.In(this=column.copy(), query=exp.Subquery(this=collected)))
        if not never_null(column, outer, schema):
            new = exp.or_(exp.Is(this=column.copy(), expression=exp.Null()), new, copy=False)
        yield Application(f"NOT EXISTS over {inner.sql(dialect='sqlite')}", replaced(draft, negation, new))
