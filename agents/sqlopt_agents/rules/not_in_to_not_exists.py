"""NOT IN (subquery) becomes NOT EXISTS, which can search an index for each row.

    WHERE NOT u.id IN (SELECT o.user_id FROM orders AS o WHERE NOT o.user_id IS NULL)
    -> WHERE NOT EXISTS(SELECT 1 FROM orders AS o WHERE NOT o.user_id IS NULL AND u.id = o.user_id)

Valid when neither side can be NULL (declared NOT NULL and not padded by an outer join, or the subquery demands it):
one NULL in the subquery makes NOT IN never true. Both sides must be columns, and the subquery plain.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft, conjuncts
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import in_where, never_null, outputs, replaced

from .base import Application
from .in_to_exists import as_exists

NAME = "not_in_to_not_exists"
KIND = "join"


def applications(draft: Draft, schema: Schema) -> Iterator[Application]:
    for negation in draft.query.find_all(exp.Not):
        node = negation.this.unnest()
        outer = in_where(negation, exp.Or)
        if outer is None or not isinstance(node, exp.In) or not never_null(node.this, outer, schema):
            continue
        exists = as_exists(node)
        if exists is None:
            continue
        select = node.args["query"].this
        column = outputs(select)[0]
        demanded = exp.Not(this=exp.Is(this=column.copy(), expression=exp.Null()))
        if never_null(column, select, schema) or demanded in conjuncts(select.args.get("where")):
            new = exp.Not(this=exists)
            yield Application(node.this.sql(dialect="sqlite"), replaced(draft, negation, new))
