"""What a condition says of one column it says of the column that this one equals, too.

    FROM users AS u JOIN orders AS o ON o.user_id = u.id WHERE u.id < 100
    -> FROM users AS u JOIN orders AS o ON o.user_id = u.id WHERE u.id < 100 AND o.user_id < 100

Valid between columns of one type and collation, when both conditions are conjuncts of WHERE, or the equality is one of
an inner join's ON. The ON of a LEFT JOIN takes over what the WHERE demands, for the table that it joins. SQLite
carries over equalities with a constant alone.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft, conjuncts
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import schema_column, selects, twin, with_where

from .base import Application
from .compared import Compared, compared, is_text, is_whole

NAME = "transitive_filter"
KIND = "redundancy"


def applications(draft: Draft, schema: Schema) -> Iterator[Application]:
    for select in selects(draft):
        joins = select.args.get("joins") or []
        if any(join.side not in ("", "LEFT") or join.method or join.args.get("using") for join in joins):
            continue
        where = conjuncts(select.args.get("where"))
        tests = [test for test in compared(select) if any(test.node is part for part in where)]
        for join in (None, *joins):
            left = join is not None and join.side == "LEFT"
            for part in where if join is None else conjuncts(join.args.get("on")):
                for test in tests:
                    other = _other_side(part, test, select, schema)
                    # Within the ON of a LEFT JOIN only the table that it joins may be held to more.
                    if other is None or (left and other.table != join.this.alias_or_name):
                        continue
                    new = test.of(other)
                    if new not in where and (join is None or new not in conjuncts(join.args.get("on"))):
                        tree = draft.query.copy()
                        _add(twin(tree, select), twin(tree, join) if left and join is not None else None, new)
                        yield Application(new.sql(dialect="sqlite"), draft.with_query(tree))


def _other_side(part: exp.Expr, test: Compared, select: exp.Select, schema: Schema) -> exp.Column | None:
    """The column that equals the tested one by this conjunct, where a comparison means the same of both."""
    if not isinstance(part, exp.EQ) or not isinstance(test.side, exp.Column) or test.kind in (exp.EQ, exp.NEQ):
        return None
    sides = (part.left, part.right)
    other = next((side for side, one in (sides, sides[::-1]) if one == test.side), None)
    mine, its = schema_column(test.side, select, schema), schema_column(other, select, schema) if other else None
    alike = (is_whole(mine) and is_whole(its)) or (is_text(mine) and is_text(its))
    return other if alike and isinstance(other, exp.Column) and other.table != test.side.table else None


def _add(select: exp.Select, join: exp.Join | None, new: exp.Expr) -> None:
    if join is None:
        with_where(select, [*conjuncts(select.args.get("where")), new])
    else:
        parts = [part.copy() for part in conjuncts(join.args.get("on"))]
        join.set("on", exp.and_(*parts, new, copy=False))
