"""Aggregates over partitions, of which DISTINCT keeps one each, become groups.

    SELECT DISTINCT o.user_id, SUM(o.amount) OVER (PARTITION BY o.user_id) AS total FROM orders AS o
    -> SELECT o.user_id, SUM(o.amount) AS total FROM orders AS o GROUP BY o.user_id

Valid for a SELECT DISTINCT whose windows are all of COUNT, SUM, AVG, MIN or MAX, without order or frame, partitioned
by the same columns, and whose outputs read nothing but those columns beside them; all the columns must be shown.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft, own_nodes
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import aggregates, has_only, has_star, outputs, selects, twin

from .base import Application
from .soundness import ORDERLESS, may_be_rebuilt

NAME = "distinct_window_to_group"
KIND = "redundancy"


def applications(draft: Draft, schema: Schema) -> Iterator[Application]:
    for select in selects(draft) if may_be_rebuilt(draft, schema) else ():
        windows, distinct = own_nodes(select, exp.Window), select.args.get("distinct")
        plain = has_only(select, "joins", "where", "order", "distinct", "limit", "offset", "with_")
        if not windows or distinct is None or distinct.args.get("on") or not plain or has_star(select):
            continue
        keys = windows[0].args.get("partition_by") or []
        if not keys or aggregates(select) or not all(_is_of_group(window, keys) for window in windows):
            continue
        order = select.args.get("order")
        clauses = [*select.expressions, *([order] if order is not None else [])]
        if not all(key in outputs(select) for key in keys) or not _reads_only(clauses, windows, keys):
            continue
        tree = draft.query.copy()
        changed, places = twin(tree, select), [twin(tree, window) for window in windows]
        for place in places:
            place.replace(place.this.copy())
        changed.set("distinct", None)
        changed.set("group", exp.Group(expressions=[key.copy() for key in keys]))
        target = ", ".join(key.sql(dialect="sqlite") for key in keys)
        yield Application(f"partitions by {target}", draft.with_query(tree))


def _is_of_group(window: exp.Expr, keys: list[exp.Expr]) -> bool:
    call = window.this.this if isinstance(window.this, exp.Filter) else window.this
    bare = {key for key, value in window.args.items() if value} <= {"this", "partition_by", "over"}
    same = {key.sql() for key in window.args.get("partition_by") or []} == {key.sql() for key in keys}
    return isinstance(call, ORDERLESS) and bare and same and all(isinstance(key, exp.Column) for key in keys)


def _reads_only(clauses: list[exp.Expr], windows: list[exp.Expr], keys: list[exp.Expr]) -> bool:
    """Outside the windows nothing but the columns of the partition is read."""
    inside = {id(column) for window in windows for column in window.find_all(exp.Column)}
    columns = [column for clause in clauses for column in clause.find_all(exp.Column) if id(column) not in inside]
    nested = any(isinstance(node, exp.Query) for clause in clauses for node in clause.walk())
    return not nested and all(column in keys or not column.table for column in columns)
