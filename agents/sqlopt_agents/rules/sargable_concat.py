"""A text column that is compared by way of a copy of itself is compared itself.

    WHERE u.name || '' = 'Ana Silva'       -> WHERE u.name = 'Ana Silva'
    WHERE CAST(u.name AS TEXT) >= 'M'      -> WHERE u.name >= 'M'

Valid for columns that hold text or NULL, of BINARY collation (an expression has no other), compared with text literals,
or with a copy of another such column: the column's affinity, which would turn a number into text, then changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft, own_nodes
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import schema_column, selects, text_value

from .base import Application
from .compared import by_column, compared, is_text

NAME = "sargable_concat"
KIND = "redundancy"


def applications(draft: Draft, schema: Schema) -> Iterator[Application]:
    yield from by_column(draft, _changes(draft, schema))


def _changes(draft: Draft, schema: Schema) -> Iterator[tuple[exp.Expr, exp.Expr]]:
    for select in selects(draft):
        for test in compared(select):
            column = _copied(test.side, select, schema)
            if column is not None and test.side is not column and test.texts:
                yield test.node, test.of(column)
        for node in own_nodes(select, exp.EQ, exp.NEQ):
            sides = [_copied(side, select, schema) for side in (node.this, node.expression)]
            bare = [side is column for side, column in zip((node.this, node.expression), sides, strict=True)]
            if sides[0] is not None and sides[1] is not None and not all(bare):
                yield node, type(node)(this=sides[0].copy(), expression=sides[1].copy())


def _copied(node: exp.Expr, select: exp.Select, schema: Schema) -> exp.Column | None:
    """The text column that this is, or is a copy of."""
    node = node.unnest()
    if isinstance(node, exp.DPipe):
        first, second = node.this.unnest(), node.expression.unnest()
        node = first if text_value(second) == "" else second if text_value(first) == "" else node
    elif isinstance(node, exp.Cast) and node.to.is_type("text"):
        node = node.this
    return node if isinstance(node, exp.Column) and is_text(schema_column(node, select, schema)) else None
