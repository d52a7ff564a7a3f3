"""An ORDER BY that nothing can see is put inside.

    WHERE u.id IN (SELECT o.user_id FROM orders AS o WHERE o.amount > 9)
    -> WHERE u.id IN (SELECT o.user_id FROM orders AS o WHERE o.amount > 9 ORDER BY o.order_date)
    SELECT COUNT(*) AS n FROM (SELECT o.id AS id FROM orders AS o) AS d
    -> SELECT COUNT(*) AS n FROM (SELECT o.id AS id FROM orders AS o ORDER BY o.user_id) AS d

Valid for a subquery of FROM, joins and WHERE alone inside IN, and as the only source of a SELECT that aggregates, where
no aggregate keeps an order (group_concat) and no LIMIT without ORDER BY takes rows as they come. SQLite drops such an
ORDER BY from a derived table that is joined, and from EXISTS; in these two places it sorts.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft, tables_of
from sqlopt_env.trees.reading import sources
from sqlopt_env.trees.schema import Schema, Table
from sqlopt_env.trees.selects import aggregates, selects, twin

from .queries import any_order_does, column_of
from .semi_joins import is_row_source

NAME = "inner_order_added"


def applications(draft: Draft, schema: Schema) -> Iterator[Draft]:
    for select in selects(draft) if any_order_does(draft) else ():
        place = select.parent.parent if isinstance(select.parent, exp.Subquery) else None
        aggregating = place.parent if isinstance(place, exp.From) else None
        unseen = isinstance(aggregating, exp.Select) and aggregates(aggregating) and len(sources(aggregating)) == 1
        if not is_row_source(select) or not (isinstance(place, exp.In) or unseen):
            continue
        column = next((c for name, table in tables_of(select, schema).items() if (c := _unsorted(name, table))), None)
        if column is not None:
            tree = draft.query.copy()
            order = exp.Order(expressions=[exp.Ordered(this=column, nulls_first=True)])
            twin(tree, select).set("order", order)
            yield draft.with_query(tree)


def _unsorted(source: str, table: Table) -> exp.Column | None:
    """The last column of the table that neither the table nor an index is sorted by."""
    sorted_by = {table.rowid, *(index[0] for index in table.indexes)}
    names = [column.name for column in table.columns if column.name not in sorted_by]
    return column_of(source, names[-1]) if names else None
