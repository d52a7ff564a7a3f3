"""A running total becomes a sum, for each row, over all the rows up to it.

    SELECT o.id, SUM(o.amount) OVER (PARTITION BY o.user_id ORDER BY o.order_date, o.id) AS total FROM orders AS o
    -> SELECT o.id, (SELECT SUM(o_2.amount) FROM orders AS o_2 WHERE o_2.user_id IS o.user_id AND (o_2.order_date <
       o.order_date OR (o_2.order_date = o.order_date AND o_2.id <= o.id))) AS total FROM orders AS o

Valid for COUNT, SUM, AVG, MIN and MAX in an ungrouped SELECT over one plain table, where the columns of the order are
never NULL and the partition is made of columns. The frame must be the one that holds when none is given, all rows up to
the last that ties with this one, or ROWS UNBOUNDED PRECEDING when the order contains a declared key. (Sums of floats may
differ by rounding.) SQLite adds up in one pass for the window; the subqueries read a triangle of rows.
"""  # noqa: E501

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft
from sqlopt_env.trees.schema import Schema

from .windows import Rows, order_terms, windows_replaced

NAME = "running_to_correlated"
_SO_FAR = {"start": "UNBOUNDED", "start_side": "PRECEDING"}


def applications(draft: Draft, schema: Schema) -> Iterator[Draft]:
    yield from windows_replaced(draft, schema, _total)


def _total(window: exp.Window, rows: Rows) -> exp.Select | None:
    terms = order_terms(window)
    if not isinstance(window.this, exp.Count | exp.Sum | exp.Avg | exp.Min | exp.Max) or window.find(exp.Query):
        return None
    if not _is_up_to_this_row(window.args.get("spec"), rows.is_total(terms)):
        return None
    ties = rows.same_group(window.args.get("partition_by") or [])
    up_to = rows.before(terms, or_level=True)
    return rows.query(rows.again(window.this), [*ties, up_to]) if ties is not None and up_to is not None else None


def _is_up_to_this_row(spec: exp.Expr | None, is_total: bool) -> bool:
    if spec is None:
        return True
    filled = {key: value for key, value in spec.args.items() if value}
    kind, end = filled.pop("kind", ""), filled.pop("end", "CURRENT ROW")
    known = kind == "RANGE" or (kind == "ROWS" and is_total)
    return known and end == "CURRENT ROW" and filled == _SO_FAR
