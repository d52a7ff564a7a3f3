"""A table joined with all its own rows up to each row becomes a running window.

    SELECT a.id, SUM(b.amount) AS total FROM orders AS a JOIN orders AS b ON b.id <= a.id GROUP BY a.id
    -> SELECT a.id, SUM(a.amount) OVER (ORDER BY a.id) AS total FROM orders AS a

Valid for an inner join of a table with itself, by `<=` or `>=` as running_to_window reads it, besides `=` or IS of the
same columns, whose GROUP BY holds a declared key of the one copy while the other is only aggregated. Every row is then
its own partner: the conditions on the second copy must be asked of the first too, and columns tied by `=` be NOT NULL.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft, own_nodes, tables_of
from sqlopt_env.trees.reading import sources
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import (
    free_names,
    has_only,
    has_star,
    inner_joins_only,
    key_in,
    replaced,
    selects,
    twin,
    with_where,
)

from . import rank_to_window, running_to_window
from .base import Application
from .peer_values import is_scalar
from .peers import is_implied, peers
from .predicates import conditions
from .scans import calls
from .soundness import has_nested, may_be_rebuilt

NAME = "triangle_to_window"
KIND = "join"


def applications(draft: Draft, schema: Schema) -> Iterator[Application]:
    for select in selects(draft) if may_be_rebuilt(draft, schema) else ():
        for one, other in _copies(select, schema):
            correlated = _as_subqueries(select, one, other)
            if correlated is None:
                continue
            made = Application("", replaced(draft, select, correlated))
            if not _is_own_partner(twin(made.draft.query, select), schema):
                continue
            for technique in (running_to_window, rank_to_window):
                made = next(technique.applications(made.draft, schema), made)
            if not any(is_scalar(node) for node in twin(made.draft.query, select).find_all(exp.Subquery)):
                yield Application(f"{other} up to {one}", made.draft)


def _copies(select: exp.Select, schema: Schema) -> Iterator[tuple[str, str]]:
    """(copy that is grouped by its key, copy that is aggregated) of a table joined with itself alone."""
    tables, group = tables_of(select, schema), select.args.get("group")
    plain = has_only(select, "joins", "where", "group", "order", "limit", "offset", "with_")
    two = len(tables) == len(sources(select)) == 2 and len({table.name for table in tables.values()}) == 1
    if not plain or not two or group is None or not inner_joins_only(select) or has_star(select):
        return
    if own_nodes(select, exp.Window) or {key for key, value in group.args.items() if value} != {"expressions"}:
        return
    for one, other in (tuple(tables), tuple(tables)[::-1]):
        if key_in(group.expressions, one, tables[one].keys):
            yield one, other


def _as_subqueries(select: exp.Select, one: str, other: str) -> exp.Select | None:
    """The same with each aggregate as a subquery over the rows up to this one; None where it is not the same."""
    parts = conditions(select)
    about_one = [part for part in parts if free_names(part) <= {one}]
    about_other = [part for part in parts if part not in about_one]
    made = select.copy()
    order = made.args.get("order")
    shown = [*made.expressions, *(order.expressions if order is not None else [])]
    if has_nested([*parts, *shown]):
        return None
    from_ = next(source for source in sources(select) if source.alias_or_name == other)
    for item in shown:
        for call in calls(item):
            if free_names(call) - {other}:
                return None
            value = exp.Select(expressions=[call.copy()], from_=exp.From(this=from_.copy()))
            call.replace(exp.Subquery(this=with_where(value, about_other)))
    outside = {c.table for item in [*shown, made.args["group"]] for c in item.find_all(exp.Column)
               if c.find_ancestor(exp.Subquery) is None}  # fmt: skip
    if other in outside:
        return None
    made.set("from_", exp.From(this=next(source for source in sources(made) if source.alias_or_name == one).copy()))
    for clause in ("joins", "group"):
        made.set(clause, None)
    return with_where(made, about_one)


def _is_own_partner(correlated: exp.Select, schema: Schema) -> bool:
    """Each row is among the rows up to it, so that the join keeps it."""
    found = [peers(node.this, schema) for node in correlated.find_all(exp.Subquery)]
    return bool(found) and all(
        one is not None and bool(one.terms) and one.with_self and not one.filled and is_implied(one) for one in found
    )
