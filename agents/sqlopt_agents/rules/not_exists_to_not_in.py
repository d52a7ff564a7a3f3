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

from sqlopt_env.trees.draft import Draft
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import in_where, never_null, replaced

from .base import Application
from .single_tie import single_tie

NAME = "not_exists_to_not_in"
KIND = "join"


def applications(draft: Draft, schema: Schema) -> Iterator[Application]:
    for negation in draft.query.find_all(exp.Not):
        outer = in_where(negation, exp.Or)
        tie = single_tie(negation.this.unnest(), outer, schema)
        if tie is None or outer is None:
            continue
        filled = exp.Not(this=exp.Is(this=tie.inner.copy(), expression=exp.Null()))
        known = never_null(tie.inner, tie.select, schema) or filled in tie.rest
        collected = tie.collected() if known else tie.collected(filled)
        if collected is None:
            continue
        new: exp.Expr = exp.Not(this=exp.In(this=tie.column.copy(), query=exp.Subquery(this=collected)))
        if not never_null(tie.column, outer, schema):
            new = exp.or_(exp.Is(this=tie.column.copy(), expression=exp.Null()), new, copy=False)
        yield Application(f"NOT EXISTS over {tie.inner.sql(dialect='sqlite')}", replaced(draft, negation, new))
