"""UNSOUND: a query that returns many rows is cut to the first hundred.

    SELECT o.id, o.amount FROM orders AS o ORDER BY o.amount -> ... ORDER BY o.amount LIMIT 100

Right only where there are at most a hundred rows.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft
from sqlopt_env.trees.schema import Schema

from ..base import Application

NAME = "add_limit"
KIND = "limit"
_ROWS = 100


def applications(draft: Draft, schema: Schema) -> Iterator[Application]:
    if not draft.query.args.get("limit"):
        tree = draft.query.copy()
        tree.set("limit", exp.Limit(expression=exp.Literal.number(_ROWS)))
        yield Application(f"the first {_ROWS}", draft.with_query(tree))
