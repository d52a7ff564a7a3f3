"""Aggregates of one table under different conditions are computed in one scan.

    SELECT (SELECT COUNT(*) FROM orders AS o WHERE o.amount > 900) AS large, (SELECT COUNT(*) FROM orders AS o) AS n
    -> SELECT COUNT(*) FILTER(WHERE o.amount > 900) AS large, COUNT(*) AS n FROM orders AS o

Valid for a SELECT without FROM whose outputs are all subqueries of a single COUNT, SUM, AVG, MIN or MAX over the same
table, without subqueries in their conditions: both forms give one row, and the aggregate of no rows is the same.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft
from sqlopt_env.trees.reading import rename_source, sources
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import free_names, has_only, outputs, replaced, selects

from .base import Application

NAME = "merge_scans"
KIND = "redundancy"


def applications(draft: Draft, schema: Schema) -> Iterator[Application]:
    for select in selects(draft):
        subqueries = outputs(select)
        if select.args.get("from_") is not None or not has_only(select) or len(subqueries) < 2:
            continue
        inner = [_scan(subquery) for subquery in subqueries]
        scans = [scan for scan in inner if scan is not None]
        if len(scans) < len(inner) or len({sources(scan)[0].name for scan in scans}) > 1:
            continue
        alias = sources(scans[0])[0].alias_or_name
        items: list[exp.Expr] = []
        for item, scan in zip(select.expressions, scans, strict=True):
            rename_source(scan, sources(scan)[0].alias_or_name, alias)
            call: exp.Expr = outputs(scan)[0]
            if scan.args.get("where"):
                call = exp.Filter(this=call, expression=scan.args["where"])
            items.append(exp.alias_(call, item.alias, copy=False) if item.alias else call)
        merged = exp.Select(expressions=items, from_=scans[0].args["from_"])
        yield Application(f"{len(scans)} scans of {sources(scans[0])[0].name}", replaced(draft, select, merged))


def _scan(subquery: exp.Expr) -> exp.Select | None:
    """A copy of the SELECT in the subquery, if it is one aggregate over one table."""
    select = subquery.this if isinstance(subquery, exp.Subquery) else None
    if not isinstance(select, exp.Select) or not has_only(select, "where") or len(sources(select)) != 1:
        return None
    call = outputs(select)[0]
    nested = any(isinstance(node, exp.Query) for node in select.walk() if node is not select)
    simple = isinstance(call, exp.Count | exp.Sum | exp.Avg | exp.Min | exp.Max) and len(select.expressions) == 1
    is_table = isinstance(sources(select)[0], exp.Table)
    return select.copy() if simple and is_table and not nested and not free_names(select) else None
