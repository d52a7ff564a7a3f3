"""Reads a grouped join as rows that are grouped and the many rows of other tables that are aggregated for them.

Shared by aggregate_before_join and aggregate_in_parts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlglot import exp

from sqlopt_env.trees.draft import conjuncts, own_nodes, tables_of
from sqlopt_env.trees.reading import sources
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import compare_alike, free_names, has_only, has_star, key_in, schema_column

from .keys import settled
from .scans import calls
from .soundness import ORDERLESS, is_never_padded


@dataclass(frozen=True, slots=True)
class ManySide:
    """A table that is only aggregated. `ties` are equalities `own column = column of a kept source`."""

    name: str
    source: exp.Expr
    is_left: bool
    is_only: bool  # the one table of its kind, to which COUNT(*) belongs
    ties: tuple[exp.EQ, ...]
    own: tuple[exp.Expr, ...]

    def owns(self, call: exp.Expr) -> bool:
        names = {column.table for column in call.find_all(exp.Column)}
        return names == {self.name} or (not names and self.is_only)

    def value(self, call: exp.Expr, column: exp.Column) -> exp.Expr:
        """The call's value for a kept row, which LEFT JOIN leaves NULL where there were no rows."""
        inner = call.this if isinstance(call, exp.Filter) else call
        if self.is_left and isinstance(inner, exp.Count):
            return exp.Coalesce(this=column, expressions=[exp.Literal.number(0)])
        return column


@dataclass(frozen=True, slots=True)
class Grouping:
    select: exp.Select
    kept: tuple[exp.Expr, ...]  # the sources that are read outside of aggregates, which no outer join pads
    conditions: tuple[exp.Expr, ...]  # on those alone
    sides: tuple[ManySide, ...]
    calls: tuple[exp.Expr, ...]  # the aggregates
    is_settled: bool  # a group has one row of the kept sources


def read_grouping(select: exp.Select, schema: Schema) -> Grouping | None:
    """None where the SELECT is no such join."""
    group, tables = select.args.get("group"), tables_of(select, schema)
    plain = has_only(select, "joins", "where", "group", "having", "order", "limit", "offset")
    if not plain or group is None or has_star(select) or not 1 < len(tables) == len(sources(select)):
        return None
    nested = any(isinstance(node, exp.Query) for node in select.walk() if node is not select)
    if nested or own_nodes(select, exp.Window) or {k for k, v in group.args.items() if v} != {"expressions"}:
        return None
    shown = [*select.expressions, select.args.get("having"), select.args.get("order")]
    aggregated = [call for clause in shown if clause is not None for call in calls(clause)]
    inside = {id(column) for call in aggregated for column in call.find_all(exp.Column)}
    clauses = [*shown, group]
    outside = {
        column.table
        for clause in clauses
        if clause is not None
        for column in clause.find_all(exp.Column)
        if id(column) not in inside and column.table
    }
    many = [name for name in tables if name not in outside]
    if not many or not outside or not all(_is_known(call, many) for call in aggregated):
        return None
    return _read(select, schema, outside, many, aggregated)


def _read(
    select: exp.Select, schema: Schema, outside: set[str], many: list[str], aggregated: list[exp.Expr]
) -> Grouping | None:
    joins = {join.this.alias_or_name: join for join in select.args.get("joins") or []}
    inner = [part for join in joins.values() if not join.side for part in conjuncts(join.args.get("on"))]
    parts = [*conjuncts(select.args.get("where")), *inner]
    if any(join.side not in ("", "LEFT") or join.method or join.args.get("using") for join in joins.values()):
        return None
    if not all(is_never_padded(select, name) for name in outside):
        return None
    about_kept = [part for part in parts if free_names(part) <= outside]
    sides = [_side(select, name, joins.get(name), parts, schema, outside) for name in many]
    if len(many) == 1:
        sides = [replace(side, is_only=True) for side in sides if side is not None]
    found = [side for side in sides if side is not None]
    placed = sum(len(side.own) + len(side.ties) for side in found if not side.is_left) + len(about_kept)
    if len(found) < len(many) or placed < len(parts):
        return None
    if len(found) > 1 and not all(_ignores_repeats(call) for call in aggregated):
        return None
    padded = [side for side in found if side.is_left]
    if any(side.owns(call) and not _ignores_padding(call) for side in padded for call in aggregated):
        return None
    kept = tuple(source for source in sources(select) if source.alias_or_name in outside)
    is_settled = outside <= settled(select, select.args["group"].expressions, about_kept, schema)
    return Grouping(select, kept, tuple(about_kept), tuple(found), tuple(aggregated), is_settled)


