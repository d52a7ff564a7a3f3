"""EXCEPT becomes NOT EXISTS, and INTERSECT EXISTS, which look for one row instead of writing down all of them.

    SELECT u.id FROM users AS u EXCEPT SELECT o.user_id FROM orders AS o WHERE o.amount > 900
    -> SELECT u.id FROM users AS u
       WHERE NOT EXISTS(SELECT 1 FROM orders AS o WHERE o.amount > 900 AND o.user_id = u.id)

Valid for branches without grouping, aggregates, windows and LIMIT that show columns of the same types, with BINARY
collation: set operations take NULL for equal to NULL, as IS does, which stands where both sides can be NULL. They drop
duplicates: the first branch must show a declared key of every source, or it becomes SELECT DISTINCT.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft, conjuncts
from sqlopt_env.trees.reading import rename_source, sources
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import (
    compare_alike,
    fresh_name,
    has_only,
    is_plain,
    names_of,
    never_null,
    outputs,
    replaced,
    schema_column,
    selects,
    with_where,
)

from .base import Application
from .compounds import shows_keys
from .soundness import may_be_rebuilt

NAME = "set_to_exists"
KIND = "redundancy"


def applications(draft: Draft, schema: Schema) -> Iterator[Application]:
    for node in draft.query.find_all(exp.Except, exp.Intersect) if may_be_rebuilt(draft, schema) else ():
        left, right = _branch(node.left), _branch(node.right)
        if left is None or right is None or not _show_alike(left, right, schema):
            continue
        ties = _named_apart(draft, left, right, schema)
        if ties is None:
            continue
        rows, equal = ties
        exists: exp.Expr = exp.Exists(this=with_where(rows, [*conjuncts(rows.args.get("where")), *equal]))
        rows.set("expressions", [exp.Literal.number(1)])
        test = exp.Not(this=exists) if isinstance(node, exp.Except) else exists
        made = with_where(left.copy(), [*conjuncts(left.args.get("where")), test])
        made.set("distinct", None if shows_keys(left, schema) else exp.Distinct())
        for clause in ("order", "limit", "offset", "with_"):
            if node.args.get(clause):
                made.set(clause, node.args[clause].copy())
        names = ", ".join(source.name for source in sources(rows))
        yield Application(f"{type(node).__name__.upper()} over {names}", replaced(draft, node, made))


def _branch(node: exp.Expr) -> exp.Select | None:
    """A SELECT with FROM, joins and WHERE; DISTINCT makes no difference to a set."""
    if not isinstance(node, exp.Select) or not has_only(node, "joins", "where", "distinct") or not sources(node):
        return None
    bare = node.copy()
    bare.set("distinct", None)
    on = node.args["distinct"].args.get("on") if node.args.get("distinct") else None
    return node if is_plain(bare) and on is None else None


def _show_alike(left: exp.Select, right: exp.Select, schema: Schema) -> bool:
    pairs = list(zip(outputs(left), outputs(right), strict=False))
    return len(outputs(left)) == len(outputs(right)) and all(
        compare_alike(schema_column(one, left, schema), schema_column(other, right, schema)) for one, other in pairs
    )


def _named_apart(
    draft: Draft, left: exp.Select, right: exp.Select, schema: Schema
) -> tuple[exp.Select, list[exp.Expr]] | None:
    """(the second branch under names of its own, the equalities); None where names inside it would be mixed up."""
    within = [select for select in right.find_all(exp.Select) if select is not right]
    if any(names_of(left) & names_of(select) for select in within):
        return None
    rows = right.copy()
    rows.set("distinct", None)
    for name in names_of(right):
        if sum(name in names_of(select) for select in selects(draft)) > 1:
            rename_source(rows, name, fresh_name(draft, name, schema))
    equal: list[exp.Expr] = []
    for one, other, renamed in zip(outputs(left), outputs(right), outputs(rows), strict=True):
        either = never_null(one, left, schema) or never_null(other, right, schema)
        kind = exp.EQ if either else exp.NullSafeEQ  # NULL equals NULL in set operations
        equal.append(kind(this=renamed.copy(), expression=one.copy()))
    return rows, equal
