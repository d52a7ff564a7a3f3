"""What the pessimisers of IN and EXISTS have in common: the rows that a test looks for, and the count of them."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft, conjuncts
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import (
    compare_alike,
    has_only,
    in_where,
    is_plain,
    never_null,
    outputs,
    schema_column,
    with_where,
)


def is_row_source(select: exp.Expr | None) -> bool:
    """A SELECT with FROM, joins and WHERE alone."""
    plain = isinstance(select, exp.Select) and has_only(select, "joins", "where") and is_plain(select)
    return plain and select is not None and select.args.get("from_") is not None


def counted(select: exp.Select, some: bool) -> exp.Expr:
    """`(SELECT COUNT(*) ...) > 0`, or `= 0`, for the rows of a plain SELECT."""
    count = select.copy()
    count.set("expressions", [exp.Count(this=exp.Star(), big_int=True)])
    kind = exp.GT if some else exp.EQ
    return kind(this=exp.Subquery(this=count), expression=exp.Literal.number(0))


def matching_rows(node: exp.In, outer: exp.Select, schema: Schema) -> exp.Select | None:
    """The SELECT 1 that has a row exactly where `column IN (plain subquery of one column)` is true."""
    query = node.args.get("query")
    select = query.this if isinstance(query, exp.Subquery) else None
    if not isinstance(select, exp.Select) or not is_row_source(select) or len(select.expressions) != 1:
        return None
    inner = outputs(select)[0]
    if not compare_alike(schema_column(node.this, outer, schema), schema_column(inner, select, schema)):
        return None
    equal = exp.EQ(this=inner.copy(), expression=node.this.copy())
    rows = with_where(select.copy(), [*conjuncts(select.args.get("where")), equal])
    rows.set("expressions", [exp.Literal.number(1)])
    return rows


def is_never_null_in(node: exp.In, outer: exp.Select, schema: Schema) -> bool:
    """Neither side of a readable IN can be NULL, so that it is 1 or 0."""
    select = node.args["query"].this
    inner = outputs(select)[0]
    demanded = exp.Not(this=exp.Is(this=inner.copy(), expression=exp.Null()))
    inner_filled = never_null(inner, select, schema) or demanded in conjuncts(select.args.get("where"))
    return inner_filled and never_null(node.this, outer, schema)


def memberships(draft: Draft, schema: Schema) -> Iterator[tuple[exp.Expr, exp.Select, bool]]:
    """(condition, rows, some) of each IN, and each NOT IN that is never NULL, in a WHERE: it holds where there are some
    of the correlated rows, or none of them."""
    for node in draft.query.find_all(exp.In):
        negation = node.parent if isinstance(node.parent, exp.Not) else None
        outer = in_where(negation or node, exp.Or)
        rows = matching_rows(node, outer, schema) if outer is not None else None
        if outer is None or rows is None:
            continue
        if negation is None:
            yield node, rows, True
        elif is_never_null_in(node, outer, schema):
            yield negation, rows, False
