"""An inner join becomes CROSS JOIN in a bad order, which SQLite then keeps.

    SELECT o.id, u.name FROM orders AS o JOIN users AS u ON u.id = o.user_id WHERE u.city = 'Cork'
    -> SELECT o.id, u.name FROM orders AS o CROSS JOIN users AS u WHERE u.id = o.user_id AND u.city = 'Cork'

Valid where every join is inner: their order does not change the rows. It needs a source with a condition of its own to
be slow: the loop begins at the largest table without one, and each of the following sources is tied to those before,
those with a condition as late as may be.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft, conjuncts, tables_of
from sqlopt_env.trees.reading import sources
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import free_names, inner_joins_only, selects, twin, with_where

from .queries import about_alone, any_order_does, conditions_of

NAME = "cross_join_forced"


def applications(draft: Draft, schema: Schema) -> Iterator[Draft]:
    for select in selects(draft) if any_order_does(draft) else ():
        tables = tables_of(select, schema)
        joins = select.args.get("joins") or []
        if len(tables) < 2 or len(tables) != len(sources(select)) or not inner_joins_only(select):
            continue
        filtered = {name for name in tables if about_alone(select, name)}
        if not filtered or any(join.kind == "CROSS" for join in joins):
            continue
        # False sorts first: without a condition, then by size.
        wish = sorted(tables, key=lambda name: (name in filtered, -tables[name].rows))
        order = _tied(wish, [free_names(part) & set(tables) for part in conditions_of(select)])
        if len(order) < len(tables):
            continue
        tree = draft.query.copy()
        changed = twin(tree, select)
        named = {source.alias_or_name: source.copy() for source in sources(changed)}
        ons = [part for join in joins for part in conjuncts(join.args.get("on"))]
        with_where(changed, [*ons, *conjuncts(select.args.get("where"))])
        changed.set("from_", exp.From(this=named[order[0]]))
        changed.set("joins", [exp.Join(this=named[name], kind="CROSS") for name in order[1:]])
        yield draft.with_query(tree)


def _tied(wish: list[str], ties: list[set[str]]) -> list[str]:
    """The wished order, as far as each source is tied to one before it."""
    order = wish[:1]
    while True:
        found = (name for name in wish if name not in order and any(name in t and t & set(order) for t in ties))
        following = next(found, None)
        if following is None:
            return order
        order.append(following)
