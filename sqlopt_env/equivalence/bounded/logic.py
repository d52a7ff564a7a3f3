"""Truth values and SQL values as formulas, folded where a part is known, so that z3 sees little.

A formula is a Python bool or number, or a z3 expression.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from typing import Any, TypeAlias

from ...types import SqlOptError

Formula: TypeAlias = Any


class Unsupported(Exception):
    """The query, or what it needs here, lies outside of what is encoded; says why."""


@lru_cache(maxsize=1)
def z3() -> Any:
    """The solver's module. Raises SqlOptError where it is not installed."""
    try:
        return import_module("z3")
    except ImportError as error:
        raise SqlOptError("the bounded check needs z3: pip install 'sqlopt-env[smt]'") from error


@dataclass(frozen=True, slots=True)
class Value:
    """One SQL value. Texts are numbers too, in their order; `kind` tells them apart and is "" for NULL alone."""

    null: Formula
    number: Formula
    kind: str  # "integer", "real" or "text"


NULL = Value(True, 0, "")


def number(value: Formula, kind: str = "integer") -> Value:
    return Value(False, value, kind)


def both(*parts: Formula) -> Formula:
    open_parts = [part for part in parts if part is not True]
    if any(part is False for part in open_parts):
        return False
    return open_parts[0] if len(open_parts) == 1 else (z3().And(*open_parts) if open_parts else True)


def either(*parts: Formula) -> Formula:
    open_parts = [part for part in parts if part is not False]
    if any(part is True for part in open_parts):
        return True
    return open_parts[0] if len(open_parts) == 1 else (z3().Or(*open_parts) if open_parts else False)


def negation(part: Formula) -> Formula:
    return (not part) if isinstance(part, bool) else z3().Not(part)


def when(condition: Formula, then: Formula, otherwise: Formula) -> Formula:
    if isinstance(condition, bool):
        return then if condition else otherwise
    return z3().If(condition, then, otherwise)


def differ(one: Formula, other: Formula) -> Formula:
    return negation(one == other)


def total(parts: list[Formula]) -> Formula:
    constant = sum(part for part in parts if isinstance(part, int))
    rest = [part for part in parts if not isinstance(part, int)]
    return z3().Sum([*rest, constant]) if rest else constant


def same(one: Value, other: Value) -> Formula:
    """Not distinct: equal, or both NULL."""
    if comparable(one, other):
        equal = both(negation(either(one.null, other.null)), one.number == other.number)
        return either(both(one.null, other.null), equal)
    return both(one.null, other.null)


def comparable(one: Value, other: Value) -> bool:
    """Whether both are numbers or both texts (or one is NULL alone)."""
    return "" in (one.kind, other.kind) or (one.kind == "text") == (other.kind == "text")


def choose(condition: Formula, then: Value, otherwise: Value) -> Value:
    if not comparable(then, otherwise):
        raise Unsupported("texts and numbers in one column")
    kinds = {then.kind, otherwise.kind} - {""}
    kind = "real" if len(kinds) > 1 else next(iter(kinds), "")
    return Value(when(condition, then.null, otherwise.null), when(condition, then.number, otherwise.number), kind)


def alike(one: list[Value], other: list[Value]) -> Formula:
    """Rows that are not distinct."""
    return both(*(same(a, b) for a, b in zip(one, other, strict=True)))
