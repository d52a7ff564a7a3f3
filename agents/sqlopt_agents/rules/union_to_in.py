"""Branches that differ in one constant become one SELECT with IN.

    SELECT u.id FROM users AS u WHERE u.city = 'a' UNION ALL SELECT u.id FROM users AS u WHERE u.city = 'b'
    -> SELECT u.id FROM users AS u WHERE u.city IN ('a', 'b')

Valid for UNION ALL when the constants are different values of a declared column, so that no row passes twice. UNION
drops duplicates: its SELECT list must contain a declared key of the one table, or the result becomes SELECT DISTINCT.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft, conjuncts
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import outputs, replaced, with_where

from .base import Application
from .union_branches import constants, plain_branches, rows_shown_once, text_of

NAME = "union_to_in"
KIND = "redundancy"


def applications(draft: Draft, schema: Schema) -> Iterator[Application]:
    for union in draft.query.find_all(exp.Union):
        if isinstance(union.parent, exp.SetOperation) or (union.args.get("limit") and not union.args.get("order")):
            continue
        selects = plain_branches(union)
        for column in constants(selects[0], schema) if selects else ():
            merged = _merged(union, selects, column, schema)
            if merged is not None:
                yield Application(f"{len(selects)} values of {column}", replaced(draft, union, merged))


def _merged(union: exp.Union, selects: list[exp.Select], column: str, schema: Schema) -> exp.Select | None:
    wanted = [constants(select, schema).get(column) for select in selects]
    literals = [literal for literal in wanted if literal is not None]
    values = {text_of(literal): literal for literal in literals}
    is_set = bool(union.args.get("distinct"))
    if len({_rest(select, column) for select in selects}) > 1 or len(literals) < len(selects):
        return None
    if any(sum(_is_test(part, column) for part in conjuncts(select.args["where"])) != 1 for select in selects):
        return None
    if len(values) < 2 or (not is_set and len(values) < len(selects)):
        return None
    merged = selects[0].copy()
    tested = next(node for node in conjuncts(merged.args["where"]) if _is_test(node, column))
    name = next(node for node in tested.find_all(exp.Column)).copy()
    others = [part for part in conjuncts(merged.args["where"]) if part is not tested]
    listed = exp.In(this=name, expressions=[literal.copy() for literal in values.values()])
    with_where(merged, [*others, listed])
    if is_set and not rows_shown_once(selects[0], schema):
        merged.set("distinct", exp.Distinct())
    for clause in ("order", "limit", "offset", "with_"):
        if union.args.get(clause):
            merged.set(clause, union.args[clause].copy())
    return merged


def _rest(select: exp.Select, column: str) -> tuple[str, ...]:
    """Everything but the names of the outputs and the one equality."""
    where = conjuncts(select.args.get("where"))
    kept = sorted(part.sql() for part in where if not _is_test(part, column))
    from_ = [select.args["from_"].sql(), *(join.sql() for join in select.args.get("joins") or [])]
    return (*(item.sql() for item in outputs(select)), "|", *from_, "|", *kept, str(len(where)))


def _is_test(part: exp.Expr, column: str) -> bool:
    """Whether the condition is `column = literal`."""
    if not isinstance(part, exp.EQ):
        return False
    texts = {part.left.sql(dialect="sqlite"), part.right.sql(dialect="sqlite")}
    return column in texts and not all(isinstance(side, exp.Column) for side in (part.left, part.right))
