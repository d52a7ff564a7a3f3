"""Branches that differ in a condition become one SELECT with OR, which reads the tables once.

    SELECT o.id FROM orders AS o WHERE o.product = 'tea' UNION SELECT o.id FROM orders AS o WHERE o.amount > 900
    -> SELECT o.id FROM orders AS o WHERE (o.product = 'tea' OR o.amount > 900)

Valid for branches with the same outputs of the same sources, joined alike. UNION drops duplicates: the outputs must
contain a declared key of every source, or the result becomes SELECT DISTINCT. Branches of UNION ALL must demand
different constants of one column, so that no row passes twice.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft, conjuncts
from sqlopt_env.trees.reading import rename_source, sources
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import outputs, replaced, with_where

from .base import Application
from .compounds import shows_keys
from .soundness import may_be_rebuilt
from .union_branches import apart, plain_branches

NAME = "union_to_or"
KIND = "redundancy"


def applications(draft: Draft, schema: Schema) -> Iterator[Application]:
    for union in draft.query.find_all(exp.Union) if may_be_rebuilt(draft, schema) else ():
        if isinstance(union.parent, exp.SetOperation):
            continue
        selects = _alike(plain_branches(union))
        is_set = bool(union.args.get("distinct"))
        if len(selects) < 2 or (not is_set and not apart(selects, schema)):
            continue
        merged = _merged(selects)
        if is_set and not shows_keys(selects[0], schema):
            merged.set("distinct", exp.Distinct())
        for clause in ("order", "limit", "offset", "with_"):
            if union.args.get(clause):
                merged.set(clause, union.args[clause].copy())
        yield Application(f"{len(selects)} branches over {sources(merged)[0].name}", replaced(draft, union, merged))


def _alike(branches: list[exp.Select]) -> list[exp.Select]:
    """Copies of the branches with the aliases of the first, where they differ in nothing but WHERE; [] otherwise."""
    found: list[exp.Select] = []
    for branch in branches:
        same = branch.copy()
        names = [source.alias_or_name for source in sources(branches[0])]
        own = [source.alias_or_name for source in sources(same)]
        if len(own) != len(names) or (own != names and set(own) & set(names)):
            return []
        for old, new in zip(own, names, strict=True):
            rename_source(same, old, new)
        found.append(same)
    return found if len({_frame(branch) for branch in found}) == 1 else []


def _frame(select: exp.Select) -> tuple[str, ...]:
    joins = [join.sql() for join in select.args.get("joins") or []]
    return (*(item.sql() for item in outputs(select)), "|", select.args["from_"].sql(), *joins)


def _merged(selects: list[exp.Select]) -> exp.Select:
    wheres = [conjuncts(select.args.get("where")) for select in selects]
    common = [part for part in wheres[0] if all(part in where for where in wheres[1:])]
    rests = [[part for part in where if part not in common] for where in wheres]
    whole: list[exp.Expr] = []
    if all(rests):  # a branch that asks for no more than the common part holds all the others
        either = exp.or_(*(exp.and_(*(part.copy() for part in rest)) for rest in rests), copy=False)
        whole = [exp.paren(either, copy=False)]
    return with_where(selects[0].copy(), [*common, *whole])
