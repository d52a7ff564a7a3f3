"""A LEFT JOIN that adds no column and no row goes.

    SELECT o.id, o.amount FROM orders AS o LEFT JOIN users AS u ON u.id = o.user_id -> SELECT o.id, o.amount FROM orders AS o

Valid when nothing but its own ON reads the joined source, and each row has at most one partner: ON equates a declared
key of a table, or all the grouping columns of a derived table, with columns of the same type. In a SELECT DISTINCT
without aggregates and windows any such join goes. SQLite does it by itself where nothing is aggregated.
"""  # noqa: E501

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft, conjuncts, own_nodes
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import (
    aggregates,
    compare_alike,
    free_names,
    has_only,
    has_star,
    inner_joins_only,
    schema_column,
    selects,
    twin,
)

from .base import Application
from .keys import settled
from .soundness import any_order_does

NAME = "drop_left_join"
KIND = "redundancy"


def applications(draft: Draft, schema: Schema) -> Iterator[Application]:
    for select in selects(draft) if any_order_does(draft) else ():
        joins = select.args.get("joins") or []
        for join in joins if not has_star(select) else ():
            name = join.this.alias_or_name
            inside = {id(column) for column in join.find_all(exp.Column)}
            read = any(column.table == name and id(column) not in inside for column in select.find_all(exp.Column))
            if (
                join.side != "LEFT"
                or read
                or not join.args.get("on")
                or any(other.side in ("RIGHT", "FULL") for other in joins)
            ):
                continue
            if _sees_no_repeats(select) or _has_one_partner(join, select, schema):
                tree = draft.query.copy()
                changed = twin(tree, select)
                twin(tree, join).pop()
                if not changed.args.get("joins"):
                    changed.set("joins", None)
                yield Application(name, draft.with_query(tree))


def _sees_no_repeats(select: exp.Select) -> bool:
    distinct = select.args.get("distinct")
    plain = has_only(select, "joins", "where", "order", "distinct", "limit", "offset", "with_")
    counts = aggregates(select) or own_nodes(select, exp.Window)
    return distinct is not None and not distinct.args.get("on") and plain and not counts


def _has_one_partner(join: exp.Join, select: exp.Select, schema: Schema) -> bool:
    name, parts = join.this.alias_or_name, conjuncts(join.args["on"])
    if isinstance(join.this, exp.Subquery):
        return _has_one_group(join.this, parts, select, schema)
    others = [c for part in parts for c in part.find_all(exp.Column) if c.table != name]
    return name in settled(select, others, parts, schema)


def _has_one_group(source: exp.Subquery, parts: list[exp.Expr], select: exp.Select, schema: Schema) -> bool:
    inner = source.this
    group = inner.args.get("group") if isinstance(inner, exp.Select) and inner_joins_only(inner) else None
    if group is None or {key for key, value in group.args.items() if value} != {"expressions"}:
        return False
    shown = {item.alias: item.unalias() for item in inner.expressions}
    tied = []
    for part in parts:
        if not isinstance(part, exp.EQ):
            continue
        for own, other in ((part.left, part.right), (part.right, part.left)):
            value = shown.get(own.name) if isinstance(own, exp.Column) and own.table == source.alias else None
            declared = schema_column(value, inner, schema) if value is not None else None
            if compare_alike(declared, schema_column(other, select, schema)) and source.alias not in free_names(other):
                tied.append(value)
    return all(column in tied for column in group.expressions)
