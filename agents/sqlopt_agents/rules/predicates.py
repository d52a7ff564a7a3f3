"""What the index techniques ask of a SELECT: which columns it filters, joins, sorts and groups by, and reads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from sqlglot import exp

from sqlopt_env.trees.draft import conjuncts, identifier, own_nodes, tables_of
from sqlopt_env.trees.schema import Schema, Table

from .index_parts import expression_part, indexable

Comparison = Literal["equality", "range"]
_RANGES = (exp.LT, exp.LTE, exp.GT, exp.GTE, exp.Between)


def conditions(select: exp.Select) -> list[exp.Expr]:
    """All conjuncts of WHERE and of the joins' ON."""
    parts = conjuncts(select.args.get("where"))
    for join in select.args.get("joins") or []:
        parts += conjuncts(join.args.get("on"))
    return parts


def filtered_columns(select: exp.Select, schema: Schema) -> Iterator[tuple[Table, str, Comparison]]:
    """(table, column, comparison) where a column of this SELECT is compared with something fixed for it.

    A column of an outer query counts as fixed: that is what a correlated subquery searches by.
    """
    tables = tables_of(select, schema)
    for part in conditions(select):
        for comparison in [part, *(part.flatten() if isinstance(part, exp.Or) else [])]:
            kind = _kind(comparison)
            if kind is None:
                continue
            sides = (comparison.this, comparison.args.get("expression"))
            for side, other in (sides, sides[::-1]):
                if not isinstance(side, exp.Column) or side.table not in tables:
                    continue
                if other is not None and any(column.table in tables for column in other.find_all(exp.Column)):
                    continue
                if tables[side.table].column(side.name):
                    yield tables[side.table], side.name, kind


def _kind(condition: exp.Expr) -> Comparison | None:
    if isinstance(condition, exp.EQ | exp.In | exp.Is):
        return "equality"
    return "range" if isinstance(condition, _RANGES) else None


def joined_columns(select: exp.Select, schema: Schema) -> Iterator[tuple[Table, str]]:
    """(table, column) of both sides of `a.x = b.y` between sources of this SELECT."""
    tables = tables_of(select, schema)
    sources = {source.alias_or_name for source in own_nodes(select, exp.Table, exp.Subquery)}
    for part in conditions(select):
        if not isinstance(part, exp.EQ):
            continue
        left, right = part.left, part.right
        if isinstance(left, exp.Column) and isinstance(right, exp.Column) and left.table != right.table:
            for side, other in ((left, right), (right, left)):
                if side.table in tables and other.table in sources and tables[side.table].column(side.name):
                    yield tables[side.table], side.name


def read_columns(select: exp.Select, source: str) -> list[str]:
    """Every column of one source that this SELECT or a subquery in it reads, in the order of appearance."""
    names = [column.name for column in select.find_all(exp.Column) if column.table == source]
    return list(dict.fromkeys(names))


@dataclass(frozen=True, slots=True)
class Access:
    """How one SELECT uses one of its plain tables: column lists in the order of appearance, without repeats."""

    source: str
    table: Table
    equal: list[str]  # compared by = or IN with something fixed
    ranges: list[str]
    joins: list[str]
    order: list[str]  # ORDER BY as index parts, where all its terms are of this table
    group: list[str]  # and GROUP BY
    read: list[str]


def accesses(select: exp.Select, schema: Schema) -> Iterator[Access]:
    """One for each plain table of this SELECT."""
    tables = tables_of(select, schema)
    order, group = order_parts(select, schema, expressions=True), group_parts(select, schema)
    for source, table in tables.items():
        equal: list[str] = []
        ranges: list[str] = []
        joins: list[str] = []
        for part in conditions(select):
            kind = _kind(part)
            sides = (part.this, part.args.get("expression"))
            for side, other in (sides, sides[::-1]) if kind else ():
                if not isinstance(side, exp.Column) or side.table != source or not table.column(side.name):
                    continue
                others = {column.table for column in other.find_all(exp.Column)} if other is not None else set()
                if not others & set(tables):
                    (equal if kind == "equality" else ranges).append(side.name)
                elif kind == "equality" and isinstance(other, exp.Column) and source not in others:
                    joins.append(side.name)
        yield Access(
            source,
            table,
            list(dict.fromkeys(equal)),
            list(dict.fromkeys(ranges)),
            list(dict.fromkeys(joins)),
            order[1] if order and order[0] == source else [],
            group[1] if group and group[0] == source else [],
            [name for name in read_columns(select, source) if table.column(name)],
        )


def order_parts(select: exp.Select, schema: Schema, *, expressions: bool = False) -> tuple[str, list[str]] | None:
    """(source, index parts) where every ORDER BY term is a column, or an expression if wanted, of one plain table."""
    order = select.args.get("order")
    named = output_names(select)
    wanted, descending = [], []
    for term in order.expressions if order is not None else []:
        value = term.this
        if isinstance(value, exp.Column) and not value.table:
            value = named.get(value.name, value)
        is_down = bool(term.args.get("desc"))
        if bool(term.args.get("nulls_first")) == is_down:
            return None  # SQLite's indexes hold NULL first
        wanted.append(value)
        descending.append(is_down)
    found = _of_one_table(wanted, select, schema, expressions=expressions)
    if found is None:
        return None
    mixed = len(set(descending)) > 1
    parts = [
        f"{part if '(' in part else identifier(part)} DESC" if mixed and is_down else part
        for part, is_down in zip(found[1], descending, strict=True)
    ]
    return found[0], list(dict.fromkeys(parts))


def output_names(select: exp.Select) -> dict[str, exp.Expr]:
    """What each name stands for in ORDER BY: the first output that bears it."""
    return {item.alias: item.unalias() for item in reversed(select.expressions) if item.alias}


def group_parts(select: exp.Select, schema: Schema) -> tuple[str, list[str]] | None:
    """(source, index parts) where GROUP BY names columns, or expressions, of one plain table."""
    group = select.args.get("group")
    return _of_one_table(group.expressions, select, schema, expressions=True) if group is not None else None


def _of_one_table(
    wanted: list[exp.Expr], select: exp.Select, schema: Schema, *, expressions: bool
) -> tuple[str, list[str]] | None:
    read = {column.table for value in wanted for column in value.find_all(exp.Column)}
    table = tables_of(select, schema).get(min(read)) if len(read) == 1 else None
    if table is None:
        return None
    parts = []
    for value in wanted:
        if isinstance(value, exp.Column) and table.column(value.name):
            parts.append(value.name)
        elif expressions and not isinstance(value, exp.Column) and indexable(value, select, schema):
            parts.append(expression_part(value))
        else:
            return None
    return min(read), parts
