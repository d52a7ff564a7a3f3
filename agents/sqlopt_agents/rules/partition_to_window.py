"""A row looked at beside an aggregate of its own group: one window instead of a subquery for every row.

    SELECT o.id, (SELECT MAX(p.amount) FROM orders AS p WHERE p.product = o.product) AS most FROM orders AS o
    -> SELECT o.id, MAX(o.amount) OVER (PARTITION BY o.product) AS most FROM orders AS o
    ... WHERE o.amount = (SELECT MAX(p.amount) FROM orders AS p WHERE p.product = o.product)
    -> SELECT o.id FROM (SELECT p.id, p.amount, MAX(p.amount) OVER (PARTITION BY p.product) AS place FROM orders AS p)
       AS o WHERE o.amount = o.place

Valid when the subquery is one expression of COUNT, SUM, AVG, MIN and MAX over a table that the outer SELECT reads too
and no outer join pads, tied to it by `=` or IS of the same columns alone. Conditions on the other rows that the outer
SELECT does not repeat go into FILTER. A column that can be NULL, tied by `=`, makes a group of none: CASE says so. No
collation but BINARY may be declared.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlopt_env.trees.draft import Draft
from sqlopt_env.trees.schema import Schema

from .base import Application
from .peer_values import aggregate_uses
from .windowed import with_windows

NAME = "partition_to_window"
KIND = "join"


def applications(draft: Draft, schema: Schema) -> Iterator[Application]:
    uses = [use for use in aggregate_uses(draft, schema) if not use.peers.terms]
    yield from with_windows(draft, uses, schema)
