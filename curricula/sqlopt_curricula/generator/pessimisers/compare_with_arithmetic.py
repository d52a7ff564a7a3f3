"""A comparison of a whole number is moved to a sum, a difference or a product of it.

    WHERE u.age > 70                   -> WHERE u.age + 9 > 79
    WHERE u.age >= 60 AND u.age < 65   -> WHERE u.age * 2 >= 120 AND u.age * 2 < 130
    WHERE u.age IN (41, 50)            -> WHERE u.age - 5 IN (36, 45)

Valid for INTEGER columns, which hold whole numbers or NULL, with whole literals so small that a sum which overflows
into a float still lies on the same side. All the comparisons of the column change alike, or an index would still serve
one of them: SQLite never solves for the column. Which form is taken depends on the first literal alone.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft
from sqlopt_env.trees.schema import Schema

from .conditions import Test, searched_columns, with_tests

NAME = "compare_with_arithmetic"


def applications(draft: Draft, schema: Schema) -> Iterator[Draft]:
    for found in searched_columns(draft, schema):
        if all(test.whole for test in found):
            first = found[0].whole[0]
            yield with_tests(draft, [(test, _moved(test, first)) for test in found])


def _moved(test: Test, first: int) -> exp.Expr:
    operator, constant = ((exp.Mul, 2), (exp.Add, first % 10 + 9), (exp.Sub, first % 10 + 4))[first % 3]
    side = operator(this=test.column.copy(), expression=exp.convert(constant))
    if operator is exp.Mul:
        return test.of(side, [value * constant for value in test.whole])
    return test.of(side, [value + (constant if operator is exp.Add else -constant) for value in test.whole])
