"""EXISTS with one equality to the outer row becomes IN, whose rows are collected once.

    WHERE EXISTS(SELECT 1 FROM orders AS o WHERE o.user_id = u.id AND o.amount > 900)
    -> WHERE u.id IN (SELECT o.user_id FROM orders AS o WHERE o.amount > 900)

Valid as a condition of WHERE that only AND and OR lead to (IN can be NULL where EXISTS is 0), when nothing else in the
subquery refers to the outer row and both columns have the same declared type and collation.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import in_where, replaced

from .base import Application
from .single_tie import single_tie

NAME = "exists_to_in"
KIND = "join"


def applications(draft: Draft, schema: Schema) -> Iterator[Application]:
    for node in draft.query.find_all(exp.Exists):
        tie = single_tie(node, in_where(node, exp.Or), schema)
        collected = tie.collected() if tie else None
        if tie and collected:
            new = exp.In(this=tie.column.copy(), query=exp.Subquery(this=collected))
            yield Application(f"EXISTS over {tie.inner.sql(dialect='sqlite')}", replaced(draft, node, new))
