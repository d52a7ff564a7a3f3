"""The first row of each group, found by its key for every row, becomes the row that is numbered 1.

    SELECT o.id, o.amount FROM orders AS o
    WHERE o.id = (SELECT p.id FROM orders AS p WHERE p.user_id = o.user_id ORDER BY p.order_date DESC, p.id LIMIT 1)
    -> SELECT o.id, o.amount FROM (SELECT p.id, p.amount, ROW_NUMBER() OVER (PARTITION BY p.user_id
       ORDER BY p.order_date DESC, p.id) AS place FROM orders AS p WHERE NOT p.user_id IS NULL) AS o WHERE o.place = 1

Valid for a conjunct of WHERE that compares a declared key of the outer table with the same column of the first of the
rows that are tied to it by `=` or IS of the same columns, where the order contains a declared key and so leaves no
ties. Conditions on the other rows hold for the one that is found, and so move below the numbering.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import in_where, key_in, whole_number

from .base import Application
from .peers import Peers, peers
from .windowed import Use, shares_nothing, window, with_windows

NAME = "first_to_row_number"
KIND = "limit"


def applications(draft: Draft, schema: Schema) -> Iterator[Application]:
    uses = [use for node in draft.query.find_all(exp.EQ, exp.In) if (use := _use(node, schema)) is not None]
    yield from with_windows(draft, uses, schema)


def _use(node: exp.Expr, schema: Schema) -> Use | None:
    outer = in_where(node)
    sides = [(node.this, node.args.get("query") or node.args.get("expression"))]
    for key, subquery in [*sides, *(side[::-1] for side in sides if isinstance(node, exp.EQ))]:
        if outer is None or not isinstance(subquery, exp.Subquery) or not isinstance(key, exp.Column):
            continue
        found = peers(subquery.this, schema, "order", "limit")
        if found is None or found.terms or found.outer is not outer or not _finds_key(key, found):
            continue
        number = window(exp.RowNumber(), found, sorted_rows=False)
        number.set("order", found.select.args["order"].copy())
        first = exp.EQ(this=number, expression=exp.Literal.number(1))
        base = [*found.own, *(exp.Not(this=part) for part in shares_nothing(found))]
        return Use(node, found, first, tuple(base))
    return None


def _finds_key(key: exp.Column, found: Peers) -> bool:
    """The subquery gives the key of the first of its rows, and its order leaves no ties."""
    order, limit = found.select.args.get("order"), found.select.args.get("limit")
    values = [item.unalias() for item in found.select.expressions]
    if order is None or limit is None or whole_number(limit.expression) != 1 or len(values) != 1:
        return False
    columns = [term.this for term in order.expressions]
    own = all(isinstance(column, exp.Column) and column.table == found.inner for column in [*columns, *values])
    same = own and values[0].name == key.name and key.table == found.source
    return same and key_in(values, found.inner, found.table.keys) and key_in(columns, found.inner, found.table.keys)
