"""x IN (subquery) becomes EXISTS, which is asked once for each row.

    WHERE u.id IN (SELECT o.user_id FROM orders AS o WHERE o.amount > 900)
    -> WHERE EXISTS(SELECT 1 FROM orders AS o WHERE o.amount > 900 AND o.user_id = u.id)
    WHERE NOT u.id IN (SELECT o.user_id FROM orders AS o WHERE NOT o.user_id IS NULL)
    -> WHERE NOT EXISTS(SELECT 1 FROM orders AS o WHERE NOT o.user_id IS NULL AND o.user_id = u.id)

Valid between columns of the same type and collation, for a subquery of FROM, joins and WHERE alone, as a condition of
WHERE that only AND and OR lead to: IN can be NULL where EXISTS is 0, and there both drop the row. NOT IN must not be
NULL at all. SQLite collects the rows of IN once and searches the outer table by them; with EXISTS it walks through the
outer table, and under NOT it scans the inner one for each of its rows unless there is an index.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import replaced

from .semi_joins import memberships

NAME = "in_to_exists"


def applications(draft: Draft, schema: Schema) -> Iterator[Draft]:
    for condition, rows, some in memberships(draft, schema):
        exists = exp.Exists(this=rows)
        yield replaced(draft, condition, exists if some else exp.Not(this=exists))
