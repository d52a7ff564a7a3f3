"""IN over a list of values becomes one branch of a UNION ALL for each.

    SELECT o.id AS id FROM orders AS o WHERE o.product IN ('mouse', 'webcam')
    -> SELECT o.id AS id FROM orders AS o WHERE o.product = 'mouse'
       UNION ALL SELECT o.id AS id FROM orders AS o WHERE o.product = 'webcam'

Valid for a top-level condition of a SELECT without grouping, aggregates, DISTINCT and windows, whose values are
different literals of a column that holds whole numbers or text of BINARY collation: a row passes in one branch at most.
ORDER BY must name outputs. SQLite reads the tables once for each branch, unless an index finds the value.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft, conjuncts
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import in_where, selects

from .compounds import can_be_split, split
from .conditions import tests

NAME = "in_to_union_all"
_MOST = 4  # branches that a person would write out


def applications(draft: Draft, schema: Schema) -> Iterator[Draft]:
    for select in selects(draft):
        short = can_be_split(select) and select.find(exp.Subquery) is None
        for test in tests(select, schema) if short else ():
            values = test.whole or test.texts
            if test.kind is exp.In and in_where(test.node) and 1 < len(set(values)) == len(values) <= _MOST:
                equal = [exp.EQ(this=test.column, expression=exp.convert(value)) for value in values]
                parts = conjuncts(select.args["where"])
                wheres = [[one if part is test.node else part for part in parts] for one in equal]
                yield split(draft, select, wheres, distinct=False)
