"""A column that can be NULL gets a default before it is compared.

    WHERE u.age > 70      -> WHERE COALESCE(u.age, 0) > 70
    WHERE u.city = 'Wien' -> WHERE COALESCE(u.city, '') = 'Wien'

Valid in a WHERE under AND and OR alone, when the default fails every comparison of the column: the row with NULL then
stays out as before. The column holds whole numbers, or text of BINARY collation (a function's value has no other), and
the literals are of that kind, for its affinity goes too. SQLite searches no index of the bare column for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from operator import eq, ge, gt, le, lt
from typing import Any

from sqlglot import exp

from sqlopt_env.trees.draft import Draft
from sqlopt_env.trees.schema import Schema

from .conditions import Test, searched_columns, with_tests

NAME = "compare_coalesced"
_COMPARED: dict[type[exp.Expr], Callable[[Any, Any], bool]] = {
    exp.EQ: eq, exp.LT: lt, exp.LTE: le, exp.GT: gt, exp.GTE: ge,
}  # fmt: skip


def applications(draft: Draft, schema: Schema) -> Iterator[Draft]:
    for found in searched_columns(draft, schema):
        if found[0].declared.not_null:
            continue
        defaults: list[int] | list[str] = [0, -1] if found[0].whole else [""]
        default = next((value for value in defaults if all(_fails(value, test) for test in found)), None)
        if default is not None:
            yield with_tests(draft, [(test, _coalesced(test, default)) for test in found])


def _fails(value: int | str, test: Test) -> bool:
    values = test.whole if isinstance(value, int) else test.texts
    if test.kind is exp.In:
        return bool(values) and value not in values
    if test.kind is exp.Between:
        return bool(values) and (_COMPARED[exp.LT](value, values[0]) or _COMPARED[exp.GT](value, values[1]))
    return bool(values) and not _COMPARED[test.kind](value, values[0])


def _coalesced(test: Test, default: int | str) -> exp.Expr:
    side = exp.Coalesce(this=test.column.copy(), expressions=[exp.convert(default)])
    return test.of(side, test.whole or test.texts)
