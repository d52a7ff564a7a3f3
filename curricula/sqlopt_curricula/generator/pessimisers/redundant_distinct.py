"""A subquery in FROM or WITH whose rows are distinct anyway becomes SELECT DISTINCT.

    FROM orders AS o JOIN (SELECT u.id AS id, u.name AS name FROM users AS u) AS s ON s.id = o.user_id
    -> FROM orders AS o JOIN (SELECT DISTINCT u.id AS id, u.name AS name FROM users AS u) AS s ON s.id = o.user_id

Valid when its outputs contain a declared key of every source (plain tables, joined by inner or left joins). SQLite
merges a plain subquery into the query around it, and computes one with DISTINCT in full. It pays where the subquery is
joined with something or joins several tables; a DISTINCT elsewhere costs SQLite little beside a key.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft
from sqlopt_env.trees.reading import sources
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import is_plain, selects, twin

from .compounds import shows_keys

NAME = "redundant_distinct"


def applications(draft: Draft, schema: Schema) -> Iterator[Draft]:
    recursive = any(with_.args.get("recursive") for with_ in draft.query.find_all(exp.With))
    for select in selects(draft) if not recursive else ():
        outer = select.parent_select
        above = select.parent.parent if isinstance(select.parent, exp.Subquery) else select.parent
        inside = isinstance(above, exp.From | exp.Join | exp.CTE)
        cut = select.args.get("limit") is not None
        if not inside or outer is None or cut or not is_plain(select) or not shows_keys(select, schema):
            continue
        if len(sources(outer)) > 1 or len(sources(select)) > 1:
            tree = draft.query.copy()
            twin(tree, select).set("distinct", exp.Distinct())
            yield draft.with_query(tree)
