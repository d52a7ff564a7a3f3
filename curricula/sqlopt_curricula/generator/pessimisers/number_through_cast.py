"""A number that is compared for equality is compared as text.

    WHERE o.user_id = 17        -> WHERE CAST(o.user_id AS TEXT) = '17'
    WHERE o.user_id IN (17, 20) -> WHERE CAST(o.user_id AS TEXT) IN ('17', '20')

Valid for INTEGER columns, which hold whole numbers or NULL, and whole literals, compared by = and IN alone: each number
has one spelling, but texts have another order. Programs that hold every key as text write this, and SQLite searches no
index of the bare column for it.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft
from sqlopt_env.trees.schema import Schema

from .conditions import Test, searched_columns, with_tests

NAME = "number_through_cast"


def applications(draft: Draft, schema: Schema) -> Iterator[Draft]:
    for found in searched_columns(draft, schema):
        if all(test.whole and test.kind in (exp.EQ, exp.In) for test in found):
            yield with_tests(draft, [(test, test.of(_cast(test), map(str, test.whole))) for test in found])


def _cast(test: Test) -> exp.Expr:
    return exp.Cast(this=test.column.copy(), to=exp.DataType.build("TEXT", dialect="sqlite"))
