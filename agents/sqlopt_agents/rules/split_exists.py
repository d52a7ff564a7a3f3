"""EXISTS with an OR of conditions on the outer row becomes one EXISTS for each of them.

    WHERE NOT EXISTS(SELECT 1 FROM orders AS o WHERE o.user_id = u.id OR o.product = u.name)
    -> WHERE NOT EXISTS(SELECT 1 FROM orders AS o WHERE o.user_id = u.id)
       AND NOT EXISTS(SELECT 1 FROM orders AS o WHERE o.product = u.name)

Valid always for a subquery without grouping, aggregates and LIMIT: some row fulfils A or B exactly when some row
fulfils A or some row fulfils B. Each half can then search an index, or become IN.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft, conjuncts
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import free_names, has_only, is_plain, names_of, replaced, with_where

from .base import Application

NAME = "split_exists"
KIND = "join"
_MOST = 4  # subqueries


def applications(draft: Draft, schema: Schema) -> Iterator[Application]:
    for node in draft.query.find_all(exp.Exists):
        select = node.this
        if not has_only(select, "joins", "where", "distinct") or not is_plain(_undistinguished(select)):
            continue
        parts = conjuncts(select.args.get("where"))
        for disjunction in parts:
            sides = [side.unnest() for side in disjunction.flatten()] if isinstance(disjunction, exp.Or) else []
            if not 1 < len(sides) <= _MOST or not all(free_names(side) - names_of(select) for side in sides):
                continue
            halves: list[exp.Expr] = []
            for side in sides:
                half = with_where(select.copy(), [side if part is disjunction else part for part in parts])
                halves.append(exp.Exists(this=half))
            negation = node.parent if isinstance(node.parent, exp.Not) else None
            if negation is not None:
                new = exp.and_(*(exp.Not(this=half) for half in halves), copy=False)
            else:
                new = exp.or_(*halves, copy=False)
            yield Application(disjunction.sql(dialect="sqlite"), replaced(draft, negation or node, new))


def _undistinguished(select: exp.Select) -> exp.Select:
    """DISTINCT does not matter to EXISTS."""
    copy = select.copy()
    copy.set("distinct", None)
    return copy
