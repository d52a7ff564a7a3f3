"""Conditions joined by OR become the branches of a UNION.

    SELECT o.id AS id FROM orders AS o WHERE o.product = 'tablet' OR o.amount > 900
    -> SELECT o.id AS id FROM orders AS o WHERE o.product = 'tablet'
       UNION SELECT o.id AS id FROM orders AS o WHERE o.amount > 900

Valid for a top-level condition of a SELECT without grouping, aggregates and windows, whose outputs contain a declared
key of every source: UNION then merges only what is the same row. ORDER BY must name outputs. SQLite reads the tables
once for each branch and sorts all the rows, while it can search one index for each side of an OR.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft, conjuncts
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import selects

from .compounds import can_be_split, shows_keys, split

NAME = "or_to_union"
_MOST = 4


def applications(draft: Draft, schema: Schema) -> Iterator[Draft]:
    for select in selects(draft):
        if not can_be_split(select) or not shows_keys(select, schema):
            continue
        parts = conjuncts(select.args.get("where"))
        for disjunction in parts:
            sides = [side.unnest() for side in disjunction.flatten()] if isinstance(disjunction, exp.Or) else []
            if 1 < len(sides) <= _MOST:
                wheres = [[side if part is disjunction else part for part in parts] for side in sides]
                yield split(draft, select, wheres, distinct=True)
