"""SQL's conditions: true, false or NULL."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlglot import exp

from .logic import Formula, Unsupported, Value, both, comparable, differ, either, negation, when

COMPARISONS: dict[type[exp.Expr], Callable[[Any, Any], Any]] = {
    exp.EQ: lambda a, b: a == b,
    exp.NEQ: lambda a, b: negation(a == b),
    exp.LT: lambda a, b: a < b,
    exp.LTE: lambda a, b: a <= b,
    exp.GT: lambda a, b: a > b,
    exp.GTE: lambda a, b: a >= b,
}


def truth(null: Formula, value: Formula) -> Value:
    """A truth value as SQLite shows it: 0, 1 or NULL."""
    return Value(null, when(value, 1, 0), "integer")


def holds(value: Value) -> Formula:
    """Whether a condition is true, and neither false nor NULL."""
    if value.kind == "text":
        raise Unsupported("a text as a condition")
    return both(negation(value.null), differ(value.number, 0))


def compared(kind: type[exp.Expr], one: Value, other: Value) -> Value:
    if not comparable(one, other):
        raise Unsupported("a comparison of a text with a number")
    return truth(either(one.null, other.null), COMPARISONS[kind](one.number, other.number))


def numeric(value: Value) -> Value:
    if value.kind == "text":
        raise Unsupported("arithmetic with texts")
    return value


def conjunction(one: Value, other: Value) -> Value:
    yes = both(holds(one), holds(other))
    no = either(fails(one), fails(other))
    return truth(both(negation(yes), negation(no)), yes)


def disjunction(one: Value, other: Value) -> Value:
    yes = either(holds(one), holds(other))
    no = both(fails(one), fails(other))
    return truth(both(negation(yes), negation(no)), yes)


def fails(value: Value) -> Formula:
    return both(negation(value.null), negation(holds(value)))
