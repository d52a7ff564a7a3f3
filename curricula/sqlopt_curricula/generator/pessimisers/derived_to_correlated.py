"""A grouped derived table that is left-joined by its key becomes correlated subqueries, one for each use.

    SELECT u.id, COALESCE(d.n, 0) AS n, d.s FROM users AS u
    LEFT JOIN (SELECT o.user_id AS k, COUNT(*) AS n, SUM(o.amount) AS s FROM orders AS o GROUP BY o.user_id) AS d
    ON d.k = u.id
    -> SELECT u.id, (SELECT COUNT(*) FROM orders AS o WHERE o.user_id = u.id) AS n,
       (SELECT SUM(o.amount) FROM orders AS o WHERE o.user_id = u.id) AS s FROM users AS u

Valid when the join equates all the grouping columns with columns of the same type and nothing else, there is neither
HAVING nor LIMIT inside, and every use is an aggregate: the join gives NULL to a row without a group, as SUM, AVG, MIN
and MAX of no rows do, but COUNT only inside COALESCE(..., 0). (Sums of floats may differ by rounding.) A common table
expression that is used once counts as a derived table. SQLite groups once; the subqueries scan for every outer row
where no index is there, and search for each use where one is.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft
from sqlopt_env.trees.reading import sources
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import twin, whole_number

from .grouped import Grouped, grouped_joins, is_null_of_none, reads_only
from .queries import inlined

NAME = "derived_to_correlated"


def applications(draft: Draft, schema: Schema) -> Iterator[Draft]:
    flat = inlined(draft, schema)
    for grouped in grouped_joins(flat, schema):
        uses = grouped.uses() if grouped.is_left else []
        places = [_place(column, grouped) for column in uses]
        kept = [place for place in places if place is not None]
        if not kept or len(kept) < len(places):
            continue
        tree = flat.query.copy()
        changed = twin(tree, grouped.outer)
        for place, column in zip(kept, uses, strict=True):
            twin(tree, place).replace(grouped.lookup(column.name))
        joins = [join for join in changed.args["joins"] if join.this.alias != grouped.source.alias]
        changed.set("joins", joins or None)
        assert len(sources(changed)) == len(sources(grouped.outer)) - 1
        yield flat.with_query(tree)


def _place(column: exp.Column, grouped: Grouped) -> exp.Expr | None:
    """What the subquery replaces: the column, or the COALESCE around a count; None where it may not."""
    value = grouped.values.get(column.name)
    if value is None or not reads_only(grouped.outer, column):
        return None
    if is_null_of_none(value):
        return column
    above = column.parent
    others = above.expressions if isinstance(above, exp.Coalesce) and above.this is column else []
    is_zero = len(others) == 1 and whole_number(others[0]) == 0
    return above if is_zero and isinstance(value, exp.Count) else None
