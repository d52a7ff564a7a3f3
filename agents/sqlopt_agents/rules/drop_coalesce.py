"""A default that a comparison does not need goes; one that it does need becomes a condition of its own.

    WHERE COALESCE(u.age, 0) > 70                  -> WHERE u.age > 70
    WHERE COALESCE(u.city, 'Wien') = 'Wien'        -> WHERE u.city = 'Wien' OR u.city IS NULL

Valid in a WHERE under AND and OR alone, where FALSE and NULL are the same. The column holds whole numbers, or text of
BINARY collation (a function's value has no other), and default and literals are of that kind, for the function's value
has no affinity either.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from operator import eq, ge, gt, le, lt
from typing import Any

from sqlglot import exp

from sqlopt_env.trees.draft import Draft
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import schema_column, selects, text_value, whole_number

from .base import Application
from .compared import Compared, by_column, compared, is_text, is_whole, lets_through

NAME = "drop_coalesce"
KIND = "redundancy"
_COMPARED: dict[type[exp.Expr], Callable[[Any, Any], bool]] = {
    exp.EQ: eq, exp.LT: lt, exp.LTE: le, exp.GT: gt, exp.GTE: ge,
}  # fmt: skip


def applications(draft: Draft, schema: Schema) -> Iterator[Application]:
    yield from by_column(draft, _changes(draft, schema))


def _changes(draft: Draft, schema: Schema) -> Iterator[tuple[exp.Expr, exp.Expr]]:
    for select in selects(draft):
        for test in compared(select):
            column = test.side.this
            is_default = isinstance(test.side, exp.Coalesce) and len(test.side.expressions) == 1
            if not is_default or not isinstance(column, exp.Column) or lets_through(test.node) is not select:
                continue
            passes = _default_passes(test, schema_column(column, select, schema), test.side.expressions[0])
            if passes is None:
                continue
            new = test.of(column)
            if passes:
                new = exp.or_(new, exp.Is(this=column.copy(), expression=exp.Null()), copy=False)
            yield test.node, new


def _default_passes(test: Compared, declared: Any, default: exp.Expr) -> bool | None:
    """Whether the default satisfies the comparison; None where that is not certain."""
    value: int | str | None
    if is_whole(declared) and test.whole:
        value, literals = whole_number(default), list[int | str](test.whole)
    elif is_text(declared) and test.texts:
        value, literals = text_value(default), list[int | str](test.texts)
    else:
        return None
    if value is None or test.kind is exp.NEQ:
        return None
    if test.kind is exp.In:
        return value in literals
    if test.kind is exp.Between:
        return bool(ge(value, literals[0]) and le(value, literals[1]))
    return _COMPARED[test.kind](value, literals[0])
