"""EXISTS or IN becomes a join whose repeated rows DISTINCT takes out again.

    SELECT u.id, u.name FROM users AS u WHERE EXISTS(SELECT 1 FROM orders AS o WHERE o.user_id = u.id AND o.amount > 9)
    -> SELECT DISTINCT u.id, u.name FROM users AS u JOIN orders AS o ON o.user_id = u.id AND o.amount > 9

Valid for a conjunct of WHERE whose subquery reads one plain table, in a SELECT without grouping, aggregates and windows
that shows a declared key of each of its sources, so that its own rows differ. SQLite stops EXISTS at the first partner;
of the join it reads every partner, and keeps all rows that it has shown for comparison.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft, conjuncts, tables_of
from sqlopt_env.trees.reading import rename_source, sources
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import (
    fresh_name,
    has_only,
    has_star,
    in_where,
    is_plain,
    key_in,
    names_of,
    outputs,
    selects,
    twin,
    with_where,
)

from .queries import any_order_does
from .semi_joins import is_row_source, matching_rows

NAME = "semi_join_to_distinct_join"


def applications(draft: Draft, schema: Schema) -> Iterator[Draft]:
    for node in draft.query.find_all(exp.Exists, exp.In) if any_order_does(draft) else ():
        outer = in_where(node)
        if outer is None or not _shows_each_row_once(outer, schema):
            continue
        rows = matching_rows(node, outer, schema) if isinstance(node, exp.In) else node.this
        if not isinstance(rows, exp.Select) or not is_row_source(rows) or not has_only(rows, "where"):
            continue
        if len(tables_of(rows, schema)) != 1:
            continue
        ties = conjuncts(rows.args.get("where"))
        if not ties or any(isinstance(inner, exp.Query) for part in ties for inner in part.walk()):
            continue
        partner, name = rows.copy(), sources(rows)[0].alias_or_name
        if sum(name in names_of(other) for other in selects(draft)) > 1:
            rename_source(partner, name, fresh_name(draft, name, schema))
        tree = draft.query.copy()
        changed = twin(tree, outer)
        on = exp.and_(*conjuncts(partner.args["where"]), copy=False)
        changed.append("joins", exp.Join(this=sources(partner)[0].copy(), on=on))
        changed.set("distinct", exp.Distinct())
        with_where(changed, [part for part in conjuncts(outer.args["where"]) if part is not node])
        yield draft.with_query(tree)


def _shows_each_row_once(select: exp.Select, schema: Schema) -> bool:
    if not has_only(select, "joins", "where", "order", "limit", "offset", "with_"):
        return False
    tables = tables_of(select, schema)
    joined_freely = all(join.side in ("", "LEFT") for join in select.args.get("joins") or [])
    keyed = all(key_in(outputs(select), source, table.keys) for source, table in tables.items())
    return is_plain(select) and not has_star(select) and joined_freely and keyed and len(tables) == len(sources(select))
