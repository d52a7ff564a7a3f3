"""A single row of aggregates that is joined once becomes a scalar subquery at each of its uses.

    SELECT o.id, o.amount - a.m AS d FROM orders AS o CROSS JOIN (SELECT AVG(p.amount) AS m FROM orders AS p) AS a
    WHERE o.amount > a.m
    -> SELECT o.id, o.amount - (SELECT AVG(p.amount) FROM orders AS p) AS d FROM orders AS o
       WHERE o.amount > (SELECT AVG(p.amount) FROM orders AS p)

Valid for an inner join with a derived table that aggregates without grouping, so that it has exactly one row, without
HAVING and LIMIT, and whose outputs each aggregate. A common table expression that is used once counts as a derived
table. SQLite computes each of the subqueries once: twice the work for two uses. It pays where the aggregate is what
costs.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft, conjuncts
from sqlopt_env.trees.reading import sources
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import aggregates, has_only, has_star, inner_joins_only, selects, twin, with_where

from .grouped import is_aggregated, reads_only
from .queries import any_order_does, inlined, is_binary

NAME = "repeated_scalar"


def applications(draft: Draft, schema: Schema) -> Iterator[Draft]:
    flat = inlined(draft, schema)
    for outer in selects(flat) if any_order_does(draft) and is_binary(schema) else ():
        for join in outer.args.get("joins") or [] if inner_joins_only(outer) and not has_star(outer) else ():
            inner, name = join.this.this, join.this.alias
            if not isinstance(join.this, exp.Subquery) or not has_only(inner, "joins", "where"):
                continue
            values = {item.alias: item.unalias() for item in inner.expressions}
            uses = [column for column in outer.find_all(exp.Column) if column.table == name]
            if len(uses) < 2 or not aggregates(inner) or not all(reads_only(outer, column) for column in uses):
                continue
            if not all(is_aggregated(values[column.name]) for column in uses):
                continue
            tree = flat.query.copy()
            changed, places = twin(tree, outer), [twin(tree, column) for column in uses]
            gone = twin(tree, join)
            for place in places:
                scalar = inner.copy()
                scalar.set("expressions", [values[place.name].copy()])
                place.replace(exp.Subquery(this=scalar))
            with_where(changed, [*conjuncts(gone.args.get("on")), *conjuncts(changed.args.get("where"))])
            gone.pop()
            if not changed.args.get("joins"):
                changed.set("joins", None)
            assert len(sources(changed)) == len(sources(outer)) - 1
            yield flat.with_query(tree)
