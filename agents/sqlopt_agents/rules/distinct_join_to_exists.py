"""DISTINCT over a join that only filters becomes EXISTS.

    SELECT DISTINCT u.id, u.name FROM users AS u JOIN orders AS o ON o.user_id = u.id WHERE o.amount > 900
    -> SELECT u.id, u.name FROM users AS u WHERE EXISTS(SELECT 1 FROM orders AS o WHERE o.user_id = u.id AND o.amount > 900)

Valid when all joins are inner, the SELECT list and ORDER BY read plain tables alone and the list contains a declared
key of each of them: then each combination of their rows gives at most one distinct result row.
"""  # noqa: E501

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft, tables_of
from sqlopt_env.trees.reading import sources
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import (
    free_names,
    has_only,
    inner_joins_only,
    key_in,
    names_of,
    outputs,
    selects,
    twin,
    with_where,
)

from .base import Application
from .predicates import conditions

NAME = "distinct_join_to_exists"
KIND = "join"


def applications(draft: Draft, schema: Schema) -> Iterator[Application]:
    for select in selects(draft):
        kept = _shown_sources(select, schema)
        others = names_of(select) - kept
        if not kept or not others:
            continue
        parts = conditions(select)
        about_others = [part for part in parts if free_names(part) & others]
        inner = _joined([source for source in sources(select) if source.alias_or_name in others])
        inner.set("expressions", [exp.Literal.number(1)])
        exists = exp.Exists(this=with_where(inner, about_others))
        tree = draft.query.copy()
        changed = twin(tree, select)
        own = _joined([source for source in sources(select) if source.alias_or_name in kept])
        for clause in ("from_", "joins", "distinct"):
            changed.set(clause, own.args.get(clause))
        with_where(changed, [*(part for part in parts if part not in about_others), exists])
        yield Application(f"DISTINCT over {', '.join(sorted(kept))}", draft.with_query(tree))


def _joined(found: list[exp.Expr]) -> exp.Select:
    first, *more = [source.copy() for source in found]
    joins = [exp.Join(this=source) for source in more]
    return exp.Select(expressions=[], from_=exp.From(this=first), joins=joins or None)


def _shown_sources(select: exp.Select, schema: Schema) -> set[str]:
    """The plain tables that the result shows, each with a key, if the others only filter them."""
    distinct = select.args.get("distinct")
    if not has_only(select, "joins", "where", "distinct", "order", "limit", "offset", "with_") or distinct is None:
        return set()
    if distinct.args.get("on") or not inner_joins_only(select):
        return set()
    if select.args.get("limit") and not select.args.get("order"):
        return set()
    order = select.args.get("order")
    shown = [*select.expressions, *(order.expressions if order is not None else [])]
    names = {column.table for item in shown for column in item.find_all(exp.Column) if column.table}
    simple = not any(
        isinstance(node, exp.AggFunc | exp.Anonymous | exp.Query | exp.Window | exp.Star)
        for item in shown
        for node in item.walk()
    )
    tables = tables_of(select, schema)
    keyed = all(name in tables and key_in(outputs(select), name, tables[name].keys) for name in names)
    return names if simple and keyed else set()
