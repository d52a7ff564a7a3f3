"""ORDER BY goes from a subquery whose order nothing can see.

    SELECT COUNT(*) FROM (SELECT o.id FROM orders AS o ORDER BY o.amount) AS d
    -> SELECT COUNT(*) FROM (SELECT o.id FROM orders AS o) AS d

Valid without LIMIT and OFFSET beside it, always inside IN and EXISTS; in a derived table or CTE when nothing else in
the query takes rows as they come: no LIMIT without ORDER BY, no group_concat or other aggregate that keeps an order,
no window function, no column outside GROUP BY and aggregates, and no scalar subquery that picks its first row.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft, own_nodes
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import aggregates, selects, twin

from .base import Application

NAME = "drop_inner_order"
KIND = "redundancy"
_ORDERLESS = (exp.Count, exp.Sum, exp.Avg, exp.Min, exp.Max)


def applications(draft: Draft, schema: Schema) -> Iterator[Application]:
    for query in draft.query.find_all(exp.Query):
        cut = query.args.get("limit") or query.args.get("offset")
        if query.parent is None or isinstance(query, exp.Subquery) or not query.args.get("order") or cut:
            continue
        place = query.parent.parent if isinstance(query.parent, exp.Subquery) else query.parent
        is_test = isinstance(place, exp.In | exp.Exists)
        is_source = isinstance(place, exp.From | exp.Join | exp.CTE)
        if is_test or (is_source and not _any_takes_rows_as_they_come(draft)):
            tree = draft.query.copy()
            twin(tree, query).set("order", None)
            yield Application(query.args["order"].sql(dialect="sqlite").strip(), draft.with_query(tree))


def _any_takes_rows_as_they_come(draft: Draft) -> bool:
    uncertain = any(
        query.args.get("limit") and not query.args.get("order") for query in draft.query.find_all(exp.Query)
    )
    return uncertain or any(_takes_rows_as_they_come(select) for select in selects(draft))


def _takes_rows_as_they_come(select: exp.Select) -> bool:
    calls = aggregates(select)
    if not all(isinstance(call, _ORDERLESS) for call in calls) or own_nodes(select, exp.Window):
        return True
    group = select.args.get("group")
    if (calls or group) and _has_bare_column(select, group.expressions if group else []):
        return True
    scalar = isinstance(select.parent, exp.Subquery) and not isinstance(
        select.parent.parent, exp.From | exp.Join | exp.In | exp.Exists | exp.CTE
    )
    return scalar and (group is not None or not calls)


def _has_bare_column(select: exp.Select, groups: list[exp.Expr]) -> bool:
    """A column whose value comes from any one row of a group."""
    if any(column not in groups for group in groups for column in group.find_all(exp.Column)):
        return True  # a grouping expression: not looked into
    for clause in (*select.expressions, select.args.get("having"), select.args.get("order")):
        for column in clause.find_all(exp.Column) if clause is not None else ():
            inside = column.find_ancestor(exp.AggFunc)
            free = inside is None or inside.parent_select is not select
            if column.table and column.parent_select is select and free and column not in groups:
                return True
    return False
