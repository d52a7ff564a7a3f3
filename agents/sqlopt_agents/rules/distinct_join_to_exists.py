"""DISTINCT over a join that only filters becomes EXISTS.

    SELECT DISTINCT u.id, u.name FROM users AS u JOIN orders AS o ON o.user_id = u.id WHERE o.amount > 900
    -> SELECT u.id, u.name FROM users AS u WHERE EXISTS(SELECT 1 FROM orders AS o WHERE o.user_id = u.id AND o.amount > 900)

Valid when all joins are inner, the SELECT list and ORDER BY read one plain table alone and the list contains a declared
key of it: then each of its rows gives at most one distinct result row.
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
        kept = _filtered_source(select, schema)
        if kept is None:
            continue
        others = names_of(select) - {kept}
        parts = conditions(select)
        about_others = [part for part in parts if free_names(part) & others]
        from_, *more = [source.copy() for source in sources(select) if source.alias_or_name != kept]
        inner = exp.Select(
            expressions=[exp.Literal.number(1)],
            from_=exp.From(this=from_),
            joins=[exp.Join(this=source) for source in more],
        )
        exists = exp.Exists(this=with_where(inner, about_others))
        tree = draft.query.copy()
        changed = twin(tree, select)
        own = next(source for source in sources(changed) if source.alias_or_name == kept)
        changed.set("from_", exp.From(this=own.copy()))
        changed.set("joins", None)
        changed.set("distinct", None)
        with_where(changed, [*(part for part in parts if part not in about_others), exists])
        yield Application(f"DISTINCT over {kept}", draft.with_query(tree))


def _filtered_source(select: exp.Select, schema: Schema) -> str | None:
    """The one plain table that the result shows, if the others only filter it."""
    distinct = select.args.get("distinct")
    if not has_only(select, "joins", "where", "distinct", "order", "limit", "offset") or distinct is None:
        return None
    if distinct.args.get("on") or not inner_joins_only(select) or len(sources(select)) < 2:
        return None
    if select.args.get("limit") and not select.args.get("order"):
        return None
    order = select.args.get("order")
    shown = [*select.expressions, *(order.expressions if order is not None else [])]
    names = {column.table for item in shown for column in item.find_all(exp.Column) if column.table}
    simple = not any(
        isinstance(node, exp.AggFunc | exp.Anonymous | exp.Query | exp.Window | exp.Star)
        for item in shown
        for node in item.walk()
    )
    source = names.pop() if len(names) == 1 and simple else ""
    table = tables_of(select, schema).get(source)
    return source if table is not None and key_in(outputs(select), source, table.keys) else None
