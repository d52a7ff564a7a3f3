"""A HAVING condition on grouping columns alone becomes a WHERE condition.

    SELECT u.city, COUNT(*) FROM users AS u GROUP BY u.city HAVING u.city > 'M'
    -> SELECT u.city, COUNT(*) FROM users AS u WHERE u.city > 'M' GROUP BY u.city

Valid when there is a GROUP BY (without one, a condition that fails removes the only row, while WHERE leaves one), the
condition has no aggregate and no subquery, and its columns are grouping columns of plain tables with BINARY collation:
rows that another collation groups together may differ in the condition.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft, conjuncts
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import is_aggregate, schema_column, selects, twin, with_where

from .base import Application

NAME = "having_to_where"
KIND = "redundancy"


def applications(draft: Draft, schema: Schema) -> Iterator[Application]:
    for select in selects(draft):
        group, having = select.args.get("group"), select.args.get("having")
        if group is None or having is None or not _is_simple(group):
            continue
        parts = conjuncts(having)
        moved = [part for part in parts if _is_about_groups(part, select, schema)]
        if not moved:
            continue
        tree = draft.query.copy()
        changed = twin(tree, select)
        with_where(changed, [*conjuncts(changed.args.get("where")), *moved])
        kept = [part.copy() for part in parts if part not in moved]
        changed.set("having", exp.Having(this=exp.and_(*kept, copy=False)) if kept else None)
        target = " AND ".join(part.sql(dialect="sqlite") for part in moved)
        yield Application(target, draft.with_query(tree))


def _is_simple(group: exp.Expr) -> bool:
    return {key for key, value in group.args.items() if value} == {"expressions"}


def _is_about_groups(part: exp.Expr, select: exp.Select, schema: Schema) -> bool:
    columns = list(part.find_all(exp.Column))
    for column in columns:
        declared = schema_column(column, select, schema)
        if declared is None or declared.collation != "BINARY" or column not in select.args["group"].expressions:
            return False
    return bool(columns) and not any(isinstance(node, exp.Query) or is_aggregate(node) for node in part.walk())