def _side(
    select: exp.Select, name: str, join: exp.Join | None, parts: list[exp.Expr], schema: Schema, outside: set[str]
) -> ManySide | None:
    is_left = join is not None and bool(join.side)
    mine = [part for part in parts if name in free_names(part)]
    if is_left and mine:
        return None  # a condition of WHERE on what LEFT JOIN may have padded
    if is_left and join is not None:
        mine = conjuncts(join.args.get("on"))
    ties: list[exp.EQ] = []
    own: list[exp.Expr] = []
    for part in mine:
        tie = _tie(part, name, select, schema)
        if tie is not None and tie.expression.table in outside:
            ties.append(tie)
        elif free_names(part) <= {name}:
            own.append(part)
        else:
            return None
    if key_in([tie.this for tie in ties], name, tables_of(select, schema)[name].keys):
        return None  # one row for each: nothing to gain
    source = next(source for source in sources(select) if source.alias_or_name == name)
    return ManySide(name, source, is_left, False, tuple(ties), tuple(own)) if ties else None


def _tie(part: exp.Expr, name: str, select: exp.Select, schema: Schema) -> exp.EQ | None:
    if not isinstance(part, exp.EQ):
        return None
    for own, other in ((part.left, part.right), (part.right, part.left)):
        if not isinstance(own, exp.Column) or not isinstance(other, exp.Column) or own.table != name:
            continue
        declared = schema_column(own, select, schema), schema_column(other, select, schema)
        if other.table != name and compare_alike(*declared):
            return exp.EQ(this=own, expression=other)
    return None


def _is_known(call: exp.Expr, many: list[str]) -> bool:
    inner = call.this if isinstance(call, exp.Filter) else call
    names = {column.table for column in call.find_all(exp.Column)}
    one = (len(names) == 1 and names <= set(many)) or (not names and len(many) == 1)
    return isinstance(inner, ORDERLESS) and not inner.expressions and one


def _ignores_repeats(call: exp.Expr) -> bool:
    inner = call.this if isinstance(call, exp.Filter) else call
    return isinstance(inner, exp.Min | exp.Max) or isinstance(inner.this, exp.Distinct)


def _ignores_padding(call: exp.Expr) -> bool:
    """The row of NULLs that LEFT JOIN makes up adds nothing to this aggregate."""
    inner = call.this if isinstance(call, exp.Filter) else call
    values = inner.this.expressions if isinstance(inner.this, exp.Distinct) else [inner.this]
    return len(values) == 1 and is_null_of_nulls(values[0])


def is_null_of_nulls(node: exp.Expr | None) -> bool:
    """Certainly NULL where all its columns are NULL: a column, arithmetic, comparisons, CASE that falls through."""
    if isinstance(node, exp.Column | exp.Null):
        return True
    if isinstance(node, exp.Paren | exp.Neg):
        return is_null_of_nulls(node.this)
    if isinstance(node, exp.Add | exp.Sub | exp.Mul | exp.Div | exp.EQ | exp.NEQ | exp.GT | exp.GTE | exp.LT | exp.LTE):
        return is_null_of_nulls(node.left) or is_null_of_nulls(node.right)
    if isinstance(node, exp.Case) and node.this is None:
        otherwise = node.args.get("default")
        return all(is_null_of_nulls(case.this) for case in node.args["ifs"]) and (
            otherwise is None or is_null_of_nulls(otherwise)
        )
    return False
