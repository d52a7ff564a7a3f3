"""UNSOUND: the last condition of a WHERE that has several goes, as if the others implied it.

    WHERE o.user_id = 7 AND o.amount > 900 -> WHERE o.user_id = 7

Right only where it does follow from the others.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlopt_env.trees.draft import Draft, conjuncts
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import selects, twin, with_where

from ..base import Application

NAME = "drop_condition"
KIND = "redundancy"


def applications(draft: Draft, schema: Schema) -> Iterator[Application]:
    for select in selects(draft):
        parts = conjuncts(select.args.get("where"))
        if len(parts) > 1:
            tree = draft.query.copy()
            with_where(twin(tree, select), parts[:-1])
            yield Application(parts[-1].sql(dialect="sqlite"), draft.with_query(tree))
