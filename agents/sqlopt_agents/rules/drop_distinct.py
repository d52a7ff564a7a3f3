"""DISTINCT goes where the rows are distinct anyway.

    SELECT DISTINCT u.id, u.name FROM users AS u             -> SELECT u.id, u.name FROM users AS u
    SELECT DISTINCT u.city, COUNT(*) FROM users AS u GROUP BY u.city -> the same without DISTINCT

Valid when the SELECT list contains a declared key of every source (plain tables, joined by inner or left joins), or,
under GROUP BY, every grouping expression. Where all joins are inner, a key that is tied to columns of such tables will
do: `SELECT DISTINCT o.id, u.name FROM orders AS o JOIN users AS u ON u.id = o.user_id`.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft, tables_of
from sqlopt_env.trees.reading import sources
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import inner_joins_only, key_in, names_of, outputs, selects, twin

from .base import Application
from .keys import settled
from .predicates import conditions

NAME = "drop_distinct"
KIND = "redundancy"


def applications(draft: Draft, schema: Schema) -> Iterator[Application]:
    for select in selects(draft):
        distinct = select.args.get("distinct")
        cut = select.args.get("limit") and not select.args.get("order")
        if distinct is None or distinct.args.get("on") or cut:
            continue
        if _has_every_group(select) or _has_every_key(select, schema):
            tree = draft.query.copy()
            twin(tree, select).set("distinct", None)
            yield Application(f"DISTINCT over {', '.join(sorted(names_of(select)))}", draft.with_query(tree))


def _has_every_group(select: exp.Select) -> bool:
    group = select.args.get("group")
    if group is None or {key for key, value in group.args.items() if value} != {"expressions"}:
        return False
    return all(expression in outputs(select) for expression in group.expressions)


def _has_every_key(select: exp.Select, schema: Schema) -> bool:
    tables = tables_of(select, schema)
    joins = select.args.get("joins") or []
    listed = all(join.side in ("", "LEFT") for join in joins) and len(tables) == len(sources(select)) > 0
    keyed = all(key_in(outputs(select), source, table.keys) for source, table in tables.items())
    follows = inner_joins_only(select) and set(tables) <= settled(select, outputs(select), conditions(select), schema)
    return select.args.get("group") is None and listed and (keyed or follows)
