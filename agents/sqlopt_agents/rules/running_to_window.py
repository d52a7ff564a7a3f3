"""A total over all the rows up to this one becomes a running window.

    SELECT o.id, (SELECT SUM(p.amount) FROM orders AS p WHERE p.user_id = o.user_id AND p.id <= o.id) AS total
    FROM orders AS o
    -> SELECT o.id, SUM(o.amount) OVER (PARTITION BY o.user_id ORDER BY o.id) AS total FROM orders AS o

Valid as partition_to_window is, with one more tie: the other row sorts before this one, by columns that are never NULL,
each compared with itself: `p.day < o.day OR (p.day = o.day AND p.id <= o.id)` and `(p.day, p.id) <= (o.day, o.id)` too.
Rows that tie with this one are in for <= (the RANGE frame that holds where none is given), and out for < (GROUPS ... 1
PRECEDING). A sum of other than whole numbers, which another order may round otherwise, must only be shown.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import schema_column

from .base import Application
from .peer_values import aggregate_uses
from .windowed import Use, with_windows

NAME = "running_to_window"
KIND = "join"


def applications(draft: Draft, schema: Schema) -> Iterator[Application]:
    uses = [use for use in aggregate_uses(draft, schema) if use.peers.terms and _may_round(use, schema)]
    yield from with_windows(draft, uses, schema)


def _may_round(use: Use, schema: Schema) -> bool:
    select, place = use.peers.select, use.node.parent
    for call in select.find_all(exp.Sum, exp.Avg):
        declared = schema_column(call.this, select, schema)
        if declared is None or "INT" not in declared.type:
            return isinstance(place, exp.Alias | exp.Select) and place.parent_select in (use.peers.outer, None)
    return True
