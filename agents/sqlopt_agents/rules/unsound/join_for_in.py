"""UNSOUND: IN (subquery) becomes a join, without a thought for rows that find several partners.

    SELECT u.name FROM users AS u WHERE u.id IN (SELECT o.user_id FROM orders AS o WHERE o.amount > 900)
    -> SELECT u.name FROM users AS u, orders AS o WHERE o.amount > 900 AND u.id = o.user_id

Right only where the subquery's column is a key, which exists_to_join makes sure of.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft, conjuncts
from sqlopt_env.trees.reading import rename_source, sources
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import fresh_name, has_star, in_where, twin, with_where

from ..base import Application
from ..in_to_exists import as_exists

NAME = "join_for_in"
KIND = "join"


def applications(draft: Draft, schema: Schema) -> Iterator[Application]:
    for node in draft.query.find_all(exp.In):
        outer, exists = in_where(node), as_exists(node)
        rows = exists.this.copy() if exists is not None else None
        if outer is None or rows is None or has_star(outer) or len(sources(rows)) != 1:
            continue
        name = str(sources(rows)[0].alias_or_name)
        rename_source(rows, name, fresh_name(draft, name, schema))
        tree = draft.query.copy()
        changed = twin(tree, outer)
        changed.append("joins", exp.Join(this=sources(rows)[0].copy()))
        kept = [part for part in conjuncts(outer.args["where"]) if part is not node]
        with_where(changed, [*kept, *conjuncts(rows.args["where"])])
        yield Application(node.this.sql(dialect="sqlite"), draft.with_query(tree))
