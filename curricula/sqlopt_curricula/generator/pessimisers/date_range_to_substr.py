"""A range of whole months or years becomes a comparison of the first characters of the date.

    WHERE o.order_date >= '2024-05-01' AND o.order_date < '2024-06-01' -> WHERE SUBSTR(o.order_date, 1, 7) = '2024-05'
    WHERE o.order_date >= '2024-01-01'                                 -> WHERE SUBSTR(o.order_date, 1, 4) >= '2024'

Valid when a CHECK holds every value of the column to YYYY-MM-DD or NULL: then the first characters are the year and
the month, and NULL gives NULL on both sides. SQLite searches no index of the bare column for it.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft
from sqlopt_env.trees.schema import Schema

from .periods import by_period

NAME = "date_range_to_substr"


def applications(draft: Draft, schema: Schema) -> Iterator[Draft]:
    yield from by_period(draft, schema, _first)


def _first(column: exp.Column, length: int) -> exp.Expr:
    return exp.Substring(this=column, start=exp.convert(1), length=exp.convert(length))
