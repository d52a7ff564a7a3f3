"""Equalities of one column joined by OR become one IN.

    WHERE u.city = 'Berlin' OR u.city = 'Wien' OR u.age = 30
    -> WHERE u.city IN ('Berlin', 'Wien') OR u.age = 30

Valid always for literals: IN compares with the column's affinity and collation as = does, and NULL gives NULL in both.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import replaced

from .base import Application

NAME = "or_to_in"
KIND = "redundancy"


def applications(draft: Draft, schema: Schema) -> Iterator[Application]:
    for disjunction in draft.query.find_all(exp.Or):
        if isinstance(disjunction.parent, exp.Or):
            continue
        operands = [operand.unnest() for operand in disjunction.flatten()]
        compared = [_column_and_values(operand) for operand in operands]
        columns = dict.fromkeys(column for column, values in compared if values)
        for column in columns:
            places = [i for i, (name, _) in enumerate(compared) if name == column]
            if len(places) < 2:
                continue
            values = {value.sql(): value for i in places for value in compared[i][1]}
            this = next(node for node in operands[places[0]].find_all(exp.Column)).copy()
            listed: exp.Expr = exp.In(this=this, expressions=[value.copy() for value in values.values()])
            rest = [
                listed if i == places[0] else operand.copy()
                for i, operand in enumerate(operands)
                if i not in places[1:]
            ]
            yield Application(f"OR over {column}", replaced(draft, disjunction, exp.or_(*rest, copy=False)))


def _column_and_values(operand: exp.Expr) -> tuple[str, list[exp.Expr]]:
    """The column that is compared with literals, and these; ("", []) for any other condition."""
    if isinstance(operand, exp.EQ):
        sides = (operand.left, operand.right)
        column, values = sides if isinstance(sides[0], exp.Column) else sides[::-1]
        listed = [values]
    elif isinstance(operand, exp.In) and operand.expressions:
        column, listed = operand.this, operand.expressions
    else:
        return "", []
    literal = all(isinstance(value.this if isinstance(value, exp.Neg) else value, exp.Literal) for value in listed)
    return (column.sql(dialect="sqlite"), listed) if isinstance(column, exp.Column) and literal else ("", [])
