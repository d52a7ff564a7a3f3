"""x IN (subquery) becomes a count of the rows that are equal.

    WHERE u.id IN (SELECT o.user_id FROM orders AS o WHERE o.amount > 900)
    -> WHERE (SELECT COUNT(*) FROM orders AS o WHERE o.amount > 900 AND o.user_id = u.id) > 0
    WHERE NOT u.id IN (SELECT o.user_id FROM orders AS o WHERE NOT o.user_id IS NULL)
    -> WHERE (SELECT COUNT(*) FROM orders AS o WHERE NOT o.user_id IS NULL AND o.user_id = u.id) = 0

Valid between columns of the same type and collation, for a subquery of FROM, joins and WHERE alone, as a condition of
WHERE that only AND and OR lead to: IN can be NULL where the comparison is 0, and there both drop the row. NOT IN must
not be NULL at all. SQLite collects the rows of IN once; it counts anew for each row of the outer table.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlopt_env.trees.draft import Draft
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import replaced

from .semi_joins import counted, memberships

NAME = "in_to_count"


def applications(draft: Draft, schema: Schema) -> Iterator[Draft]:
    for condition, rows, some in memberships(draft, schema):
        yield replaced(draft, condition, counted(rows, some=some))
