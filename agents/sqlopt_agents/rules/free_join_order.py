"""CROSS JOIN, which in SQLite forces the order of the join, becomes a join whose order SQLite may choose.

    SELECT u.name FROM orders AS o CROSS JOIN users AS u WHERE u.id = o.user_id
    -> SELECT u.name FROM orders AS o, users AS u WHERE u.id = o.user_id

Valid always (row order may change): where every join is inner, the order of joins does not change the rows.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlopt_env.trees.draft import Draft
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import inner_joins_only, names_of, selects, twin

from .base import Application

NAME = "free_join_order"
KIND = "join"


def applications(draft: Draft, schema: Schema) -> Iterator[Application]:
    for select in selects(draft):
        joins = select.args.get("joins") or []
        cut = select.args.get("limit") and not select.args.get("order")
        if cut or not inner_joins_only(select) or not any(join.kind == "CROSS" for join in joins):
            continue
        tree = draft.query.copy()
        for join in twin(tree, select).args["joins"]:
            if join.kind == "CROSS":
                join.set("kind", None)
        yield Application(f"join of {', '.join(sorted(names_of(select)))}", draft.with_query(tree))
