"""Arithmetic on a column moves to the other side, so that the bare column can be searched.

    WHERE u.age + 5 >= 30       -> WHERE u.age >= 25
    WHERE u.age * 3 > 100       -> WHERE u.age > 33
    WHERE u.age / 10 = 3        -> WHERE u.age >= 30 AND u.age < 40
    WHERE o.amount * 2 > 1998   -> WHERE o.amount > 999

Valid for INTEGER columns, which hold whole numbers or NULL, with whole literals small enough that a sum which
overflows into a float still lies on the same side; a factor must be positive; a quotient is cut off towards zero, so
that only positive ones are turned into ranges. For REAL columns only a factor that is a power of two is exact.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import comparisons, replaced, schema_column, selects, whole_number

from .base import Application

NAME = "sargable_arithmetic"
KIND = "redundancy"
_WHOLE_TYPES = {"INTEGER", "INT", "BIGINT", "SMALLINT"}
_SMALL = 10**12  # far from the rim of 64 bits, and exact as a float
_FLIPPED: dict[type[exp.Binary], type[exp.Binary]] = {
    exp.EQ: exp.EQ, exp.NEQ: exp.NEQ, exp.LT: exp.GT, exp.LTE: exp.GTE, exp.GT: exp.LT, exp.GTE: exp.LTE,
}  # fmt: skip
Bound = tuple[type[exp.Binary], int]


def applications(draft: Draft, schema: Schema) -> Iterator[Application]:
    for select in selects(draft):
        for node, left, kind, right in comparisons(select):
            value = whole_number(right)
            left = left.unnest()
            if node.parent_select is not select or value is None or not isinstance(left, exp.Binary):
                continue
            for column, factor, column_first in ((left.left, left.right, True), (left.right, left.left, False)):
                constant = whole_number(factor)
                declared = schema_column(column, select, schema)
                if declared is None or constant is None or max(abs(constant), abs(value)) > _SMALL:
                    continue
                solve = _whole_bounds if declared.type in _WHOLE_TYPES else _real_bounds
                if declared.type not in _WHOLE_TYPES | {"REAL", "FLOAT", "DOUBLE"}:
                    continue
                bounds = solve(type(left), column_first, constant, kind, value)
                if bounds:
                    parts = [bound(this=column.copy(), expression=exp.convert(number)) for bound, number in bounds]
                    yield Application(node.sql(dialect="sqlite"), replaced(draft, node, exp.and_(*parts, copy=False)))


def _whole_bounds(
    operator: type[exp.Binary], column_first: bool, constant: int, kind: type[exp.Binary], value: int
) -> list[Bound]:
    """What the column must satisfy for `column operator constant` to satisfy `kind value`; [] if not known."""
    if operator is exp.Add:
        return [(kind, value - constant)]
    if operator is exp.Sub:
        return [(kind, value + constant)] if column_first else [(_FLIPPED[kind], constant - value)]
    if operator is exp.Mul and constant > 0:
        if kind in (exp.EQ, exp.NEQ):
            return [(kind, value // constant)] if value % constant == 0 else []
        # column * c >= v means column >= v / c rounded up; > and <= round down.
        rounded = -(-value // constant) if kind in (exp.GTE, exp.LT) else value // constant
        return [(kind, rounded)]
    if operator is exp.Div and column_first and constant > 0 and value > 0:
        low, high = value * constant, (value + 1) * constant
        if kind is exp.EQ:
            return [(exp.GTE, low), (exp.LT, high)]
        simple: dict[type[exp.Binary], Bound] = {
            exp.GTE: (exp.GTE, low), exp.LT: (exp.LT, low), exp.GT: (exp.GTE, high), exp.LTE: (exp.LT, high),
        }  # fmt: skip
        return [simple[kind]] if kind in simple else []
    return []


def _real_bounds(
    operator: type[exp.Binary], column_first: bool, constant: int, kind: type[exp.Binary], value: int
) -> list[Bound]:
    exact = operator is exp.Mul and constant > 0 and constant & (constant - 1) == 0 and value % constant == 0
    return [(kind, value // constant)] if exact else []
