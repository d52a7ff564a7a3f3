"""What the index techniques ask of a SELECT: which columns it filters, joins, sorts and groups by, and reads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from sqlglot import exp

from .base import Schema, Table, conjuncts, own_nodes, tables_of

Comparison = Literal["equality", "range"]
_RANGES = (exp.LT, exp.LTE, exp.GT, exp.GTE, exp.Between)


def conditions(select: exp.Select) -> list[exp.Expression]:
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


def _kind(condition: exp.Expression) -> Comparison | None:
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
