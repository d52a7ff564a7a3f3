"""EXISTS becomes a count that is compared with zero.

    WHERE EXISTS(SELECT 1 FROM orders AS o WHERE o.user_id = u.id)
    -> WHERE (SELECT COUNT(*) FROM orders AS o WHERE o.user_id = u.id) > 0
    WHERE NOT EXISTS(...) -> WHERE (SELECT COUNT(*) ...) = 0

Valid for a subquery of FROM, joins and WHERE alone. Both sides are 1 or 0 and never NULL, so that the place of the
condition does not matter. SQLite stops at the first row of EXISTS, and for an EXISTS in WHERE it may build an index of
its own; it counts all rows of the other, and scans for them where no index is there.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import replaced

from .semi_joins import counted, is_row_source

NAME = "exists_to_count"
_LOOSE = (exp.Where, exp.Having, exp.And, exp.Or, exp.Paren, exp.Alias)  # what binds no tighter than a comparison


def applications(draft: Draft, schema: Schema) -> Iterator[Draft]:
    for node in draft.query.find_all(exp.Exists):
        if is_row_source(node.this):
            negated = isinstance(node.parent, exp.Not)
            place = node.parent if negated and node.parent is not None else node
            count = counted(node.this, some=not negated)
            yield replaced(draft, place, count if isinstance(place.parent, _LOOSE) else exp.Paren(this=count))
