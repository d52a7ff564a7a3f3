"""A table that is joined with itself by its key is read once.

    SELECT a.product, b.amount FROM orders AS a JOIN orders AS b ON b.id = a.id WHERE b.amount > 5
    -> SELECT a.product, a.amount FROM orders AS a WHERE a.amount > 5

Valid for an inner join of two plain tables that no outer join pads, when all columns of a declared key are equal: both
are the same row then.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft, tables_of
from sqlopt_env.trees.reading import sources
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import has_star, inner_joins_only, selects, twin, with_where

from .base import Application
from .predicates import conditions
from .soundness import any_order_does

NAME = "merge_self_join"
KIND = "join"


def applications(draft: Draft, schema: Schema) -> Iterator[Application]:
    for select in selects(draft) if any_order_does(draft) else ():
        tables = tables_of(select, schema)
        if not inner_joins_only(select) or has_star(select):
            continue
        parts = conditions(select)
        for other in list(tables)[1:]:
            for one in list(tables)[: list(tables).index(other)]:
                ties = _ties(parts, one, other) if tables[one] is tables[other] else {}
                key = next((key for key in tables[one].keys if set(map(str.lower, key)) <= set(ties)), None)
                if key is None:
                    continue
                gone = [ties[column.lower()] for column in key]
                yield Application(f"{one} and {other}", _merged(draft, select, one, other, gone))


def _ties(parts: list[exp.Expr], one: str, other: str) -> dict[str, exp.Expr]:
    """`one.column = other.column`, by the column's name."""
    found: dict[str, exp.Expr] = {}
    for part in parts:
        if isinstance(part, exp.EQ) and isinstance(part.left, exp.Column) and isinstance(part.right, exp.Column):
            same = part.left.name.lower() == part.right.name.lower()
            if same and {part.left.table, part.right.table} == {one, other}:
                found[part.left.name.lower()] = part
    return found


def _merged(draft: Draft, select: exp.Select, one: str, other: str, gone: list[exp.Expr]) -> Draft:
    tree = draft.query.copy()
    changed = twin(tree, select)
    ties = {id(twin(tree, tie)) for tie in gone}
    where = [part for part in conditions(changed) if id(part) not in ties]
    for join in changed.args["joins"]:
        join.set("on", None)
    with_where(changed, where)
    from_, *rest = [source for source in sources(changed) if source.alias_or_name != other]
    kinds = {join.this.alias_or_name: join.args.get("kind") for join in changed.args["joins"]}
    changed.set("from_", exp.From(this=from_.copy()))
    joins = [exp.Join(this=source.copy(), kind=kinds.get(source.alias_or_name)) for source in rest]
    changed.set("joins", joins or None)
    for column in changed.find_all(exp.Column):
        if column.table == other:
            column.set("table", exp.to_identifier(one))
    return draft.with_query(tree)
