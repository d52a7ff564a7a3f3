"""Arithmetic on a column moves to the other side, so that the bare column can be searched.

    WHERE u.age + 5 >= 30       -> WHERE u.age >= 25
    WHERE u.age * 3 > 100       -> WHERE u.age > 33
    WHERE u.age / 10 = 3        -> WHERE u.age >= 30 AND u.age < 40
    WHERE u.age - 5 IN (25, 30) -> WHERE u.age IN (30, 35)
    WHERE o.amount * 2 > 1998   -> WHERE o.amount > 999

Valid for INTEGER columns, which hold whole numbers or NULL, with whole literals small enough that a sum which
overflows into a float still lies on the same side; a factor must be positive; a quotient is cut off towards zero, so
that only positive ones are turned into ranges. For REAL columns only a factor that is a power of two is exact.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from sqlglot import exp

from sqlopt_env.trees.draft import Draft
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import schema_column, selects, whole_number

from .base import Application
from .compared import Compared, by_column, compared, is_whole

NAME = "sargable_arithmetic"
KIND = "redundancy"
_REAL_TYPES = {"REAL", "FLOAT", "DOUBLE"}
_SMALL = 10**12  # far from the rim of 64 bits, and exact as a float
_FLIPPED: dict[type[exp.Expr], type[exp.Expr]] = {
    exp.EQ: exp.EQ, exp.NEQ: exp.NEQ, exp.LT: exp.GT, exp.LTE: exp.GTE, exp.GT: exp.LT, exp.GTE: exp.LTE,
}  # fmt: skip
Bound = tuple[type[exp.Expr], int]


def applications(draft: Draft, schema: Schema) -> Iterator[Application]:
    yield from by_column(draft, _changes(draft, schema))


def _changes(draft: Draft, schema: Schema) -> Iterator[tuple[exp.Expr, exp.Expr]]:
    for select in selects(draft):
        for test in compared(select):
            side = test.side
            if not test.whole or not isinstance(side, exp.Binary):
                continue
            for column, factor, column_first in ((side.left, side.right, True), (side.right, side.left, False)):
                constant = whole_number(factor)
                declared = schema_column(column, select, schema)
                if declared is None or constant is None or max(map(abs, (constant, *test.whole))) > _SMALL:
                    continue
                if declared.type in _REAL_TYPES or is_whole(declared):
                    solve = _whole_bounds if is_whole(declared) else _real_bounds
                    new = _solved(column, test, partial(solve, type(side), column_first, constant))
                    if new is not None:
                        yield test.node, new


def _solved(column: exp.Expr, test: Compared, solve: Callable[[type[exp.Expr], int], list[Bound]]) -> exp.Expr | None:
    """The test as one of the bare column; None where it cannot be solved for it."""
    if test.kind is exp.Between:
        lower, upper = solve(exp.GTE, test.whole[0]), solve(exp.LTE, test.whole[1])
        return _all(column, lower + upper) if lower and upper else None
    if test.kind is not exp.In:
        bounds = solve(test.kind, test.whole[0])
        return _all(column, bounds) if bounds else None
    found = [solve(exp.EQ, value) for value in test.whole]
    if not all(found):
        return None
    if all(len(bounds) == 1 for bounds in found):
        return test.of(column, [exp.convert(number) for ((_, number),) in found])
    return exp.or_(*(_all(column, bounds) for bounds in found), copy=False)


def _all(column: exp.Expr, bounds: list[Bound]) -> exp.Expr:
    parts = [bound(this=column.copy(), expression=exp.convert(number)) for bound, number in bounds]
    return exp.and_(*parts, copy=False)


def _whole_bounds(
    operator: type[exp.Binary], column_first: bool, constant: int, kind: type[exp.Expr], value: int
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
        simple: dict[type[exp.Expr], Bound] = {
            exp.GTE: (exp.GTE, low), exp.LT: (exp.LT, low), exp.GT: (exp.GTE, high), exp.LTE: (exp.LT, high),
        }  # fmt: skip
        return [simple[kind]] if kind in simple else []
    return []


def _real_bounds(
    operator: type[exp.Binary], column_first: bool, constant: int, kind: type[exp.Expr], value: int
) -> list[Bound]:
    exact = operator is exp.Mul and constant > 0 and constant & (constant - 1) == 0 and value % constant == 0
    return [(kind, value // constant)] if exact else []
