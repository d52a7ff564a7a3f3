"""GROUP BY keeps a key and loses what follows from it.

    SELECT u.id, u.name, COUNT(*) FROM users AS u JOIN orders AS o ON o.user_id = u.id GROUP BY u.id, u.name, u.email
    -> ... GROUP BY u.id

Valid where all joins are inner: a column goes when the others hold a declared key of its table, or columns to which
such a key is tied by equality. What is shown of it is the same in all rows of a group. Groups are told apart by fewer
values, and an index may bring them in order.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlopt_env.trees.draft import Draft
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import inner_joins_only, schema_column, selects, twin

from .base import Application
from .keys import settled
from .predicates import conditions
from .soundness import may_be_rebuilt

NAME = "shrink_group"
KIND = "redundancy"


def applications(draft: Draft, schema: Schema) -> Iterator[Application]:
    for select in selects(draft) if may_be_rebuilt(draft, schema) else ():
        group = select.args.get("group")
        if group is None or not inner_joins_only(select) or {k for k, v in group.args.items() if v} != {"expressions"}:
            continue
        parts = conditions(select)
        kept = list(group.expressions)
        for column in reversed(group.expressions):
            others = [other for other in kept if other is not column]
            declared = schema_column(column, select, schema)
            if declared is not None and column.table in settled(select, others, parts, schema):
                kept = others
        gone = [column.sql(dialect="sqlite") for column in group.expressions if column not in kept]
        if gone:
            tree = draft.query.copy()
            twin(tree, group).set("expressions", [column.copy() for column in kept])
            yield Application(f"without {', '.join(gone)}", draft.with_query(tree))
