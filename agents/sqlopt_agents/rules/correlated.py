"""Reads scalar aggregate subqueries that are tied to their outer row by equalities alone, and joins them instead.

Shared by the techniques correlated_to_join (one subquery) and merge_subqueries (several over the same rows).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlglot import exp

from sqlopt_env.trees.draft import Draft, conjuncts
from sqlopt_env.trees.reading import rename_source, sources
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import (
    compare_alike,
    free_names,
    fresh_name,
    has_only,
    has_star,
    names_of,
    schema_column,
    twin,
    with_where,
)

from .soundness import reads_for_each_row

_MARK = "#"  # no alias that a query can spell without quotes


@dataclass(frozen=True, slots=True)
class Lookup:
    """A subquery of `outer` that aggregates the rows whose `inner` columns equal the outer row's columns."""

    subquery: exp.Subquery
    outer: exp.Select
    inner: tuple[exp.Expr, ...]
    columns: tuple[exp.Expr, ...]  # of the outer SELECT, one for each of `inner`
    ties: tuple[type[exp.Binary], ...]  # how they are compared: by = or IS
    rows: exp.Select  # FROM and the WHERE that is left; its sources are numbered, so that aliases do not matter
    value: exp.Expr  # over the same names
    aliases: tuple[str, ...]  # what the sources were called

    @property
    def target(self) -> str:
        return f"{sources(self.rows)[0].name} by {', '.join(column.name for column in self.inner)}"

    @property
    def shape(self) -> tuple[int, str, str, str]:
        """Equal for subqueries that aggregate the same rows for the same outer row."""
        texts = [" ".join(node.sql() for node in nodes) for nodes in (self.inner, self.columns)]
        return id(self.outer), self.rows.sql(), texts[0], f"{texts[1]} {[tie.__name__ for tie in self.ties]}"


def lookups(draft: Draft, schema: Schema) -> list[Lookup]:
    """Every such subquery in a SELECT list, WHERE or ORDER BY.

    None where some column has its own collation: a subquery's value has none, a derived table's column has BINARY.
    """
    if any(column.collation != "BINARY" for table in schema.tables.values() for column in table.columns):
        return []
    found = [_lookup(node, schema) for node in draft.query.find_all(exp.Subquery)]
    return [lookup for lookup in found if lookup is not None]


def joined(draft: Draft, merged: Sequence[Lookup], schema: Schema) -> Draft:
    """The subqueries of one shape as one grouped derived table, joined to their SELECT."""
    tree = draft.query.copy()
    first = merged[0]
    name = fresh_name(draft, "d", schema)
    outer = twin(tree, first.outer)
    calls: dict[str, str] = {}
    places: list[tuple[exp.Expr, exp.Expr]] = []
    rows = first.rows.copy()
    keys = [f"k{i + 1}" if len(first.inner) > 1 else "k" for i in range(len(first.inner))]
    rows.set("expressions", [exp.alias_(column.copy(), key) for column, key in zip(first.inner, keys, strict=True)])
    for lookup in merged:
        value = exp.Paren(this=lookup.value.copy())
        for call in _calls(value):
            text = call.sql(dialect="sqlite")
            if text not in calls:
                calls[text] = f"agg{len(calls) + 1}"
                rows.append("expressions", exp.alias_(call.copy(), calls[text]))
            call.replace(_or_empty(call, exp.column(calls[text], table=name)))
        plain = isinstance(value.this, exp.Column | exp.Func) and not isinstance(value.this, exp.Binary)
        places.append((twin(tree, lookup.subquery), value.this if plain else value))
    rows.set("group", exp.Group(expressions=[column.copy() for column in first.inner]))
    for i, alias in enumerate(first.aliases):
        rename_source(rows, f"{_MARK}{i}", alias)
    pairs = zip(keys, first.columns, first.ties, strict=True)
    matches = [tie(this=exp.column(key, table=name), expression=column.copy()) for key, column, tie in pairs]
    derived = exp.Subquery(this=rows, alias=exp.TableAlias(this=exp.to_identifier(name)))
    for place, new in places:
        place.replace(new)
    outer.append("joins", exp.Join(this=derived, side="LEFT", on=exp.and_(*matches, copy=False)))
    return draft.with_query(tree)


