"""Which sources of a SELECT are settled once others are known: by a key that is tied to them."""

from __future__ import annotations

from collections.abc import Iterable

from sqlglot import exp

from sqlopt_env.trees.draft import tables_of
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import compare_alike, schema_column


def settled(select: exp.Select, known: Iterable[exp.Expr], conditions: Iterable[exp.Expr], schema: Schema) -> set[str]:
    """Names of the plain tables that have at most one row for given values of the `known` columns.

    `conditions` must hold for every row of the join. A table follows from others when a declared key of it is equated
    with their columns, of the same type and collation.
    """
    tables = tables_of(select, schema)
    fixed = {(node.table, node.name.lower()) for node in known if isinstance(node, exp.Column)}
    ties = []
    for part in conditions:
        if (
            not isinstance(part, exp.EQ)
            or not isinstance(part.left, exp.Column)
            or not isinstance(part.right, exp.Column)
        ):
            continue
        if compare_alike(schema_column(part.left, select, schema), schema_column(part.right, select, schema)):
            ties += [(part.left, part.right), (part.right, part.left)]
    found: set[str] = set()
    while True:
        by_ties = {(one.table, one.name.lower()) for one, other in ties if other.table in found}
        by_ties |= {(one.table, one.name.lower()) for one, other in ties if (other.table, other.name.lower()) in fixed}
        new = {
            name
            for name, table in tables.items()
            if any(all((name, column.lower()) in fixed | by_ties for column in key) for key in table.keys)
        }
        if new <= found:
            return found
        found |= new
