"""EXISTS with one equality to the outer row becomes IN, for which all rows of the subquery are collected.

    WHERE u.city = 'Cork' AND EXISTS(SELECT 1 FROM orders AS o WHERE o.user_id = u.id AND o.amount > 9)
    -> WHERE u.city = 'Cork' AND u.id IN (SELECT o.user_id FROM orders AS o WHERE o.amount > 9)
    WHERE NOT EXISTS(SELECT 1 FROM orders AS o WHERE o.user_id = u.id)
    -> WHERE NOT u.id IN (SELECT o.user_id FROM orders AS o WHERE NOT o.user_id IS NULL)

Valid between columns of the same type and collation when nothing else in the subquery refers to the outer row, as a
condition of WHERE that only AND and OR lead to. NOT IN must never be NULL: NULL is kept out of the subquery, and an
outer column that can be NULL, for which NOT EXISTS holds, is let through by IS NULL beside it. It is slow where few
outer rows are left and an index on the inner column would find their partners: SQLite reads the inner table in full.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft, conjuncts
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import (  # fmt: skip
    compare_alike,
    free_names,
    in_where,
    names_of,
    never_null,
    replaced,
    schema_column,
    with_where,
)

from .semi_joins import is_row_source

NAME = "exists_to_in"


def applications(draft: Draft, schema: Schema) -> Iterator[Draft]:
    for node in draft.query.find_all(exp.Exists):
        negation = node.parent if isinstance(node.parent, exp.Not) else None
        outer = in_where(negation or node, exp.Or)
        if outer is not None and is_row_source(node.this):
            new = _collected(node.this, outer, schema, negation is not None)
            if new is not None:
                yield replaced(draft, negation or node, new)


def _collected(select: exp.Select, outer: exp.Select, schema: Schema, negated: bool) -> exp.Expr | None:
    parts = conjuncts(select.args.get("where"))
    bound = [part for part in parts if free_names(part) - names_of(select)]
    if len(bound) != 1 or not isinstance(bound[0], exp.EQ):
        return None
    inner, column = bound[0].left, bound[0].right
    if isinstance(column, exp.Column) and column.table in names_of(select):
        inner, column = column, inner
    if not compare_alike(schema_column(inner, select, schema), schema_column(column, outer, schema)):
        return None
    kept = [part for part in parts if part is not bound[0]]
    if negated and not never_null(inner, select, schema):
        kept.append(exp.Not(this=exp.Is(this=inner.copy(), expression=exp.Null())))
    rows = with_where(select.copy(), kept)
    rows.set("expressions", [inner.copy()])
    if free_names(rows):
        return None
    listed = exp.In(this=column.copy(), query=exp.Subquery(this=rows))
    if not negated:
        return listed
    if never_null(column, outer, schema):
        return exp.Not(this=listed)
    return exp.Or(this=exp.Is(this=column.copy(), expression=exp.Null()), expression=exp.Not(this=listed))
