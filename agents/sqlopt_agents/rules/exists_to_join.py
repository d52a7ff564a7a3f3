"""EXISTS or IN that looks up one row by its key becomes a join, which SQLite may begin at either end.

    SELECT o.id FROM orders AS o WHERE EXISTS(SELECT 1 FROM users AS u WHERE u.id = o.user_id AND u.city = 'Oslo')
    -> SELECT o.id FROM orders AS o, users AS u WHERE u.id = o.user_id AND u.city = 'Oslo'
    ... WHERE o.user_id IN (SELECT u.id FROM users AS u WHERE u.city = 'Oslo') -> the same

Valid for a conjunct of WHERE whose subquery reads one plain table, with a declared key equated with columns of the
outer row of the same type: no row finds more than one partner.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft, conjuncts, tables_of
from sqlopt_env.trees.reading import rename_source, sources
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import (
    compare_alike,
    free_names,
    fresh_name,
    has_only,
    has_star,
    in_where,
    is_plain,
    names_of,
    schema_column,
    selects,
    twin,
    with_where,
)

from .base import Application
from .in_to_exists import as_exists
from .soundness import any_order_does, has_nested

NAME = "exists_to_join"
KIND = "join"


def applications(draft: Draft, schema: Schema) -> Iterator[Application]:
    for node in draft.query.find_all(exp.Exists, exp.In) if any_order_does(draft) else ():
        outer = in_where(node)
        exists = as_exists(node) if isinstance(node, exp.In) else node
        if outer is None or exists is None or has_star(outer) or not sources(outer):
            continue
        rows, padding = exists.this.copy(), [join for join in outer.args.get("joins") or [] if join.side]
        if any(join.side != "LEFT" for join in padding) or not _finds_one(rows, outer, schema):
            continue
        name = names_of(rows).pop()
        if sum(name in names_of(other) for other in selects(draft)) > 1:
            rename_source(rows, name, fresh_name(draft, name, schema))
        tree = draft.query.copy()
        changed = twin(tree, outer)
        changed.append("joins", exp.Join(this=sources(rows)[0].copy()))
        kept = [part for part in conjuncts(outer.args["where"]) if part is not node]
        with_where(changed, [*kept, *conjuncts(rows.args["where"])])
        yield Application(f"{sources(rows)[0].name} by key", draft.with_query(tree))


def _finds_one(rows: exp.Expr, outer: exp.Select, schema: Schema) -> bool:
    """At most one row of a plain table for each outer row."""
    if not isinstance(rows, exp.Select) or not has_only(rows, "where") or not is_plain(rows):
        return False
    tables, parts = tables_of(rows, schema), conjuncts(rows.args.get("where"))
    if len(tables) != 1 or len(sources(rows)) != 1 or has_nested(parts):
        return False
    name, table = next(iter(tables.items()))
    tied = set()
    for part in parts:
        for own, other in ((part.left, part.right), (part.right, part.left)) if isinstance(part, exp.EQ) else ():
            declared = schema_column(own, rows, schema), schema_column(other, outer, schema)
            if compare_alike(*declared) and name not in free_names(other):
                tied.add(own.name.lower())
    return any(tied.issuperset(column.lower() for column in key) for key in table.keys)
