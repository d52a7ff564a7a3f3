"""A subquery of EXISTS that one equality of columns ties to the row around it, and nothing else does.

Shared by the techniques that turn EXISTS into IN, and NOT EXISTS into NOT IN.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlglot import exp

from sqlopt_env.trees.draft import conjuncts
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import (  # fmt: skip
    compare_alike,
    free_names,
    has_only,
    is_plain,
    names_of,
    schema_column,
    with_where,
)


@dataclass(frozen=True, slots=True)
class Tie:
    """`inner`, a column of the subquery, equals `column` of the SELECT around it; `rest` are the other conditions."""

    select: exp.Select
    inner: exp.Expr
    column: exp.Expr
    rest: tuple[exp.Expr, ...]

    def collected(self, *more: exp.Expr) -> exp.Select | None:
        """The subquery that collects `inner`, under the rest and `more` conditions; None where it is tied otherwise."""
        select = with_where(self.select.copy(), [*self.rest, *more])
        select.set("expressions", [self.inner.copy()])
        return None if free_names(select) else select


def single_tie(exists: exp.Expr, outer: exp.Select | None, schema: Schema) -> Tie | None:
    """The tie of an EXISTS in the WHERE of `outer`, where both columns compare alike from either side."""
    select = exists.this if isinstance(exists, exp.Exists) else None
    if outer is None or not isinstance(select, exp.Select) or select.args.get("from_") is None:
        return None
    if not has_only(select, "joins", "where") or not is_plain(select):
        return None
    parts = conjuncts(select.args.get("where"))
    bound = [part for part in parts if free_names(part) - names_of(select)]
    if len(bound) != 1 or not isinstance(bound[0], exp.EQ):
        return None
    inner, column = bound[0].left, bound[0].right
    if isinstance(column, exp.Column) and column.table in names_of(select):
        inner, column = column, inner
    if not compare_alike(schema_column(inner, select, schema), schema_column(column, outer, schema)):
        return None
    return Tie(select, inner, column, tuple(part for part in parts if part is not bound[0]))
