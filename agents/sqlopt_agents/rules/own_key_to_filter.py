"""A condition that is asked of the same row again, found by its key, is asked of the row itself.

    SELECT o.id FROM orders AS o WHERE o.id IN (SELECT o_2.id FROM orders AS o_2 WHERE o_2.amount > 900)
    SELECT o.id FROM orders AS o WHERE EXISTS(SELECT 1 FROM orders AS o_2 WHERE o_2.id = o.id AND o_2.amount > 900)
    -> SELECT o.id FROM orders AS o WHERE o.amount > 900

Valid when the columns contain a declared key of the table, no outer join pads it, and the subquery neither groups nor
cuts: one row has the key of this row, this one. In a WHERE under AND and OR alone, for where the condition is NULL, IN
and EXISTS are FALSE.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft, conjuncts, tables_of
from sqlopt_env.trees.reading import sources
from sqlopt_env.trees.schema import Schema, Table
from sqlopt_env.trees.selects import has_only, inner_joins_only, is_plain, outputs, replaced

from .base import Application
from .compared import lets_through

NAME = "own_key_to_filter"
KIND = "join"
Pair = tuple[exp.Expr, exp.Expr]


def applications(draft: Draft, schema: Schema) -> Iterator[Application]:
    for node in draft.query.find_all(exp.In, exp.Exists):
        select = lets_through(node)
        inner = node.args["query"].unnest() if node.args.get("query") else node.this
        if select is None or not inner_joins_only(select) or not isinstance(inner, exp.Select):
            continue
        if not has_only(inner, "where") or not is_plain(inner) or len(sources(inner)) != 1:
            continue
        parts = conjuncts(inner.args.get("where"))
        for other, table in tables_of(inner, schema).items():
            for source, same in tables_of(select, schema).items():
                rest = _rest(node, parts, inner, source, other, table) if same is table else None
                if rest:
                    new = exp.and_(*(_renamed(part, other, source) for part in rest), copy=False)
                    yield Application(f"{other} is {source}", replaced(draft, node, new))


def _rest(
    node: exp.Expr, parts: list[exp.Expr], inner: exp.Select, source: str, other: str, table: Table
) -> list[exp.Expr] | None:
    """The subquery's conditions besides those that name the row; None where they do not name it."""
    ties: list[exp.Expr] = []
    if isinstance(node, exp.In):
        left = node.this.unnest()
        columns = left.expressions if isinstance(left, exp.Tuple) else [left]
        pairs: list[Pair] = list(zip(columns, outputs(inner), strict=False))
    else:
        ties = [part for part in parts if isinstance(part, exp.EQ) and _ties(part.left, part.right, source, other)]
        pairs = [(part.this, part.expression) for part in ties]
    if not all(_ties(one, another, source, other) for one, another in pairs):
        return None
    named = {one.name.lower() for one, _ in pairs}
    is_key = any(named.issuperset(name.lower() for name in key) for key in table.keys)
    # A column beside the key is its own equal unless it is NULL; that is left to a condition as it stands.
    plain = is_key and all(_is_not_null(table, name) for name in named)
    return [part for part in parts if not any(part is tie for tie in ties)] if plain else None


def _ties(one: exp.Expr, another: exp.Expr, source: str, other: str) -> bool:
    """Whether these are one column of both sources."""
    columns = isinstance(one, exp.Column) and isinstance(another, exp.Column)
    both = {one.text("table"), another.text("table")} == {source, other}
    return columns and both and one.name.lower() == another.name.lower()


def _is_not_null(table: Table, name: str) -> bool:
    column = table.column(name)
    return column is not None and column.not_null


def _renamed(part: exp.Expr, old: str, new: str) -> exp.Expr:
    changed = exp.Paren(this=part.copy())
    for column in changed.find_all(exp.Column):
        if column.table == old:
            column.set("table", exp.to_identifier(new))
    kept: exp.Expr = changed.this
    return kept.pop()
