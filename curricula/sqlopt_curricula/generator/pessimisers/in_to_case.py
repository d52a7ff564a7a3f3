"""IN over a list of values becomes a CASE that is compared with 1, which no index can search.

    WHERE u.city IN ('Wien', 'Graz') -> WHERE CASE u.city WHEN 'Wien' THEN 1 WHEN 'Graz' THEN 1 ELSE 0 END = 1

Valid in a WHERE under AND and OR alone: of NULL the CASE is 0 where IN is NULL, and neither lets a row through. The
column holds whole numbers or text of BINARY collation, and the values are literals of that kind. (A chain of OR would
be no slower: SQLite reads equalities of one column as IN.)
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import replaced

from .conditions import searched_columns

NAME = "in_to_case"


def applications(draft: Draft, schema: Schema) -> Iterator[Draft]:
    for found in searched_columns(draft, schema):
        for test in found:
            if test.kind is exp.In and (test.whole or test.texts):
                ifs = [exp.If(this=literal.copy(), true=exp.convert(1)) for literal in test.literals]
                case = exp.Case(this=test.column.copy(), ifs=ifs, default=exp.convert(0))
                yield replaced(draft, test.node, exp.EQ(this=case, expression=exp.convert(1)))
