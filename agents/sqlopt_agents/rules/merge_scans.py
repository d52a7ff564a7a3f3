"""Aggregates of the same rows under different conditions are computed in one scan.

    SELECT (SELECT COUNT(*) FROM orders AS o WHERE o.amount > 900) AS large, (SELECT COUNT(*) FROM orders AS o) AS n
    -> SELECT COUNT(*) FILTER(WHERE o.amount > 900) AS large, COUNT(*) AS n FROM orders AS o

Valid for a SELECT without FROM whose outputs are made of subqueries and constants, where each subquery is made of
COUNT, SUM, AVG, MIN and MAX over the same sources, inner-joined, without subqueries in their conditions: both forms
give one row, and the aggregate of no rows is the same. Conditions that all of them have stay in WHERE.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft
from sqlopt_env.trees.reading import sources
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import free_names, has_only, is_plain, selects, twin

from .base import Application
from .scans import merged, scan
from .soundness import is_binary

NAME = "merge_scans"
KIND = "redundancy"


def applications(draft: Draft, schema: Schema) -> Iterator[Application]:
    for select in selects(draft) if is_binary(schema) else ():
        if select.args.get("from_") is not None or not has_only(select, "with_"):
            continue
        inside = [node for item in select.expressions for node in item.find_all(exp.Subquery)]
        found = [scan(node) for node in inside]
        scans = [one for one in found if one is not None]
        alike = len({one.shape for one in scans}) == 1 and is_plain(select) and not free_names(select)
        if not 1 < len(scans) == len(found) or not alike:
            continue
        rows, values = merged(scans)
        tree = draft.query.copy()
        whole, places = twin(tree, select), [twin(tree, one.subquery) for one in scans]
        for place, value in zip(places, values, strict=True):
            alone = isinstance(place.parent, exp.Alias) or isinstance(value, exp.Func)
            place.replace(value if alone else exp.paren(value, copy=False))
        for clause in ("from_", "joins", "where"):
            whole.set(clause, rows.args.get(clause))
        target = f"{len(scans)} scans of {', '.join(source.name for source in sources(rows))}"
        yield Application(target, draft.with_query(tree))
