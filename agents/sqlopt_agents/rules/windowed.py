"""Puts windows in the place of correlated subqueries over other rows of the same table.

In the SELECT list of a query that reads this table alone the window stands where the subquery stood; everywhere else
the table becomes a derived table that brings the window along as one more column.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlglot import exp

from sqlopt_env.trees.draft import Draft, conjuncts
from sqlopt_env.trees.reading import fresh, sources
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import aggregates, has_only, has_star, twin

from .base import Application
from .peers import Peers
from .soundness import column_of, has_columns, may_be_rebuilt, named, renamed, source_named


@dataclass(frozen=True, slots=True)
class Use:
    """A node that looks at peers, and `value`, what it comes to: windows and columns over the name `peers.inner`.

    `base` holds the conditions on the rows over which the windows run; the rows that the outer SELECT keeps all
    fulfil them.
    """

    node: exp.Expr
    peers: Peers
    value: exp.Expr
    base: tuple[exp.Expr, ...]


def window(call: exp.Expr, peers: Peers, *, sorted_rows: bool, strict: bool = False) -> exp.Window:
    """`call` OVER the rows that share the partition: all, or those up to this row, or `strict`ly before it."""
    terms = [
        exp.Ordered(this=column_of(peers.inner, name), desc=down, nulls_first=not down) for name, down in peers.terms
    ]
    spec = exp.WindowSpec(
        kind="GROUPS",
        start="UNBOUNDED",
        start_side="PRECEDING",
        end=exp.Literal.number(1),
        end_side="PRECEDING",
    )
    return exp.Window(
        this=call,
        partition_by=[column_of(peers.inner, name) for name in peers.partition],
        order=exp.Order(expressions=terms) if sorted_rows and terms else None,
        spec=spec if strict else None,
        over="OVER",
    )


def shares_nothing(peers: Peers) -> list[exp.Expr]:
    """Conditions under which `=` finds no row, not even this one: some column of the partition is NULL."""
    return [exp.Is(this=column_of(peers.inner, name), expression=exp.Null()) for name in peers.filled]


def with_windows(draft: Draft, uses: Sequence[Use], schema: Schema) -> Iterator[Application]:
    """One application for all the uses of the same source over the same rows."""
    if not may_be_rebuilt(draft, schema):
        return
    alike: dict[tuple[int, str, tuple[str, ...]], list[Use]] = {}
    for use in uses:
        base = tuple(renamed(part, use.peers.inner, "#").sql() for part in use.base)
        alike.setdefault((id(use.peers.outer), use.peers.source, base), []).append(use)
    for group in alike.values():
        made = _in_place(draft, group) if all(_can_stand_here(use) for use in group) else _derived(draft, group)
        if made is not None:
            yield Application("; ".join(dict.fromkeys(use.peers.target for use in group)), made)


def _can_stand_here(use: Use) -> bool:
    outer = use.peers.outer
    top: exp.Expr = use.node
    while top.parent is not outer and top.parent is not None:
        top = top.parent
    plain = has_only(outer, "where", "order", "limit", "offset", "distinct", "with_") and not aggregates(outer)
    base = {renamed(part, use.peers.inner, use.peers.source).sql() for part in use.base}
    alone = len(sources(outer)) == 1 and base == {part.sql() for part in conjuncts(outer.args.get("where"))}
    return plain and alone and top.arg_key in ("expressions", "order") and not use.node.find_ancestor(exp.Window)


def _in_place(draft: Draft, uses: Sequence[Use]) -> Draft:
    tree = draft.query.copy()
    places = [twin(tree, use.node) for use in uses]
    for place, use in zip(places, uses, strict=True):
        place.replace(renamed(use.value, use.peers.inner, use.peers.source))
    return draft.with_query(tree)


def _derived(draft: Draft, uses: Sequence[Use]) -> Draft | None:
    first = uses[0].peers
    tree = draft.query.copy()
    outer = twin(tree, first.outer)
    if has_star(first.outer):
        return None
    places = [twin(tree, use.node) for use in uses]
    shown: dict[str, exp.Window] = {}
    taken = {column.name.lower() for column in first.table.columns}
    for place, use in zip(places, uses, strict=True):
        value = exp.Paren(this=renamed(use.value, use.peers.inner, first.source))
        for node in list(value.find_all(exp.Window)):
            over = renamed(node, first.source, first.inner)
            assert isinstance(over, exp.Window)
            name = next((name for name, other in shown.items() if other == over), fresh("place", {*taken, *shown}))
            shown[name] = over
            node.replace(column_of(first.source, name))
        place.replace(value.this if isinstance(value.this, exp.Column | exp.Case) else value)
    read = [node for node in outer.find_all(exp.Column) if node.table == first.source and node.name not in shown]
    if not has_columns(first.table, read):
        return None
    columns = dict.fromkeys(node.name for node in read)
    items = [exp.alias_(column_of(first.inner, name), named(name), copy=False) for name in columns]
    items += [exp.alias_(over, name, copy=False) for name, over in shown.items()]
    table = exp.Table(this=named(first.table.name), alias=exp.TableAlias(this=exp.to_identifier(first.inner)))
    inner = exp.Select(expressions=items, from_=exp.From(this=table))
    base = [renamed(part, uses[0].peers.inner, first.inner) for part in uses[0].base]
    if base:
        inner.set("where", exp.Where(this=exp.and_(*base, copy=False)))
    alias = exp.TableAlias(this=named(first.source))
    source_named(outer, first.source).replace(exp.Subquery(this=inner, alias=alias))
    return draft.with_query(tree)
