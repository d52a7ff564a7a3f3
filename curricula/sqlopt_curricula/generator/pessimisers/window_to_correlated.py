"""An aggregate over a partition becomes a correlated subquery.

    SELECT o.id, AVG(o.amount) OVER (PARTITION BY o.user_id) AS a FROM orders AS o WHERE o.amount > 5
    -> SELECT o.id, (SELECT AVG(o_2.amount) FROM orders AS o_2 WHERE o_2.amount > 5 AND o_2.user_id IS o.user_id) AS a
       FROM orders AS o WHERE o.amount > 5

Valid for COUNT, SUM, AVG, MIN and MAX over columns of the one plain table that an ungrouped SELECT reads: the window
sees the rows of its WHERE, which the subquery repeats, and puts rows with NULL into one partition, as IS does. (Sums of
floats may differ by rounding.) SQLite sorts once for the window; it searches the whole partition again for every row.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft
from sqlopt_env.trees.schema import Schema

from .windows import Rows, windows_replaced

NAME = "window_to_correlated"


def applications(draft: Draft, schema: Schema) -> Iterator[Draft]:
    yield from windows_replaced(draft, schema, _aggregate)


def _aggregate(window: exp.Window, rows: Rows) -> exp.Select | None:
    partition = window.args.get("partition_by") or []
    if not partition or window.args.get("order") is not None or window.args.get("spec") is not None:
        return None
    if not isinstance(window.this, exp.Count | exp.Sum | exp.Avg | exp.Min | exp.Max) or window.find(exp.Query):
        return None
    ties = rows.same_group(partition)
    return rows.query(rows.again(window.this), ties) if ties is not None else None
