"""A correlated aggregate becomes a LEFT JOIN of a derived table that is grouped once.

    SELECT u.name, (SELECT SUM(o.amount) FROM orders AS o WHERE o.user_id = u.id) AS total FROM users AS u
    -> SELECT u.name, d.agg1 AS total FROM users AS u
       LEFT JOIN (SELECT o.user_id AS k, SUM(o.amount) AS agg1 FROM orders AS o GROUP BY o.user_id) AS d ON d.k = u.id

Valid when the subquery is one expression of COUNT, SUM, AVG, MIN and MAX, tied to the row of the directly enclosing
SELECT by equalities (= or IS) of declared columns of the same type and by nothing else, in a place that has one value
for each row there, not for each group. A row without partner finds NULL, as the aggregates of no rows do; COUNT becomes
COALESCE(..., 0).
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlopt_env.trees.draft import Draft
from sqlopt_env.trees.schema import Schema

from .base import Application
from .correlated import joined, lookups

NAME = "correlated_to_join"
KIND = "join"


def applications(draft: Draft, schema: Schema) -> Iterator[Application]:
    for lookup in lookups(draft, schema):
        yield Application(lookup.target, joined(draft, [lookup], schema))
