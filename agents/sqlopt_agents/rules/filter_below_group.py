"""A condition on the groups, or the partitions, of a subquery is asked of its rows before they are grouped.

    WITH g AS MATERIALIZED (SELECT o.user_id AS k, COUNT(*) AS n FROM orders AS o GROUP BY o.user_id)
    SELECT g.n FROM g WHERE g.k = 77
    -> WITH g AS MATERIALIZED (SELECT o.user_id AS k, COUNT(*) AS n FROM orders AS o WHERE o.user_id = 77 GROUP BY o.user_id)
       SELECT g.n FROM g

Valid for a conjunct of WHERE that reads nothing but grouping expressions of a derived table (or of a common table
expression that is used once), or columns by which every window in it is partitioned; without LIMIT inside, and where no
outer join pads the subquery. No collation but BINARY may be declared. SQLite does it by itself for derived tables only.
"""  # noqa: E501

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft, conjuncts, own_nodes
from sqlopt_env.trees.reading import sources
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import aggregates, has_star, selects, twin, with_where

from .base import Application
from .prune_columns import used_once
from .soundness import is_never_padded, may_be_rebuilt, takes_only

NAME = "filter_below_group"
KIND = "redundancy"


def applications(draft: Draft, schema: Schema) -> Iterator[Application]:
    for outer in selects(draft) if may_be_rebuilt(draft, schema) else ():
        parts = conjuncts(outer.args.get("where"))
        for source in sources(outer):
            name = source.alias_or_name
            holder = source if isinstance(source, exp.Subquery) else used_once(source, draft.query)
            inner = holder.this if holder is not None else None
            if not isinstance(inner, exp.Select) or has_star(inner) or not is_never_padded(outer, name):
                continue
            if holder is None or not holder.alias or holder.args["alias"].args.get("columns"):
                continue
            shared = _shared_values(inner)
            moved = {id(part): new for part in parts if (new := _below(part, name, shared)) is not None}
            if not moved:
                continue
            tree = draft.query.copy()
            changed, below = twin(tree, outer), twin(tree, inner)
            with_where(below, [*conjuncts(below.args.get("where")), *moved.values()])
            with_where(changed, [part for part in parts if id(part) not in moved])
            target = " AND ".join(part.sql(dialect="sqlite") for part in parts if id(part) in moved)
            yield Application(target, draft.with_query(tree))


def _shared_values(inner: exp.Select) -> dict[str, exp.Expr]:
    """Outputs, by name, that are the same for all rows of a group and of every partition."""
    windows, group = own_nodes(inner, exp.Window), inner.args.get("group")
    cut = any(inner.args.get(clause) for clause in ("limit", "offset", "windows", "qualify"))
    if cut or (not windows and group is None) or (group is None and aggregates(inner)):
        return {}
    if group is not None and {key for key, value in group.args.items() if value} != {"expressions"}:
        return {}
    names = [item.alias for item in inner.expressions]
    levels = [group.expressions] if group is not None else []
    levels += [window.args.get("partition_by") or [] for window in windows]
    return {
        item.alias: item.unalias()
        for item in inner.expressions
        if names.count(item.alias) == 1 and all(item.unalias() in level for level in levels)
    }


def _below(part: exp.Expr, name: str, shared: dict[str, exp.Expr]) -> exp.Expr | None:
    """The condition over the rows inside; None where it is not about shared values alone."""
    columns = list(part.find_all(exp.Column))
    about = columns and all(column.table == name and column.name in shared for column in columns)
    if not about or not takes_only(part) or not all(takes_only(shared[column.name]) for column in columns):
        return None
    inside = exp.Paren(this=part.copy())
    for column in list(inside.find_all(exp.Column)):
        value = shared[column.name].copy()
        column.replace(value if isinstance(value, exp.Column | exp.Func) else exp.paren(value, copy=False))
    moved: exp.Expr = inside.this
    return moved.pop()
