"""Where a condition on arithmetic over a column turns: `k - 7 >= 1786` does at 1793, a value that no query says."""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite

from sqlglot import exp

_COMPARISONS = (exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.Is)
_DEEPEST = 6  # operations around a column
Number = int | float


def turning_points(tree: exp.Expr) -> Iterator[tuple[exp.Column, Number]]:
    """(column, value) for every comparison of arithmetic over one column with numbers, both rounded ways where a
    division is not whole."""
    for node in tree.find_all(*_COMPARISONS, exp.Between, exp.In):
        if isinstance(node, exp.Between):
            pairs = [(node.this, node.args["low"]), (node.this, node.args["high"])]
        elif isinstance(node, exp.In):
            pairs = [(node.this, value) for value in node.expressions]
        else:
            pairs = [(node.this, node.expression), (node.expression, node.this)]
        for side, other in pairs:
            value = _number(other)
            if value is not None and not isinstance(side.unnest(), exp.Column):
                yield from _solved(side.unnest(), value, _DEEPEST)


def _solved(side: exp.Expr, value: Number, depth: int) -> Iterator[tuple[exp.Column, Number]]:
    """The values of its column with which the expression is, or is about, so much."""
    if isinstance(side, exp.Column):
        yield side, value
    elif isinstance(side, exp.Neg):
        yield from _solved(side.this.unnest(), -value, depth - 1)
    elif isinstance(side, exp.Binary) and depth:
        left, right = side.left.unnest(), side.right.unnest()
        known_left, known_right = _number(left), _number(right)
        if known_right is not None:
            for solution in _undone(side, value, known_right):
                yield from _solved(left, solution, depth - 1)
        elif known_left is not None:
            for solution in _undone_from_left(side, known_left, value):
                yield from _solved(right, solution, depth - 1)


def _undone(operation: exp.Binary, value: Number, known: Number) -> list[Number]:
    """x, where x operation known is the value."""
    match operation:
        case exp.Add():
            return [value - known]
        case exp.Sub():
            return [value + known]
        case exp.Mul():
            return _quotients(value, known)
        case exp.Div():
            return [value * known, (value + 1) * known] if abs(known) < 2**32 and abs(value) < 2**31 else []
        case exp.Mod():
            return [value, value + known]
    return []


def _undone_from_left(operation: exp.Binary, known: Number, value: Number) -> list[Number]:
    """x, where known operation x is the value."""
    match operation:
        case exp.Add():
            return [value - known]
        case exp.Sub():
            return [known - value]
        case exp.Mul():
            return _quotients(value, known)
        case exp.Div():
            return _quotients(known, value)
    return []


def _quotients(value: Number, known: Number) -> list[Number]:
    if not known or not isfinite(value / known):
        return []
    exact = value / known
    return list(dict.fromkeys([int(exact), exact])) if exact != int(exact) else [int(exact)]


def _number(node: exp.Expr) -> Number | None:
    node = node.unnest()
    if isinstance(node, exp.Neg):
        value = _number(node.this)
        return None if value is None else -value
    if not isinstance(node, exp.Literal) or node.is_string:
        return None
    try:
        number: Number = int(node.name) if node.name.isdecimal() and len(node.name) < 19 else float(node.name)
    except ValueError:
        return None
    return number if abs(number) < 2**62 else None
