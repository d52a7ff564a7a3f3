"""A range of whole months or years becomes a comparison of the month or the year that strftime cuts out.

    WHERE o.order_date >= '2024-05-01' AND o.order_date < '2024-06-01'
    -> WHERE STRFTIME('%Y-%m', o.order_date) = '2024-05'
    WHERE o.order_date < '2024-01-01' -> WHERE STRFTIME('%Y', o.order_date) < '2024'

Valid when a CHECK holds every value of the column to YYYY-MM-DD or NULL: then text order is the order of days, and
NULL gives NULL on both sides. SQLite computes the function for every row, and searches no index of the bare column.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft
from sqlopt_env.trees.schema import Schema

from .periods import by_period

NAME = "date_range_to_strftime"


def applications(draft: Draft, schema: Schema) -> Iterator[Draft]:
    yield from by_period(draft, schema, _strftime)


def _strftime(column: exp.Column, length: int) -> exp.Expr:
    style = exp.Literal.string("%Y" if length == 4 else "%Y-%m")
    return exp.TimeToStr(this=exp.TsOrDsToTimestamp(this=column), format=style)
