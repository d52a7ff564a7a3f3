"""A condition that stands on every side of an OR stands once, before it.

    WHERE (o.user_id = 7 AND o.amount > 900) OR (o.user_id = 7 AND o.product = 'tea')
    -> WHERE o.user_id = 7 AND (o.amount > 900 OR o.product = 'tea')

Valid for what is the same each time that it is computed: the distributive law holds with NULL too, and so does
absorption, where one side says nothing more. It pays where an index serves the common condition, and costs where one
serves each side.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft, conjuncts
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import replaced

from .base import Application
from .common_tables import is_volatile

NAME = "factor_or"
KIND = "redundancy"


def applications(draft: Draft, schema: Schema) -> Iterator[Application]:
    for disjunction in draft.query.find_all(exp.Or):
        if isinstance(disjunction.parent, exp.Or):
            continue
        sides = [conjuncts(side) for side in disjunction.flatten()]
        common = [part for part in dict.fromkeys(sides[0]) if all(part in side for side in sides)]
        if not common or any(is_volatile(part) for part in common):
            continue
        rests = [[part.copy() for part in side if part not in common] for side in sides]
        new = [part.copy() for part in common]
        if all(rests):
            new.append(exp.paren(exp.or_(*(exp.and_(*rest, copy=False) for rest in rests), copy=False), copy=False))
        target = " AND ".join(part.sql(dialect="sqlite") for part in common)
        yield Application(target, replaced(draft, disjunction, exp.and_(*new, copy=False)))
