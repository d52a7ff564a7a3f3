"""Conditions joined by OR become the branches of a UNION, each of which can use an index or a join of its own.

    SELECT o.id, u.id AS u FROM orders AS o JOIN users AS u ON u.id = o.user_id OR u.name = o.product
    -> SELECT o.id, u.id AS u FROM orders AS o, users AS u WHERE u.id = o.user_id
       UNION SELECT o.id, u.id AS u FROM orders AS o, users AS u WHERE u.name = o.product

Valid for a condition of WHERE, or of ON where all joins are inner, in a SELECT without grouping, aggregates and windows
whose outputs contain a declared key of every source: UNION then merges only what is the same row. ORDER BY must name
outputs.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft, conjuncts
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import (
    has_only,
    has_star,
    inner_joins_only,
    is_plain,
    replaced,
    selects,
    with_where,
)

from .base import Application
from .compounds import order_by_output, shows_keys
from .predicates import conditions
from .soundness import may_be_rebuilt

NAME = "or_to_union"
KIND = "redundancy"
_MOST = 4  # branches
_TAIL = ("order", "limit", "offset", "with_")


def applications(draft: Draft, schema: Schema) -> Iterator[Application]:
    for select in selects(draft) if may_be_rebuilt(draft, schema) else ():
        if not _can_be_split(select) or not shows_keys(select, schema):
            continue
        inner = inner_joins_only(select)
        parts = conditions(select) if inner else conjuncts(select.args.get("where"))
        for disjunction in parts:
            sides = list(disjunction.flatten()) if isinstance(disjunction, exp.Or) else []
            if 1 < len(sides) <= _MOST:
                wheres = [[side.unnest() if part is disjunction else part for part in parts] for side in sides]
                union = _split(select, wheres, inner)
                yield Application(disjunction.sql(dialect="sqlite"), replaced(draft, select, union))


def _can_be_split(select: exp.Select) -> bool:
    above = select.parent.parent if isinstance(select.parent, exp.Subquery) else select.parent
    names = [item.alias.lower() for item in select.expressions]
    in_place = above is None or isinstance(above, exp.From | exp.Join | exp.CTE | exp.In)
    plain = has_only(select, "joins", "where", *_TAIL) and is_plain(select) and not has_star(select)
    return plain and in_place and all(names) and len(set(names)) == len(names) and order_by_output(select) is not None


def _split(select: exp.Select, wheres: list[list[exp.Expr]], moves_on: bool) -> exp.Query:
    found: exp.Query | None = None
    for where in wheres:
        branch = with_where(select.copy(), where)
        for clause in _TAIL:
            branch.set(clause, None)
        for join in branch.args.get("joins") or [] if moves_on else ():
            join.set("on", None)
        found = branch if found is None else exp.Union(this=found, expression=branch, distinct=True)
    assert found is not None
    for clause in _TAIL:
        if select.args.get(clause):
            found.set(clause, order_by_output(select) if clause == "order" else select.args[clause].copy())
    return found
