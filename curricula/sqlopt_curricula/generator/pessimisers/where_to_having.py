"""A condition on grouping columns is asked of each group, by counting the group's rows that fulfil it.

    SELECT u.city AS city, COUNT(*) AS n FROM users AS u WHERE u.city >= 'M' GROUP BY u.city
    -> SELECT u.city AS city, COUNT(*) AS n FROM users AS u GROUP BY u.city
       HAVING SUM(CASE WHEN u.city >= 'M' THEN 1 ELSE 0 END) > 0

Valid under a GROUP BY of columns, when the condition has no subquery and reads grouping columns alone, which hold whole
numbers or text of BINARY collation: the rows of a group are then alike in it. SQLite takes a bare condition on grouping
columns from HAVING back to WHERE, but not one inside an aggregate.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft, conjuncts
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import schema_column, selects, twin, with_where

from .conditions import is_binary_text, is_whole

NAME = "where_to_having"


def applications(draft: Draft, schema: Schema) -> Iterator[Draft]:
    for select in selects(draft):
        group = select.args.get("group")
        if group is None or {key for key, value in group.args.items() if value} != {"expressions"}:
            continue
        parts = conjuncts(select.args.get("where"))
        for part in parts:
            if not _is_about_groups(part, select, schema):
                continue
            tree = draft.query.copy()
            changed = twin(tree, select)
            with_where(changed, [other for other in parts if other is not part])
            ifs = [exp.If(this=part.copy(), true=exp.convert(1))]
            rows = exp.Sum(this=exp.Case(ifs=ifs, default=exp.convert(0)))
            asked = [*conjuncts(changed.args.get("having")), exp.GT(this=rows, expression=exp.convert(0))]
            changed.set("having", exp.Having(this=exp.and_(*(one.copy() for one in asked), copy=False)))
            yield draft.with_query(tree)


def _is_about_groups(part: exp.Expr, select: exp.Select, schema: Schema) -> bool:
    columns = list(part.find_all(exp.Column))
    for column in columns:
        declared = schema_column(column, select, schema)
        plain = declared is not None and (is_whole(declared) or is_binary_text(declared))
        if not plain or column not in select.args["group"].expressions:
            return False
    return bool(columns) and part.find(exp.Query) is None
