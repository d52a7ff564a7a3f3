"""A derived table, or a common table expression used once, loses the columns that nothing reads.

    SELECT COUNT(*) FROM (SELECT u.id, u.name, u.email FROM users AS u WHERE u.age > 30) AS d
    -> SELECT COUNT(*) FROM (SELECT u.id FROM users AS u WHERE u.age > 30) AS d

Valid when it is one SELECT without DISTINCT. One column always stays; of an aggregate without GROUP BY
one that aggregates stays, or the single row would become many; MIN and MAX stay, because SQLite takes the bare columns
beside them from their row.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft
from sqlopt_env.trees.reading import sources
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import aggregates, has_star, is_aggregate, selects, twin

from .base import Application

NAME = "prune_columns"
KIND = "projection"


def applications(draft: Draft, schema: Schema) -> Iterator[Application]:
    for outer in selects(draft):
        for source in sources(outer):
            holder = source if isinstance(source, exp.Subquery) else used_once(source, draft.query)
            inner = holder.this if holder is not None else None
            if holder is None or not isinstance(inner, exp.Select) or inner.args.get("distinct"):
                continue
            if has_star(outer) or has_star(inner) or _sorts_by_number(inner):
                continue
            if not holder.alias or holder.args["alias"].args.get("columns"):
                continue
            name = source.alias_or_name
            kept = _kept(inner, {node.name for node in outer.find_all(exp.Column) if node.table == name})
            gone = [item.alias_or_name for i, item in enumerate(inner.expressions) if i not in kept]
            if gone:
                tree = draft.query.copy()
                changed = twin(tree, inner)
                changed.set("expressions", [changed.expressions[i] for i in sorted(kept)])
                yield Application(f"{name} without {', '.join(gone)}", draft.with_query(tree))


def used_once(source: exp.Expr, query: exp.Query) -> exp.CTE | None:
    """The common table expression behind a source, where no other source uses it."""
    named = [cte for cte in query.find_all(exp.CTE) if cte.alias == source.name]
    uses = sum(table.name == source.name for table in query.find_all(exp.Table))
    recursive = any(with_.args.get("recursive") for with_ in query.find_all(exp.With))
    return named[0] if len(named) == 1 and uses == 1 and not recursive else None


def _kept(inner: exp.Select, read: set[str]) -> set[int]:
    """Positions of the outputs that must stay."""
    order = inner.args.get("order")
    sorted_by = {node.name for node in order.find_all(exp.Column) if not node.table} if order is not None else set()
    computing = {i for i, item in enumerate(inner.expressions) if any(is_aggregate(node) for node in item.walk())}
    kept = {i for i, item in enumerate(inner.expressions) if item.alias_or_name in read | sorted_by}
    kept |= {i for i in computing if inner.expressions[i].find(exp.Min, exp.Max)}
    if aggregates(inner) and not inner.args.get("group") and not kept & computing:
        kept |= set(sorted(computing)[:1])
    return kept or {0}


def _sorts_by_number(inner: exp.Select) -> bool:
    order = inner.args.get("order")
    return order is not None and any(isinstance(term.this, exp.Literal) for term in order.expressions)
