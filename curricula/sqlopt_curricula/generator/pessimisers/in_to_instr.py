"""IN over a list of numbers becomes a search in a list written as text.

    WHERE o.user_id IN (17, 200) -> WHERE INSTR(',17,200,', ',' || o.user_id || ',') > 0

Valid for INTEGER columns and whole literals: each number has one spelling, without a comma in it, and NULL gives NULL
on both sides. Programs that pass a list as one parameter write this, and no index can search by it.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import replaced

from .conditions import searched_columns

NAME = "in_to_instr"


def applications(draft: Draft, schema: Schema) -> Iterator[Draft]:
    for found in searched_columns(draft, schema):
        for test in found:
            if test.kind is exp.In and test.whole:
                comma = exp.Literal.string(",")
                before = exp.DPipe(this=comma, expression=test.column.copy(), safe=True)
                wanted = exp.DPipe(this=before, expression=comma.copy(), safe=True)
                listed = exp.Literal.string("".join(f",{number}" for number in test.whole) + ",")
                place = exp.StrPosition(this=listed, substr=wanted)
                yield replaced(draft, test.node, exp.GT(this=place, expression=exp.convert(0)))
