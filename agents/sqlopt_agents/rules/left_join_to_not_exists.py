"""An outer join that keeps the rows without a partner becomes NOT EXISTS, which stops at the first partner.

    SELECT u.id FROM users AS u LEFT JOIN orders AS o ON o.user_id = u.id WHERE o.id IS NULL
    -> SELECT u.id FROM users AS u WHERE NOT EXISTS(SELECT 1 FROM orders AS o WHERE o.user_id = u.id)

Valid when a conjunct of WHERE asks whether a column of the joined source is NULL that cannot be NULL in a partner:
declared NOT NULL, or compared by `=` in ON; and nothing else reads that source.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft, conjuncts
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import has_star, schema_column, selects, twin, with_where

from .base import Application
from .soundness import any_order_does, is_never_padded

NAME = "left_join_to_not_exists"
KIND = "join"


def applications(draft: Draft, schema: Schema) -> Iterator[Application]:
    for outer in selects(draft) if any_order_does(draft) else ():
        parts = conjuncts(outer.args.get("where"))
        for join in outer.args.get("joins") or [] if not has_star(outer) else ():
            name = join.this.alias_or_name
            test = next((part for part in parts if _asks_for_none(part, join, outer, schema)), None)
            if join.side != "LEFT" or test is None or not is_never_padded(outer, _first(outer)):
                continue
            inside = {id(column) for node in (join, test) for column in node.find_all(exp.Column)}
            if any(column.table == name and id(column) not in inside for column in outer.find_all(exp.Column)):
                continue
            source = join.this.copy()
            partner = exp.Select(expressions=[exp.Literal.number(1)], from_=exp.From(this=source))
            none = exp.Not(this=exp.Exists(this=with_where(partner, conjuncts(join.args["on"]))))
            tree = draft.query.copy()
            changed = twin(tree, outer)
            twin(tree, join).pop()
            if not changed.args.get("joins"):
                changed.set("joins", None)
            with_where(changed, [none if part is test else part for part in parts])
            yield Application(f"no {name}", draft.with_query(tree))


def _first(outer: exp.Select) -> str:
    return str(outer.args["from_"].this.alias_or_name)


def _asks_for_none(part: exp.Expr, join: exp.Join, outer: exp.Select, schema: Schema) -> bool:
    """`column IS NULL`, of a column of the joined source that is never NULL in a partner."""
    column = part.this if isinstance(part, exp.Is) and isinstance(part.expression, exp.Null) else None
    if not isinstance(column, exp.Column) or column.table != join.this.alias_or_name or not join.args.get("on"):
        return False
    declared = schema_column(column, outer, schema)
    equal = [tie for tie in conjuncts(join.args["on"]) if isinstance(tie, exp.EQ)]
    return (declared is not None and declared.not_null) or any(column in (tie.left, tie.right) for tie in equal)
