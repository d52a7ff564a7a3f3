"""NOT moves inwards, to the comparisons, which it turns round.

    WHERE NOT (u.age < 60 OR u.age > 65)           -> WHERE u.age >= 60 AND u.age <= 65
    WHERE NOT (u.city = 'Wien' AND NOT u.age > 30) -> WHERE u.city <> 'Wien' OR u.age > 30

Valid always: values of any type have one order, NULL gives NULL on both sides, and De Morgan's laws hold with NULL too.
Row values are left alone. SQLite does not do it, so that no index is searched for what stands under a NOT.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import replaced

from .base import Application

NAME = "push_not"
KIND = "redundancy"
_OPPOSITE: dict[type[exp.Expr], type[exp.Binary]] = {
    exp.EQ: exp.NEQ, exp.NEQ: exp.EQ, exp.LT: exp.GTE, exp.GTE: exp.LT, exp.GT: exp.LTE, exp.LTE: exp.GT,
}  # fmt: skip
_TRUTHS = (*_OPPOSITE, exp.Not, exp.And, exp.Or, exp.Is, exp.In, exp.Between, exp.Like, exp.Glob, exp.Exists)


def applications(draft: Draft, schema: Schema) -> Iterator[Application]:
    for node in draft.query.find_all(exp.Not):
        below: exp.Expr = node.this.unnest()
        worthwhile = isinstance(below, exp.And | exp.Or | exp.Not) or _turned(below) is not None
        if worthwhile and isinstance(below, _TRUTHS):
            new = _negated(below)
            if new != node:
                yield Application(node.sql(dialect="sqlite"), replaced(draft, node, new))


def _negated(node: exp.Expr) -> exp.Expr:
    node = node.unnest()
    if isinstance(node, exp.And | exp.Or):
        joined = exp.or_ if isinstance(node, exp.And) else exp.and_
        return joined(_negated(node.left), _negated(node.right), copy=False)
    if isinstance(node, exp.Not) and isinstance(node.this.unnest(), _TRUTHS):
        below: exp.Expr = node.this.unnest()
        return below.copy()
    turned = _turned(node)
    if turned is not None:
        return turned
    return exp.Not(this=node.copy() if isinstance(node, _TRUTHS) else exp.paren(node, copy=True))


def _turned(node: exp.Expr) -> exp.Expr | None:
    """The opposite comparison; None where the node is none, or compares rows."""
    opposite = _OPPOSITE.get(type(node))
    sides = (node.this, node.expression) if opposite is not None else ()
    if opposite is None or any(isinstance(side.unnest(), exp.Tuple | exp.Query) for side in sides):
        return None
    return opposite(this=node.this.copy(), expression=node.expression.copy())
