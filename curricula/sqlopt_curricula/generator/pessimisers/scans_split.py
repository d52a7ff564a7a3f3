"""Aggregates that one scan computes under different conditions are computed in a scan each.

    SELECT COUNT(*) FILTER(WHERE o.amount > 99) AS large, SUM(CASE WHEN o.amount < 20 THEN 1 ELSE 0 END) AS small
    FROM orders AS o
    -> SELECT (SELECT COUNT(*) FILTER(WHERE o.amount > 99) FROM orders AS o) AS large,
              (SELECT SUM(CASE WHEN o.amount < 20 THEN 1 ELSE 0 END) FROM orders AS o) AS small

Valid for a SELECT over plain tables with WHERE alone, whose outputs read columns only inside COUNT, SUM, AVG, MIN and
MAX: both forms give one row. It pays where at least two of the aggregates are conditional. The conditions stay where
they are: moved to WHERE, an index of theirs could make the slow form the faster one.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft, own_nodes, tables_of
from sqlopt_env.trees.reading import sources
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import aggregates, free_names, has_only, selects, twin

NAME = "scans_split"
_MOST = 4  # subqueries that a person would write out
_KNOWN = (exp.Count, exp.Sum, exp.Avg, exp.Min, exp.Max)


def applications(draft: Draft, schema: Schema) -> Iterator[Draft]:
    for select in selects(draft):
        calls = aggregates(select)
        if not _is_one_scan(select, schema) or not all(_is_known(call) for call in calls):
            continue
        units = [call.parent if isinstance(call.parent, exp.Filter) else call for call in calls]
        if len(units) > _MOST:
            continue
        if sum(unit.find(exp.Filter, exp.Case) is not None for unit in units) > 1 and _reads_only_in(select, units):
            yield _split(draft, select, units)


def _is_one_scan(select: exp.Select, schema: Schema) -> bool:
    plain = has_only(select, "joins", "where") and len(tables_of(select, schema)) == len(sources(select)) > 0
    nested = any(isinstance(node, exp.Query) for node in select.walk() if node is not select)
    return plain and not nested and not free_names(select) and not own_nodes(select, exp.Window)


def _is_known(call: exp.Expr) -> bool:
    """Not MIN or MAX of a bare column, which an index answers sooner alone, nor of several values: no aggregate."""
    extreme = isinstance(call, exp.Min | exp.Max)
    bare = extreme and isinstance(call.this, exp.Column) and not isinstance(call.parent, exp.Filter)
    return isinstance(call, _KNOWN) and not bare and not (extreme and call.expressions)


def _reads_only_in(select: exp.Select, units: list[exp.Expr]) -> bool:
    inside = {id(column) for unit in units for column in unit.find_all(exp.Column)}
    return all(id(column) in inside for item in select.expressions for column in item.find_all(exp.Column))


def _split(draft: Draft, select: exp.Select, units: list[exp.Expr]) -> Draft:
    """The SELECT without FROM, each aggregate in a subquery of its own."""
    tree = draft.query.copy()
    for unit in units:
        single = select.copy()
        single.set("expressions", [unit.copy()])
        twin(tree, unit).replace(exp.Subquery(this=single))
    whole = twin(tree, select)
    for clause in ("from_", "joins", "where"):
        whole.set(clause, None)
    return draft.with_query(tree)
