"""A date column that is compared with dates goes through date() first.

    WHERE o.order_date >= '2024-05-10' AND o.order_date < '2024-05-17'
    -> WHERE DATE(o.order_date) >= '2024-05-10' AND DATE(o.order_date) < '2024-05-17'

Valid when a CHECK holds every value of the column to YYYY-MM-DD or NULL: date() then returns what it is given. People
write it out of habit with timestamps; SQLite computes it for every row, and searches no index of the bare column.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft
from sqlopt_env.trees.schema import Schema

from .conditions import searched_columns, with_tests

NAME = "date_through_function"


def applications(draft: Draft, schema: Schema) -> Iterator[Draft]:
    for found in searched_columns(draft, schema):
        if all(test.days for test in found):
            yield with_tests(draft, [(test, test.of(exp.Date(this=test.column.copy()), test.days)) for test in found])
