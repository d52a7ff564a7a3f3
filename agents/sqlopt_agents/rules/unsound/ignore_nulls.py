"""UNSOUND: NOT IN (subquery) becomes NOT EXISTS, whatever can be NULL.

    WHERE NOT u.id IN (SELECT o.user_id FROM orders AS o)
    -> WHERE NOT EXISTS(SELECT 1 FROM orders AS o WHERE u.id = o.user_id)

Right only where neither side is ever NULL, which not_in_to_not_exists makes sure of.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import replaced

from ..base import Application
from ..in_to_exists import as_exists

NAME = "ignore_nulls"
KIND = "join"


def applications(draft: Draft, schema: Schema) -> Iterator[Application]:
    for negation in draft.query.find_all(exp.Not):
        node = negation.this.unnest()
        exists = as_exists(node) if isinstance(node, exp.In) else None
        if exists is not None:
            yield Application(node.this.sql(dialect="sqlite"), replaced(draft, negation, exp.Not(this=exists)))
