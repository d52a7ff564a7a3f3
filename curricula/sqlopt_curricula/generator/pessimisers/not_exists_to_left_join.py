"""NOT EXISTS becomes an outer join that keeps the rows without a partner.

    SELECT u.id FROM users AS u WHERE NOT EXISTS(SELECT 1 FROM orders AS o WHERE o.user_id = u.id)
    -> SELECT u.id FROM users AS u LEFT JOIN orders AS o ON o.user_id = u.id WHERE o.id IS NULL

Valid for a conjunct of WHERE whose subquery reads one plain table, tested by a column that is never NULL in a row of
it: an outer row then comes once if it has no partner and not at all otherwise. SQLite stops NOT EXISTS at the first
partner, but reads every partner of the join, and its row besides unless the index holds the column that is tested.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft, conjuncts, tables_of
from sqlopt_env.trees.reading import rename_source, sources
from sqlopt_env.trees.schema import Schema, Table
from sqlopt_env.trees.selects import (  # fmt: skip
    fresh_name,
    has_only,
    has_star,
    in_where,
    names_of,
    selects,
    twin,
    with_where,
)

from .queries import any_order_does, column_of
from .semi_joins import is_row_source

NAME = "not_exists_to_left_join"


def applications(draft: Draft, schema: Schema) -> Iterator[Draft]:
    for negation in draft.query.find_all(exp.Not) if any_order_does(draft) else ():
        select, outer = negation.this.this, in_where(negation)
        if outer is None or not isinstance(negation.this, exp.Exists) or not is_row_source(select):
            continue
        tables, ties = tables_of(select, schema), conjuncts(select.args.get("where"))
        tested = next((name for table in tables.values() if (name := _tested(table))), "")
        nested = any(isinstance(node, exp.Query) for part in ties for node in part.walk())
        joined_freely = all(join.side in ("", "LEFT") for join in outer.args.get("joins") or [])
        if not has_only(select, "where") or not tested or not ties or nested or not joined_freely or has_star(outer):
            continue
        partner, name = select.copy(), sources(select)[0].alias_or_name
        if sum(name in names_of(other) for other in selects(draft)) > 1:
            rename_source(partner, name, fresh_name(draft, name, schema))
        source = sources(partner)[0]
        tree = draft.query.copy()
        changed = twin(tree, outer)
        kept = [part for part in conjuncts(outer.args["where"]) if part is not negation]
        alone = exp.Is(this=column_of(source.alias_or_name, tested), expression=exp.Null())
        on = exp.and_(*conjuncts(partner.args["where"]), copy=False)
        changed.append("joins", exp.Join(this=source.copy(), side="LEFT", on=on))
        with_where(changed, [*kept, alone])
        yield draft.with_query(tree)


def _tested(table: Table) -> str:
    """The rowid's name, or else some column that is never NULL."""
    return table.rowid or next((column.name for column in table.columns if column.not_null), "")
