"""A rank becomes a count of the rows before.

    SELECT u.id, RANK() OVER (PARTITION BY u.city ORDER BY u.signup_date DESC) AS place FROM users AS u
    -> SELECT u.id, (SELECT COUNT(*) + 1 FROM users AS u_2 WHERE u_2.city IS u.city AND u_2.signup_date > u.signup_date)
       AS place FROM users AS u

Valid for RANK, for DENSE_RANK by one column (it counts distinct values) and for ROW_NUMBER when the order contains a
declared key, where the columns of the order are never NULL, the partition is made of columns, and an ungrouped SELECT
reads one plain table, whose WHERE the subquery repeats. SQLite sorts once for the window; it counts half of the
partition for every row.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft
from sqlopt_env.trees.schema import Schema

from .windows import Rows, order_terms, windows_replaced

NAME = "rank_to_correlated"


def applications(draft: Draft, schema: Schema) -> Iterator[Draft]:
    yield from windows_replaced(draft, schema, _count_before)


def _count_before(window: exp.Window, rows: Rows) -> exp.Select | None:
    terms = order_terms(window)
    ties, before = rows.same_group(window.args.get("partition_by") or []), rows.before(terms)
    if ties is None or before is None or window.args.get("spec") is not None:
        return None
    counted: exp.Expr = exp.Star()
    if isinstance(window.this, exp.DenseRank) and len(terms) == 1:
        counted = exp.Distinct(expressions=[rows.again(terms[0].this)])
    elif not isinstance(window.this, exp.Rank) and not (
        isinstance(window.this, exp.RowNumber) and rows.is_total(terms)
    ):
        return None
    one_more = exp.Add(this=exp.Count(this=counted, big_int=True), expression=exp.Literal.number(1))
    return rows.query(one_more, [*ties, before])
