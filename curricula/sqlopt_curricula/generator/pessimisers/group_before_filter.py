"""All groups are made and kept before the wanted ones are looked for.

    SELECT o.user_id AS k, COUNT(*) AS n FROM orders AS o WHERE o.user_id = 77 GROUP BY o.user_id
    -> WITH grouped AS MATERIALIZED (SELECT o.user_id AS k, COUNT(*) AS n FROM orders AS o GROUP BY o.user_id)
       SELECT grouped.k AS k, grouped.n AS n FROM grouped AS grouped WHERE grouped.k = 77

Valid for conditions on grouping columns that the SELECT list shows, with BINARY collation: they hold for all rows of a
group or for none. ORDER BY may only name outputs. SQLite would push the condition into a derived table again, but not
into a common table expression that it is told to materialise.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft, conjuncts, own_nodes
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import (
    free_names,
    fresh_name,
    has_only,
    has_star,
    inner_joins_only,
    outputs,
    replaced,
    schema_column,
    selects,
    with_where,
)

from .queries import any_order_does, common, is_binary

NAME = "group_before_filter"


def applications(draft: Draft, schema: Schema) -> Iterator[Draft]:
    for select in selects(draft) if any_order_does(draft) and is_binary(schema) else ():
        simple = has_only(select, "joins", "where", "group", "having", "order", "limit", "offset", "with_")
        inside = select.find_ancestor(exp.CTE) or free_names(select) - {""} or own_nodes(select, exp.Window)
        group = select.args.get("group")
        if not simple or group is None or inside or has_star(select) or not inner_joins_only(select):
            continue
        if {key for key, value in group.args.items() if value} != {"expressions"}:
            continue
        if len(set(select.named_selects)) < len(select.expressions):
            continue
        shown = {value.sql(): item.alias for value, item in zip(outputs(select), select.expressions, strict=True)}
        keys = {key.sql() for key in group.expressions if schema_column(key, select, schema)} & set(shown)
        parts = conjuncts(select.args.get("where"))
        moved = [part for part in parts if _is_about(part, keys)]
        name = fresh_name(draft, "grouped", schema)
        changed = _outer(select, shown, moved, name) if moved else None
        if changed is None:
            continue
        inner = with_where(select.copy(), [part for part in parts if part not in moved])
        for clause in ("order", "limit", "offset", "with_"):
            inner.set(clause, None)
        if select.args.get("with_"):
            changed.set("with_", select.args["with_"].copy())
        yield common(replaced(draft, select, changed), name, inner)


def _is_about(part: exp.Expr, keys: set[str]) -> bool:
    columns = list(part.find_all(exp.Column))
    return bool(columns) and part.find(exp.Query) is None and all(column.sql() in keys for column in columns)


def _outer(select: exp.Select, shown: dict[str, str], moved: list[exp.Expr], name: str) -> exp.Select | None:
    """The SELECT of the wanted groups; None where ORDER BY needs more than what is shown."""

    def column(output: str) -> exp.Column:
        return exp.column(output, table=name)

    items = [exp.alias_(column(item.alias), item.alias) for item in select.expressions]
    source = exp.alias_(exp.to_table(name), name, table=True)
    outer = exp.Select(expressions=items, from_=exp.From(this=source))
    with_where(outer, moved)
    for read in list(outer.args["where"].find_all(exp.Column)):
        read.replace(column(shown[read.sql()]))
    for clause in ("order", "limit", "offset"):
        if select.args.get(clause):
            outer.set(clause, select.args[clause].copy())
    order = outer.args.get("order")
    for term in order.expressions if order is not None else []:
        is_name = isinstance(term.this, exp.Column) and not term.this.table
        if (term.this.name if is_name else term.this.sql()) not in (shown.values() if is_name else shown):
            return None
        term.set("this", column(term.this.name if is_name else shown[term.this.sql()]))
    return outer
