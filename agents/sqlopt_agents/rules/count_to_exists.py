"""A count that is only asked whether it is zero becomes EXISTS, which stops at the first row.

    WHERE (SELECT COUNT(*) FROM orders AS o WHERE o.user_id = u.id) > 0
    -> WHERE EXISTS(SELECT 1 FROM orders AS o WHERE o.user_id = u.id)

Valid for COUNT(*), and for COUNT of a declared NOT NULL column that no outer join pads, without grouping or LIMIT. Both
sides are 1 or 0 and never NULL, so that the place of the condition does not matter.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import comparisons, has_only, never_null, outputs, replaced, whole_number

from .base import Application

NAME = "count_to_exists"
KIND = "redundancy"
_SOME = {(exp.GT, 0), (exp.GTE, 1), (exp.NEQ, 0)}
_NONE = {(exp.EQ, 0), (exp.LT, 1), (exp.LTE, 0)}


def applications(draft: Draft, schema: Schema) -> Iterator[Application]:
    for node, left, kind, right in comparisons(draft.query):
        asked = (kind, whole_number(right))
        if asked not in _SOME | _NONE or not isinstance(left, exp.Subquery):
            continue
        select = left.this
        if not has_only(select, "joins", "where") or select.args.get("from_") is None or len(select.expressions) != 1:
            continue
        counted = outputs(select)[0]
        if not isinstance(counted, exp.Count) or not _counts_rows(counted, select, schema):
            continue
        inner = select.copy()
        inner.set("expressions", [exp.Literal.number(1)])
        exists: exp.Expr = exp.Exists(this=inner)
        new = exists if asked in _SOME else exp.Not(this=exists)
        yield Application(node.sql(dialect="sqlite"), replaced(draft, node, new))


def _counts_rows(counted: exp.Count, select: exp.Select, schema: Schema) -> bool:
    return isinstance(counted.this, exp.Star) or never_null(counted.this, select, schema)
