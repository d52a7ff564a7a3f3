"""A range of whole numbers that is one bucket becomes a comparison of the quotient.

    WHERE u.age >= 30 AND u.age < 40 -> WHERE u.age / 10 = 3
    WHERE u.age BETWEEN 30 AND 39    -> WHERE u.age / 10 = 3

Valid for INTEGER columns, which hold whole numbers or NULL, when the lower bound is positive and a multiple of the
range's width: SQLite cuts quotients off towards zero, so that the bucket of 0 also holds negative numbers.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft
from sqlopt_env.trees.schema import Schema

from .conditions import ranges

NAME = "bucket"


def applications(draft: Draft, schema: Schema) -> Iterator[Draft]:
    for found in ranges(draft, schema):
        lows, highs = found.lower.whole, found.upper.whole
        if not lows or not highs:
            continue
        low, after = lows[0] + found.starts_after, highs[-1] + (not found.ends_before)
        width = after - low
        if low > 0 and width > 1 and low % width == 0:
            side = exp.Div(this=found.column.copy(), expression=exp.convert(width), typed=True, safe=True)
            yield found.replaced(exp.EQ(this=side, expression=exp.convert(low // width)))
