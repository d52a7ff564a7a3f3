"""Reads derived tables that are grouped by the key they are joined by, and aggregates that stand for themselves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlglot import exp

from sqlopt_env.trees.draft import Draft, conjuncts, own_nodes
from sqlopt_env.trees.reading import sources
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import aggregates, compare_alike, has_only, schema_column, selects, with_where

from .queries import conditions_of, is_binary

_AGGREGATES = (exp.Count, exp.Sum, exp.Avg, exp.Min, exp.Max)
_ARITHMETIC = (exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod)


@dataclass(frozen=True, slots=True)
class Grouped:
    """A derived table of `outer` with one row for each value of its keys, joined by equality of all of them."""

    outer: exp.Select
    source: exp.Subquery
    is_left: bool
    matches: tuple[exp.Expr, ...]  # the equalities, as they stand in ON or WHERE
    ties: tuple[exp.Expr, ...]  # the same between the inner and the outer columns
    values: dict[str, exp.Expr]  # outputs that aggregate

    def lookup(self, output: str) -> exp.Subquery:
        """The correlated subquery that gives an output for the outer row."""
        inner = self.source.this.copy()
        inner.set("group", None)
        inner.set("expressions", [self.values[output].copy()])
        return exp.Subquery(this=with_where(inner, [*conjuncts(inner.args.get("where")), *self.ties]))

    def uses(self) -> list[exp.Column]:
        """The columns of the derived table that are read beside the equalities."""
        tied = {id(column) for match in self.matches for column in match.find_all(exp.Column)}
        name = self.source.alias
        return [column for column in self.outer.find_all(exp.Column) if column.table == name and id(column) not in tied]


def grouped_joins(draft: Draft, schema: Schema) -> Iterator[Grouped]:
    for outer in selects(draft) if is_binary(schema) else ():
        for source in sources(outer):
            join = source.parent
            is_left = isinstance(join, exp.Join) and join.side == "LEFT"
            if not isinstance(source, exp.Subquery) or not _is_grouped(source.this):
                continue
            if join is not None and not is_left and any(other.side for other in outer.args.get("joins") or []):
                continue
            conditions = conjuncts(join.args.get("on")) if is_left and join is not None else conditions_of(outer)
            matches = {id(part): tie for part in conditions if (tie := _tie(part, source, outer, schema)) is not None}
            tied = [tie.this.sql() for tie in matches.values()]
            if sorted(tied) != sorted(column.sql() for column in source.this.args["group"].expressions):
                continue
            if is_left and len(matches) < len(conditions):
                continue
            values = {item.alias: item.unalias() for item in source.this.expressions}
            aggregated = {name: value for name, value in values.items() if _is_known_of_none(value)}
            parts = tuple(part for part in conditions if id(part) in matches)
            yield Grouped(outer, source, is_left, parts, tuple(matches.values()), aggregated)


def is_aggregated(value: exp.Expr) -> bool:
    """An expression of COUNT, SUM, AVG, MIN and MAX and of constants, with at least one of the former."""
    if any(isinstance(node, exp.Query | exp.Window | exp.Anonymous) for node in value.walk()):
        return False
    bare = exp.Paren(this=value.copy())
    calls = [call for call in bare.find_all(*_AGGREGATES) if call.find_ancestor(*_AGGREGATES) is None]
    for call in calls:
        if call.args.get("expressions"):
            return False  # MIN and MAX of several values are no aggregates
        place = call.parent if isinstance(call.parent, exp.Filter) else call
        place.replace(exp.Null())
    return bool(calls) and bare.find(exp.Column, exp.AggFunc) is None


def is_null_of_none(value: exp.Expr) -> bool:
    """An expression of aggregates that is NULL when there are no rows."""
    if isinstance(value, exp.Sum | exp.Avg | exp.Min | exp.Max):
        return True
    if isinstance(value, _ARITHMETIC):
        return is_null_of_none(value.this) or is_null_of_none(value.expression)
    return isinstance(value, exp.Paren | exp.Neg | exp.Round | exp.Filter) and is_null_of_none(value.this)


def reads_only(select: exp.Select, column: exp.Column) -> bool:
    """The column stands where a correlated subquery may: one value for each row, not for each group or window."""
    if column.parent_select is not select or own_nodes(select, exp.Window):
        return False
    if not select.args.get("group") and not aggregates(select):
        return True
    below: exp.Expr = column
    while below.parent is not None and below.parent is not select:
        below = below.parent
        if isinstance(below, exp.AggFunc) and below.parent_select is select:
            return True
    return below.arg_key in ("where", "joins")


def _is_grouped(select: exp.Expr) -> bool:
    if not isinstance(select, exp.Select) or not has_only(select, "joins", "where", "group"):
        return False
    group = select.args.get("group")
    if group is None or {key for key, value in group.args.items() if value} != {"expressions"}:
        return False
    return all(isinstance(column, exp.Column) for column in group.expressions)


def _is_known_of_none(value: exp.Expr) -> bool:
    """A count, or an expression that is NULL when there are no rows."""
    return is_aggregated(value) and (isinstance(value, exp.Count) or is_null_of_none(value))


def _tie(part: exp.Expr, source: exp.Subquery, outer: exp.Select, schema: Schema) -> exp.EQ | None:
    """`derived.key = outer column` as `inner column = outer column`."""
    if not isinstance(part, exp.EQ):
        return None
    named = {item.alias: item.unalias() for item in source.this.expressions}
    for key, column in ((part.left, part.right), (part.right, part.left)):
        if not isinstance(key, exp.Column) or key.table != source.alias:
            continue
        inner = named.get(key.name)
        declared = schema_column(inner, source.this, schema) if inner is not None else None
        if inner is not None and compare_alike(declared, schema_column(column, outer, schema)):
            return exp.EQ(this=inner.copy(), expression=column.copy())
    return None
