"""Puts derived tables, each grouped by what it is joined by, in the place of tables that are only aggregated."""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from sqlopt_env.trees.draft import Draft
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import fresh_name, twin, with_where

from .many_side import Grouping, ManySide
from .scans import calls
from .soundness import column_of

Value = Callable[[ManySide, exp.Expr, exp.Column], exp.Expr]  # what a call becomes, from the column that holds it


def pre_aggregated(draft: Draft, found: Grouping, schema: Schema, value: Value) -> tuple[exp.Query, exp.Select]:
    """(a copy of the query, the SELECT in it); its GROUP BY and HAVING still stand."""
    tree = draft.query.copy()
    changed = twin(tree, found.select)
    joins = [exp.Join(this=source.copy()) for source in found.kept]
    for side in found.sides:
        name = fresh_name(draft, f"by_{side.name}", schema)
        derived, ties = _aggregated(side, name, changed, value)
        source = exp.Subquery(this=derived, alias=exp.TableAlias(this=exp.to_identifier(name)))
        joins.append(exp.Join(this=source, side="LEFT" if side.is_left else None, on=exp.and_(*ties, copy=False)))
    changed.set("from_", exp.From(this=joins[0].this))
    changed.set("joins", joins[1:])
    with_where(changed, found.conditions)
    return tree, changed


def _aggregated(side: ManySide, name: str, changed: exp.Select, value: Value) -> tuple[exp.Select, list[exp.Expr]]:
    """(the derived table, the equalities it is joined by); in `changed`, the calls become columns of it."""
    keys = [f"k{i + 1}" for i in range(len(side.ties))]
    items: list[exp.Expr] = [exp.alias_(tie.this.copy(), key) for tie, key in zip(side.ties, keys, strict=True)]
    values: dict[str, exp.Expr] = {}
    for clause in (*changed.expressions, changed.args.get("having"), changed.args.get("order")):
        for call in calls(clause) if clause is not None else []:
            if not side.owns(call):
                continue
            output = next((output for output, other in values.items() if other == call), f"v{len(values) + 1}")
            values[output] = call.copy()
            call.replace(value(side, call, column_of(name, output)))
    items += [exp.alias_(call, output) for output, call in values.items()]
    rows = exp.Select(expressions=items, from_=exp.From(this=side.source.copy()))
    with_where(rows, side.own)
    rows.set("group", exp.Group(expressions=[tie.this.copy() for tie in side.ties]))
    pairs = zip(side.ties, keys, strict=True)
    return rows, [exp.EQ(this=column_of(name, key), expression=tie.expression.copy()) for tie, key in pairs]
