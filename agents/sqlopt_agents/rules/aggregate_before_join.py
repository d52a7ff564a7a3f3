"""Rows are aggregated by what they are joined by, and only then joined.

    SELECT u.id, u.name, SUM(o.amount) AS total FROM users AS u JOIN orders AS o ON o.user_id = u.id GROUP BY u.id, u.name
    -> SELECT u.id, u.name, sums.v1 AS total FROM users AS u JOIN
       (SELECT o.user_id AS k1, SUM(o.amount) AS v1 FROM orders AS o GROUP BY o.user_id) AS sums ON sums.k1 = u.id

Valid when GROUP BY settles a row of every table that is read outside of aggregates (a declared key of it is there, or
tied to one), so that nothing is left to group, and each other table is tied to those by equalities of columns of the
same type. Two tables that are aggregated side by side multiply each other's rows: then all aggregates must be MIN, MAX
or of DISTINCT. Beside a LEFT JOIN they must ignore the row of NULLs that it gives where there is no partner; the
derived table then has no row, and COUNT becomes COALESCE(..., 0).
"""  # noqa: E501

from __future__ import annotations

from collections.abc import Iterator

from sqlopt_env.trees.draft import Draft, conjuncts
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import selects, with_where

from .base import Application
from .many_side import ManySide, read_grouping
from .pre_aggregated import pre_aggregated
from .soundness import may_be_rebuilt

NAME = "aggregate_before_join"
KIND = "join"


def applications(draft: Draft, schema: Schema) -> Iterator[Application]:
    for select in selects(draft) if may_be_rebuilt(draft, schema) else ():
        found = read_grouping(select, schema)
        if found is not None and found.is_settled:
            tree, changed = pre_aggregated(draft, found, schema, ManySide.value)
            having = conjuncts(changed.args.get("having"))
            with_where(changed, [*conjuncts(changed.args.get("where")), *having])
            for clause in ("group", "having"):
                changed.set(clause, None)
            yield Application(f"{', '.join(side.name for side in found.sides)} by key", draft.with_query(tree))
