"""A HAVING condition on grouping columns alone becomes a WHERE condition.

    SELECT u.city, COUNT(*) FROM users AS u GROUP BY u.city HAVING u.city > 'M'
    -> SELECT u.city, COUNT(*) FROM users AS u WHERE u.city > 'M' GROUP BY u.city

    ... GROUP BY u.city HAVING SUM(CASE WHEN u.city > 'M' THEN 1 ELSE 0 END) > 0   -> the same

Valid when there is a GROUP BY (without one, a condition that fails removes the only row, while WHERE leaves one), the
condition has no aggregate and no subquery, and its columns are grouping columns of plain tables with BINARY collation:
rows that another collation groups together may differ in the condition. Rows of a group that are counted by such a
condition fulfil it all or not at all.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft, conjuncts
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import is_aggregate, schema_column, selects, twin, whole_number, with_where

from .base import Application

NAME = "having_to_where"
KIND = "redundancy"


def applications(draft: Draft, schema: Schema) -> Iterator[Application]:
    for select in selects(draft):
        group, having = select.args.get("group"), select.args.get("having")
        if group is None or having is None or not _is_simple(group):
            continue
        parts = conjuncts(having)
        asked = {id(part): _asked(part) for part in parts}
        moved = [part for part in parts if _is_about_groups(asked[id(part)], select, schema)]
        if not moved:
            continue
        tree = draft.query.copy()
        changed = twin(tree, select)
        with_where(changed, [*conjuncts(changed.args.get("where")), *(asked[id(part)] for part in moved)])
        kept = [part.copy() for part in parts if not any(part is other for other in moved)]
        changed.set("having", exp.Having(this=exp.and_(*kept, copy=False)) if kept else None)
        target = " AND ".join(part.sql(dialect="sqlite") for part in moved)
        yield Application(target, draft.with_query(tree))


def _asked(part: exp.Expr) -> exp.Expr:
    """The condition that some row of the group must fulfil, where the part counts these rows; else the part itself."""
    some = (isinstance(part, exp.GT) and whole_number(part.expression) == 0) or (
        isinstance(part, exp.GTE) and whole_number(part.expression) == 1
    )
    call = part.this if some else None
    if isinstance(call, exp.Filter) and isinstance(call.this, exp.Count) and isinstance(call.this.this, exp.Star):
        condition: exp.Expr = call.expression.this
        return condition
    case = call.this if isinstance(call, exp.Sum | exp.Count) else None
    if not isinstance(case, exp.Case) or case.this is not None or len(case.args["ifs"]) != 1:
        return part
    default = case.args.get("default")
    counts_one = whole_number(case.args["ifs"][0].args["true"]) == 1
    else_nothing = default is None or (isinstance(call, exp.Sum) and whole_number(default) == 0)
    condition = case.args["ifs"][0].this
    return condition if counts_one and else_nothing else part


def _is_simple(group: exp.Expr) -> bool:
    return {key for key, value in group.args.items() if value} == {"expressions"}


def _is_about_groups(part: exp.Expr, select: exp.Select, schema: Schema) -> bool:
    columns = list(part.find_all(exp.Column))
    for column in columns:
        declared = schema_column(column, select, schema)
        if declared is None or declared.collation != "BINARY" or column not in select.args["group"].expressions:
            return False
    return bool(columns) and not any(isinstance(node, exp.Query) or is_aggregate(node) for node in part.walk())
