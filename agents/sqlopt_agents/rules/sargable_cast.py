"""A number that is compared as text is compared as the number that it is.

    WHERE CAST(o.user_id AS TEXT) = '17'                    -> WHERE o.user_id = 17
    WHERE o.user_id || '' IN ('17', '20')                   -> WHERE o.user_id IN (17, 20)
    ON CAST(o.user_id AS TEXT) = CAST(u.id AS TEXT)         -> ON o.user_id = u.id

Valid for INTEGER columns, which hold whole numbers or NULL, compared by =, <> and IN alone: each number has one
spelling, but texts have another order. A literal has to be spelt as SQLite spells numbers: '017' equals none.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft, own_nodes
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import schema_column, selects, text_value

from .base import Application
from .compared import by_column, compared, is_whole, number_literal

NAME = "sargable_cast"
KIND = "redundancy"


def applications(draft: Draft, schema: Schema) -> Iterator[Application]:
    yield from by_column(draft, _changes(draft, schema))


def _changes(draft: Draft, schema: Schema) -> Iterator[tuple[exp.Expr, exp.Expr]]:
    for select in selects(draft):
        for test in compared(select):
            column = _spelt_out(test.side, select, schema)
            numbers = [number for text in test.texts if (number := number_literal(text)) is not None]
            equality = test.kind in (exp.EQ, exp.NEQ, exp.In)
            if column is not None and equality and len(numbers) == len(test.literals):
                yield test.node, test.of(column, numbers)
        for node in own_nodes(select, exp.EQ, exp.NEQ):
            sides = [_spelt_out(side, select, schema) for side in (node.this, node.expression)]
            if sides[0] is not None and sides[1] is not None:
                yield node, type(node)(this=sides[0].copy(), expression=sides[1].copy())


def _spelt_out(node: exp.Expr, select: exp.Select, schema: Schema) -> exp.Column | None:
    """The column of whole numbers whose text this is."""
    node = node.unnest()
    is_text = isinstance(node, exp.Cast) and node.to.is_type("text")
    is_joined = isinstance(node, exp.DPipe) and text_value(node.expression) == ""
    column = node.this if is_text or is_joined else None
    return column if isinstance(column, exp.Column) and is_whole(schema_column(column, select, schema)) else None
