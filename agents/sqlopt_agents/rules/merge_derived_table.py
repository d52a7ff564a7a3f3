"""A derived table, or a common table expression, that only copies or filters a table is read as that table.

    WITH c AS MATERIALIZED (SELECT o.id AS id, o.amount AS amount FROM orders AS o WHERE o.product = 'tea')
    SELECT c.id FROM c AS c WHERE c.amount > 900
    -> SELECT c.id FROM orders AS c WHERE c.amount > 900 AND c.product = 'tea'

Valid when it is a SELECT of columns from one plain table, with no other clause than WHERE, which moves to the query
around it: into ON where a LEFT JOIN would pad its rows, and not at all beside a RIGHT or FULL JOIN. DISTINCT may stand
where the columns contain a declared key. A common table expression may be read several times. SQLite writes what is
MATERIALIZED, DISTINCT or read twice into a table without indexes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlglot import exp

from sqlopt_env.trees.draft import Draft, conjuncts, identifier, tables_of
from sqlopt_env.trees.reading import rename_hiding_sources, sources
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import has_only, has_star, key_in, selects, twin, with_where

from .base import Application
from .common_tables import definitions, dropped, is_volatile, shape_of, uses

NAME = "merge_derived_table"
KIND = "join"


@dataclass(frozen=True, slots=True)
class _Copy:
    """A SELECT that shows columns of one plain table: this table, and its columns by the names that they are given."""

    select: exp.Select
    table: exp.Table
    columns: dict[str, exp.Column]


def applications(draft: Draft, schema: Schema) -> Iterator[Application]:
    for cte in definitions(draft):
        copy = _copy(cte.this, schema)
        places = [place for place in uses(draft, cte) if copy and _may_merge(place, copy)]
        if copy and places:
            yield from _merged(draft, schema, places, copy, cte)
    for select in selects(draft):
        for place in sources(select):
            if isinstance(place, exp.Subquery) and place.alias and not place.args["alias"].args.get("columns"):
                copy = _copy(place.this, schema)
                if copy and _may_merge(place, copy):
                    yield from _merged(draft, schema, [place], copy, None)


def _copy(inner: exp.Expr, schema: Schema) -> _Copy | None:
    """What may be merged; None for any other query."""
    if not isinstance(inner, exp.Select) or not has_only(inner, "where", "distinct") or has_star(inner):
        return None
    read = sources(inner)[0]
    plain = {key for key, value in read.args.items() if value} <= {"this", "alias"}
    if not isinstance(read, exp.Table) or not plain or not tables_of(inner, schema) or is_volatile(inner):
        return None
    (table,) = tables_of(inner, schema).values()
    shown = {item.alias_or_name.lower(): item.unalias() for item in inner.expressions}
    if not all(isinstance(value, exp.Column) and value.table == read.alias_or_name for value in shown.values()):
        return None
    distinct = inner.args.get("distinct")
    if distinct is not None and (distinct.args.get("on") or not key_in(shown.values(), read.alias_or_name, table.keys)):
        return None
    return _Copy(inner, read, shown) if len(shown) == len(inner.expressions) else None


def _may_merge(place: exp.Expr, copy: _Copy) -> bool:
    outer = place.parent_select
    if outer is None or not isinstance(place.parent, exp.From | exp.Join) or place not in sources(outer):
        return False
    joins = outer.args.get("joins") or []
    odd = any(join.side not in ("", "LEFT") or join.args.get("using") or join.method for join in joins)
    read = {column.name.lower() for column in outer.find_all(exp.Column) if column.table == place.alias_or_name}
    alone = {key for key, value in place.args.items() if value} <= {"this", "alias"}
    return alone and not odd and not has_star(outer) and read <= set(copy.columns)


def _merged(
    draft: Draft, schema: Schema, places: Sequence[exp.Expr], copy: _Copy, cte: exp.CTE | None
) -> Iterator[Application]:
    tree = draft.query.copy()
    names = [place.alias_or_name for place in places]
    for place, name in zip([twin(tree, place) for place in places], names, strict=True):
        outer, parent = place.parent_select, place.parent
        assert outer is not None
        for column in [column for column in outer.find_all(exp.Column) if column.table == name]:
            _show(column, copy.columns[column.name.lower()])
        alias = exp.TableAlias(this=exp.to_identifier(name, quoted=identifier(name) != name))
        place.replace(exp.Table(this=copy.table.this.copy(), alias=alias))
        _filter(outer, parent, _moved(copy, name))
    if cte is not None:
        dropped(tree, cte)
    if rename_hiding_sources(tree, shape_of(schema)):
        yield Application(f"{', '.join(names)} is {copy.table.name}", draft.with_query(tree))


def _show(column: exp.Column, wanted: exp.Column) -> None:
    """In place: a column of the derived table becomes the table's own, and an output keeps its name."""
    old = column.this
    if isinstance(column.parent, exp.Select) and column.arg_key == "expressions" and old.name != wanted.name:
        alias = exp.Alias(this=column.copy(), alias=old.copy())
        column.replace(alias)
        column = alias.this
    column.set("this", wanted.this.copy())


def _moved(copy: _Copy, name: str) -> list[exp.Expr]:
    """The derived table's conditions, about the table under its new name."""
    inner = copy.select.copy()
    for column in inner.find_all(exp.Column):
        if column.table == copy.table.alias_or_name:
            column.set("table", exp.to_identifier(name, quoted=identifier(name) != name))
    return conjuncts(inner.args.get("where"))


def _filter(outer: exp.Select, parent: exp.Expr | None, parts: list[exp.Expr]) -> None:
    """In place: the rows of the merged table must fulfil these conditions, or are padded where it was padded before."""
    if parts and isinstance(parent, exp.Join) and parent.side == "LEFT":
        both = [*conjuncts(parent.args.get("on")), *parts]
        parent.set("on", exp.and_(*(part.copy() for part in both), copy=False))
    elif parts:
        with_where(outer, [*conjuncts(outer.args.get("where")), *parts])
