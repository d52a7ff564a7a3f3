"""Several correlated aggregates over the same rows become one joined derived table with all their aggregates.

    SELECT u.name, (SELECT COUNT(*) FROM orders AS o WHERE o.user_id = u.id) AS orders,
                   (SELECT MAX(o.amount) FROM orders AS o WHERE o.user_id = u.id) AS largest FROM users AS u
    -> SELECT u.name, COALESCE(d.agg1, 0) AS orders, d.agg2 AS largest FROM users AS u LEFT JOIN
       (SELECT o.user_id AS k, COUNT(*) AS agg1, MAX(o.amount) AS agg2 FROM orders AS o GROUP BY o.user_id) AS d
       ON d.k = u.id

Valid as correlated_to_join is, for subqueries of one SELECT that read the same sources under the same conditions. The
same subquery repeated in SELECT, WHERE and ORDER BY is computed once.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlopt_env.trees.draft import Draft
from sqlopt_env.trees.schema import Schema

from .base import Application
from .correlated import Lookup, joined, lookups

NAME = "merge_subqueries"
KIND = "join"


def applications(draft: Draft, schema: Schema) -> Iterator[Application]:
    alike: dict[tuple[int, str, str, str], list[Lookup]] = {}
    for lookup in lookups(draft, schema):
        alike.setdefault(lookup.shape, []).append(lookup)
    for group in alike.values():
        if len(group) > 1:
            target = f"{len(group)} subqueries over {group[0].target}"
            yield Application(target, joined(draft, group, schema))
