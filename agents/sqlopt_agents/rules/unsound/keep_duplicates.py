"""UNSOUND: UNION becomes UNION ALL, and DISTINCT goes, without a look at what repeats.

    SELECT u.city FROM users AS u UNION SELECT v.name FROM users AS v -> ... UNION ALL ...
    SELECT DISTINCT u.city FROM users AS u -> SELECT u.city FROM users AS u

Right only where no row comes twice, which union_to_union_all and drop_distinct make sure of.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import selects, twin

from ..base import Application

NAME = "keep_duplicates"
KIND = "redundancy"


def applications(draft: Draft, schema: Schema) -> Iterator[Application]:
    for union in draft.query.find_all(exp.Union):
        if union.args.get("distinct"):
            tree = draft.query.copy()
            twin(tree, union).set("distinct", False)
            yield Application("UNION", draft.with_query(tree))
    for select in selects(draft):
        if select.args.get("distinct"):
            tree = draft.query.copy()
            twin(tree, select).set("distinct", None)
            yield Application("DISTINCT", draft.with_query(tree))
