"""The conditions on a table are asked of the same row again, found by its key.

    SELECT o.id, o.amount FROM orders AS o WHERE o.product = 'mouse'
    -> SELECT o.id, o.amount FROM orders AS o
       WHERE EXISTS(SELECT 1 FROM orders AS o_2 WHERE o_2.id = o.id AND o_2.product = 'mouse')

Valid where no outer join pads the table: one row has the key of this row, this one. Only conditions without subqueries
that read this table and nothing else are moved. SQLite walks through the whole table and searches it once for every
row, where it would have searched an index of the conditions' columns.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft, conjuncts, tables_of
from sqlopt_env.trees.reading import rename_source, sources
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import free_names, fresh_name, inner_joins_only, selects, twin, with_where

from .queries import any_order_does, column_of

NAME = "filter_by_key"


def applications(draft: Draft, schema: Schema) -> Iterator[Draft]:
    for select in selects(draft) if any_order_does(draft) else ():
        parts = conjuncts(select.args.get("where"))
        for source, table in tables_of(select, schema).items():
            moved = [part for part in parts if free_names(part) == {source} and part.find(exp.Query) is None]
            if not moved or not table.keys or not inner_joins_only(select) or _is_by_key(moved, table.keys):
                continue
            other = fresh_name(draft, source, schema)
            read = next(node for node in sources(select) if node.alias_or_name == source)
            rows = exp.Select(expressions=[exp.Literal.number(1)], from_=exp.From(this=read.copy()))
            rename_source(with_where(rows, moved), source, other)
            ties = [exp.EQ(this=column_of(other, name), expression=column_of(source, name)) for name in table.keys[0]]
            with_where(rows, [*ties, *conjuncts(rows.args["where"])])
            tree = draft.query.copy()
            with_where(twin(tree, select), [*(part for part in parts if part not in moved), exp.Exists(this=rows)])
            yield draft.with_query(tree)


def _is_by_key(parts: list[exp.Expr], keys: tuple[tuple[str, ...], ...]) -> bool:
    """The conditions already name the row."""
    named = {part.this.name.lower() for part in parts if isinstance(part, exp.EQ) and isinstance(part.this, exp.Column)}
    return any(named.issuperset(name.lower() for name in key) for key in keys)
