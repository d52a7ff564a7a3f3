"""DISTINCT goes from a subquery whose duplicates nothing can see.

    WHERE u.id IN (SELECT DISTINCT o.user_id FROM orders AS o) -> WHERE u.id IN (SELECT o.user_id FROM orders AS o)
    SELECT DISTINCT d.city FROM (SELECT DISTINCT u.city, u.age FROM users AS u) AS d -> ... (SELECT u.city, u.age ...)

Valid without LIMIT beside it: inside IN and EXISTS; in a derived table when the SELECT around it is itself DISTINCT or
grouped, and its aggregates are MIN, MAX or over DISTINCT values. All collations must be BINARY: of values that another
one takes for equal, DISTINCT keeps any.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft, own_nodes
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import aggregates, names_of, selects, twin

from .base import Application

NAME = "drop_inner_distinct"
KIND = "redundancy"


def applications(draft: Draft, schema: Schema) -> Iterator[Application]:
    for select in selects(draft) if _is_binary(draft, schema) else ():
        distinct = select.args.get("distinct")
        cut = select.args.get("limit") or select.args.get("offset")
        if distinct is None or distinct.args.get("on") or cut:
            continue
        place = select.parent.parent if isinstance(select.parent, exp.Subquery) else select.parent
        is_test = isinstance(place, exp.In | exp.Exists)
        outer = select.parent.parent_select if isinstance(select.parent, exp.Subquery) else None
        if is_test or (isinstance(place, exp.From | exp.Join) and outer is not None and _sees_no_duplicates(outer)):
            tree = draft.query.copy()
            twin(tree, select).set("distinct", None)
            yield Application(f"DISTINCT over {', '.join(sorted(names_of(select)))}", draft.with_query(tree))


def _sees_no_duplicates(outer: exp.Select) -> bool:
    if own_nodes(outer, exp.Window) or outer.args.get("windows"):
        return False
    calls = aggregates(outer)
    return bool(calls or outer.args.get("group") or outer.args.get("distinct")) and all(
        isinstance(call, exp.Min | exp.Max) or isinstance(call.this, exp.Distinct) for call in calls
    )


def _is_binary(draft: Draft, schema: Schema) -> bool:
    columns = (column for table in schema.tables.values() for column in table.columns)
    return all(column.collation == "BINARY" for column in columns) and draft.query.find(exp.Collate) is None
