"""Rows are aggregated by what they are joined by, joined, and the parts aggregated again.

    SELECT u.city, SUM(o.amount) AS total, COUNT(*) AS n FROM users AS u JOIN orders AS o ON o.user_id = u.id GROUP BY u.city
    -> SELECT u.city, SUM(by_o.v1) AS total, SUM(by_o.v2) AS n FROM users AS u JOIN
       (SELECT o.user_id AS k1, SUM(o.amount) AS v1, COUNT(*) AS v2 FROM orders AS o GROUP BY o.user_id) AS by_o
       ON by_o.k1 = u.id GROUP BY u.city

Valid for COUNT, SUM, MIN and MAX without DISTINCT over one inner-joined table that is read in aggregates alone and tied
to the others by equalities of columns of the same type. A sum of other than whole numbers, which other parts may round
otherwise, must only be shown. Where GROUP BY settles the other rows, aggregate_before_join needs no second step.
"""  # noqa: E501

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import schema_column, selects

from .base import Application
from .many_side import Grouping, ManySide, read_grouping
from .pre_aggregated import pre_aggregated
from .soundness import may_be_rebuilt

NAME = "aggregate_in_parts"
KIND = "join"


def applications(draft: Draft, schema: Schema) -> Iterator[Application]:
    for select in selects(draft) if may_be_rebuilt(draft, schema) else ():
        found = read_grouping(select, schema)
        if found is None or found.is_settled or len(found.sides) != 1 or found.sides[0].is_left:
            continue
        if all(_has_parts(call, found, schema) for call in found.calls):
            tree, _ = pre_aggregated(draft, found, schema, _of_parts)
            yield Application(f"{found.sides[0].name} in parts", draft.with_query(tree))


def _of_parts(side: ManySide, call: exp.Expr, column: exp.Column) -> exp.Expr:
    inner = call.this if isinstance(call, exp.Filter) else call
    kind = type(inner) if isinstance(inner, exp.Min | exp.Max) else exp.Sum
    return kind(this=column)


def _has_parts(call: exp.Expr, found: Grouping, schema: Schema) -> bool:
    inner = call.this if isinstance(call, exp.Filter) else call
    if isinstance(inner.this, exp.Distinct) or not isinstance(inner, exp.Count | exp.Sum | exp.Min | exp.Max):
        return False
    declared = schema_column(inner.this, found.select, schema)
    exact = not isinstance(inner, exp.Sum) or (declared is not None and "INT" in declared.type)
    return exact or _is_shown(call, found.select)


def _is_shown(call: exp.Expr, select: exp.Select) -> bool:
    """An output as it stands, by which nothing is sorted."""
    order = select.args.get("order")
    sorted_by = (
        {column.name for column in order.find_all(exp.Column) if not column.table} if order is not None else set()
    )
    shown = isinstance(call.parent, exp.Alias | exp.Select) and call.parent.parent in (select, select.parent)
    return shown and call.parent is not None and call.parent.alias not in sorted_by
