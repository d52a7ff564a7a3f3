"""A range becomes the negation of all that lies outside.

    WHERE u.age BETWEEN 60 AND 65              -> WHERE NOT (u.age < 60 OR u.age > 65)
    WHERE o.amount >= 10.5 AND o.amount < 11.5 -> WHERE NOT (o.amount < 10.5 OR o.amount >= 11.5)

Valid always: values of any type have one order, and NULL gives NULL on both sides. SQLite does not carry the NOT
inwards, so that no index of the column is searched.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft
from sqlopt_env.trees.schema import Schema

from .conditions import ranges

NAME = "between_negated"


def applications(draft: Draft, schema: Schema) -> Iterator[Draft]:
    for found in ranges(draft, schema):
        below = exp.LTE if found.starts_after else exp.LT
        above = exp.GTE if found.ends_before else exp.GT
        low = below(this=found.column.copy(), expression=found.low.copy())
        high = above(this=found.column.copy(), expression=found.high.copy())
        outside = exp.Or(this=low, expression=high)
        yield found.replaced(exp.Not(this=exp.Paren(this=outside)))
