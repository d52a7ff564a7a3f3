"""x IN (subquery) becomes EXISTS, which can search an index for each row instead of collecting the subquery's rows.

    WHERE u.id IN (SELECT o.user_id FROM orders AS o WHERE o.amount > 900)
    -> WHERE EXISTS(SELECT 1 FROM orders AS o WHERE o.amount > 900 AND u.id = o.user_id)

Valid as a condition of WHERE that only AND and OR lead to: IN can be NULL where EXISTS is 0, and there both drop the
row. Both sides must be columns, and the subquery plain (no grouping, LIMIT or set operation).
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft, conjuncts
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import has_only, in_where, is_plain, names_of, outputs, replaced, with_where

from .base import Application

NAME = "in_to_exists"
KIND = "join"


def applications(draft: Draft, schema: Schema) -> Iterator[Application]:
    for node in draft.query.find_all(exp.In):
        outer = in_where(node, exp.Or)
        exists = as_exists(node)
        if outer is not None and exists is not None and node.this.table in names_of(outer):
            yield Application(node.this.sql(dialect="sqlite"), replaced(draft, node, exists))


def as_exists(node: exp.In) -> exp.Exists | None:
    """The EXISTS that holds where `column IN (plain subquery of a column)` is true."""
    query = node.args.get("query")
    select = query.this if isinstance(query, exp.Subquery) else None
    if not isinstance(select, exp.Select) or not isinstance(node.this, exp.Column):
        return None
    plain = has_only(select, "joins", "where") and is_plain(select) and select.args.get("from_") is not None
    if not plain or len(select.expressions) != 1 or not isinstance(outputs(select)[0], exp.Column):
        return None
    equal = exp.EQ(this=node.this.copy(), expression=outputs(select)[0].copy())
    inner = with_where(select.copy(), [*conjuncts(select.args.get("where")), equal])
    inner.set("expressions", [exp.Literal.number(1)])
    return exp.Exists(this=inner)
