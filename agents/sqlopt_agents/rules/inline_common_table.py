"""A common table expression becomes a derived table at the place where it is read.

    WITH g AS MATERIALIZED (SELECT o.user_id AS k, COUNT(*) AS n FROM orders AS o GROUP BY o.user_id)
    SELECT g.n FROM g AS g WHERE g.k = 77
    -> SELECT g.n FROM (SELECT o.user_id AS k, COUNT(*) AS n FROM orders AS o GROUP BY o.user_id) AS g WHERE g.k = 77

Valid when it is read once; when it is read several times, if its rows are the same each time: no LIMIT, no window, no
aggregate whose value depends on the order of rows. SQLite pushes the conditions around a derived table into it, but not
into a table that it is told to materialise, or that is read twice.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft, own_nodes
from sqlopt_env.trees.reading import rename_hiding_sources
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import aggregates, twin

from .base import Application
from .common_tables import definitions, dropped, is_volatile, shape_of, uses

NAME = "inline_common_table"
KIND = "join"
_ORDERLESS = (exp.Count, exp.Sum, exp.Avg, exp.Min, exp.Max)


def applications(draft: Draft, schema: Schema) -> Iterator[Application]:
    for cte in definitions(draft):
        places = uses(draft, cte)
        held = cte.args.get("materialized") or len(places) > 1
        in_from = all(isinstance(place.parent, exp.From | exp.Join) for place in places)
        if not places or not held or not in_from or is_volatile(cte) or not (len(places) == 1 or _is_settled(cte)):
            continue
        tree = draft.query.copy()
        for place in [twin(tree, place) for place in places]:
            alias = place.args.get("alias") or exp.TableAlias(this=place.this.copy())
            place.replace(exp.Subquery(this=cte.this.copy(), alias=alias.copy()))
        dropped(tree, cte)
        if rename_hiding_sources(tree, shape_of(schema)):
            yield Application(cte.alias, draft.with_query(tree))


def _is_settled(cte: exp.CTE) -> bool:
    """Whether its rows are the same however often they are made."""
    for select in cte.find_all(exp.Select):
        calls = aggregates(select)
        if not all(isinstance(call, _ORDERLESS) for call in calls) or own_nodes(select, exp.Window):
            return False
        if calls or select.args.get("group"):
            groups = select.args["group"].expressions if select.args.get("group") else []
            if any(_is_bare(column, select, groups) for column in own_nodes(select, exp.Column)):
                return False
    return not any(query.args.get("limit") for query in cte.find_all(exp.Query))


def _is_bare(column: exp.Expr, select: exp.Select, groups: list[exp.Expr]) -> bool:
    """A column outside aggregates that is not part of what is grouped by: any row's value may stand there."""
    above: exp.Expr | None = column
    while above is not None and above is not select:
        if isinstance(above, exp.AggFunc | exp.Where | exp.Join | exp.Group) or above in groups:
            return False
        above = above.parent
    return bool(column.text("table"))
