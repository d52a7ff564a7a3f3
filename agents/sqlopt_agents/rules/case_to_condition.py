"""A CASE that is compared with a constant becomes the condition that it stands for, which an index may search.

    WHERE CASE u.city WHEN 'Wien' THEN 1 WHEN 'Graz' THEN 1 ELSE 0 END = 1 -> WHERE u.city IN ('Wien', 'Graz')
    WHERE CASE WHEN o.amount > 900 THEN 'high' ELSE 'low' END = 'high'     -> WHERE o.amount > 900

Valid in a WHERE under AND and OR alone: where no branch is met the CASE gives a value that does not pass, and the
condition FALSE or NULL, and neither lets a row through. All results are literals of one kind, and no branch that passes
stands behind one that does not. CASE x WHEN a compares as x = a does, and so does IN, when a is a literal.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import replaced, selects, text_value, whole_number

from .base import Application
from .compared import Compared, compared, is_literal, lets_through

NAME = "case_to_condition"
KIND = "redundancy"


def applications(draft: Draft, schema: Schema) -> Iterator[Application]:
    for select in selects(draft):
        for test in compared(select):
            case = test.side
            if isinstance(case, exp.Case) and lets_through(test.node) is select and not case.find(exp.Query):
                passing = _passing(test, case)
                new = _condition(case, passing) if passing else None
                if new is not None:
                    yield Application(test.node.sql(dialect="sqlite"), replaced(draft, test.node, new))


def _passing(test: Compared, case: exp.Case) -> list[bool]:
    """Which branches pass the test; [] where not all is known, where ELSE passes, or where none does."""
    default = case.args.get("default")
    results: list[exp.Expr] = [branch.args["true"] for branch in case.args["ifs"]]
    if test.kind not in (exp.EQ, exp.In):
        return []
    wanted = _values(test.literals)
    otherwise = [None] if default is None or isinstance(default, exp.Null) else _values([default])
    found = _values(results)
    if not wanted or not found or not otherwise or len({type(value) for value in (*wanted, *found)}) > 1:
        return []
    passing = [value in wanted for value in found]
    return passing if any(passing) and otherwise[0] not in wanted else []


def _values(literals: list[exp.Expr] | tuple[exp.Expr, ...]) -> list[int | str]:
    """All the literals as whole numbers, or as texts; [] where they are neither."""
    numbers = [number for literal in literals if (number := whole_number(literal)) is not None]
    texts = [text for literal in literals if (text := text_value(literal)) is not None]
    return next((list(values) for values in (numbers, texts) if len(values) == len(literals)), [])


def _condition(case: exp.Case, passing: list[bool]) -> exp.Expr | None:
    branches = [branch.this for branch in case.args["ifs"]]
    chosen = [branch.copy() for branch, passes in zip(branches, passing, strict=True) if passes]
    in_order = sorted(passing, reverse=True) == passing
    if case.this is None:
        return exp.or_(*chosen, copy=False) if in_order else None
    return exp.In(this=case.this.copy(), expressions=chosen) if in_order and all(map(is_literal, branches)) else None