def _or_empty(call: exp.Expr, column: exp.Column) -> exp.Expr:
    """The aggregate of no rows is NULL, as the padding of LEFT JOIN is, but for the counts."""
    inner = call.this if isinstance(call, exp.Filter) else call
    if isinstance(inner, exp.Count):
        return exp.Coalesce(this=column, expressions=[exp.Literal.number(0)])
    return column


def _calls(value: exp.Expr) -> list[exp.Expr]:
    """The aggregate calls in a value, each with its FILTER."""
    found = value.find_all(exp.Count, exp.Sum, exp.Avg, exp.Min, exp.Max)
    return [call.parent if isinstance(call.parent, exp.Filter) else call for call in found]


def _lookup(subquery: exp.Subquery, schema: Schema) -> Lookup | None:
    select, outer = subquery.this, subquery.parent_select
    if not isinstance(select, exp.Select) or outer is None or not _is_in_place(subquery, outer):
        return None
    if not has_only(select, "joins", "where") or select.args.get("from_") is None or len(select.expressions) != 1:
        return None
    if not all(isinstance(source, exp.Table) for source in sources(select)):
        return None
    mine, parts = names_of(select), conjuncts(select.args.get("where"))
    pairs = [_pair(part, select, outer, schema) for part in parts if free_names(part) - mine]
    matches = [pair for pair in pairs if pair is not None]
    rows = exp.Select(
        expressions=[select.expressions[0].unalias().copy(), *(inner.copy() for inner, _, _ in matches)],
        from_=select.args["from_"].copy(),
        joins=[join.copy() for join in select.args.get("joins") or []],
    )
    with_where(rows, [part for part in parts if not free_names(part) - mine])
    if not matches or len(matches) < len(pairs) or free_names(rows) or not _is_value(rows.expressions[0]):
        return None
    aliases = tuple(source.alias_or_name for source in sources(rows))
    for i, alias in enumerate(aliases):
        rename_source(rows, alias, f"{_MARK}{i}")
    value, *inner_columns = rows.expressions
    rows.set("expressions", [])
    columns, ties = tuple(column for _, column, _ in matches), tuple(tie for _, _, tie in matches)
    return Lookup(subquery, outer, tuple(inner_columns), columns, ties, rows, value, aliases)


def _is_in_place(subquery: exp.Subquery, outer: exp.Select) -> bool:
    """A scalar subquery of a SELECT to which one more joined source does no harm."""
    top: exp.Expr = subquery
    while top.parent is not outer and top.parent is not None:
        top = top.parent
    if top.arg_key not in ("expressions", "where", "order") or isinstance(subquery.parent, exp.In | exp.Exists):
        return False
    cut = (outer.args.get("limit") or outer.args.get("offset")) and not outer.args.get("order")
    here = bool(outer.args.get("from_")) and reads_for_each_row(outer, subquery)
    return here and not has_star(outer) and not cut


def _pair(
    part: exp.Expr, select: exp.Select, outer: exp.Select, schema: Schema
) -> tuple[exp.Expr, exp.Expr, type[exp.Binary]] | None:
    """(inner column, outer column, = or IS) of an equality between declared columns of the same type."""
    if not isinstance(part, exp.EQ | exp.NullSafeEQ):
        return None
    for inner, column in ((part.left, part.right), (part.right, part.left)):
        if compare_alike(schema_column(inner, select, schema), schema_column(column, outer, schema)):
            return inner, column, type(part)
    return None


def _is_value(value: exp.Expr) -> bool:
    """Made of COUNT, SUM, AVG, MIN and MAX and of constants, and of at least one of the former."""
    bare = exp.Paren(this=value.copy())
    calls = _calls(bare)
    for call in calls:
        if any(isinstance(node, exp.Query) for node in call.walk()):
            return False
        call.replace(exp.Literal.number(1))
    left = (exp.Column, exp.AggFunc, exp.Anonymous, exp.Query, exp.Window, exp.Star, exp.Filter)
    return bool(calls) and not any(isinstance(node, left) for node in bare.walk())
