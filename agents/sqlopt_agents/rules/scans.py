"""Reads scalar subqueries that aggregate all the rows of a FROM and a WHERE and look at no outer row.

Shared by merge_scans (a SELECT of nothing else) and scalar_once (beside other columns).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlglot import exp

from sqlopt_env.trees.draft import conjuncts
from sqlopt_env.trees.reading import rename_source, sources
from sqlopt_env.trees.selects import free_names, has_only, inner_joins_only

_MARK = "#"  # no alias that a query can spell without quotes
_KNOWN = (exp.Count, exp.Sum, exp.Avg, exp.Min, exp.Max)


@dataclass(frozen=True, slots=True)
class Scan:
    """A subquery of one row. Its sources are numbered in all that follows, so that aliases do not matter."""

    subquery: exp.Subquery
    rows: exp.Select  # FROM and joins
    parts: tuple[exp.Expr, ...]  # of WHERE and ON
    value: exp.Expr
    aliases: tuple[str, ...]  # what the sources were called

    @property
    def shape(self) -> str:
        """Equal for scans of the same sources."""
        return self.rows.sql()


def scan(subquery: exp.Expr) -> Scan | None:
    """None where a node is no such subquery."""
    select = subquery.this if isinstance(subquery, exp.Subquery) else None
    if not isinstance(subquery, exp.Subquery) or not isinstance(select, exp.Select):
        return None
    if not has_only(select, "joins", "where") or len(select.expressions) != 1 or not sources(select):
        return None
    nested = any(isinstance(node, exp.Query | exp.Window) for node in select.walk() if node is not select)
    if nested or not all(isinstance(source, exp.Table) for source in sources(select)) or not inner_joins_only(select):
        return None
    copy = select.copy()
    aliases = tuple(source.alias_or_name for source in sources(copy))
    if free_names(copy) or not _is_value(copy.expressions[0].unalias()):
        return None
    for i, alias in enumerate(aliases):
        rename_source(copy, alias, f"{_MARK}{i}")
    parts = conjuncts(copy.args.get("where"))
    for join in copy.args.get("joins") or []:
        parts += conjuncts(join.args.get("on"))
        join.set("on", None)
    value = copy.expressions[0].unalias()
    copy.set("where", None)
    copy.set("expressions", [])
    return Scan(subquery, copy, tuple(parts), value, aliases)


def merged(scans: Sequence[Scan]) -> tuple[exp.Select, list[exp.Expr]]:
    """(FROM and WHERE of one scan of them all, their values over it): what only some of them demand goes to FILTER."""
    first = scans[0]
    common = [part for part in first.parts if all(part in scan.parts for scan in scans)]
    values = []
    for scan in scans:
        wanted = [part for part in scan.parts if part not in common]
        value = exp.Paren(this=scan.value.copy())
        for call in calls(value) if wanted else ():
            inside = call.this if isinstance(call, exp.Filter) else call
            own = [call.expression.this] if isinstance(call, exp.Filter) else []
            condition = exp.and_(*(part.copy() for part in (*wanted, *own)), copy=False)
            call.replace(exp.Filter(this=inside.copy(), expression=exp.Where(this=condition)))
        values.append(value)
    rows = first.rows.copy()
    rows.set("expressions", values)
    if common:
        rows.set("where", exp.Where(this=exp.and_(*(part.copy() for part in common), copy=False)))
    for i, alias in enumerate(first.aliases):
        rename_source(rows, f"{_MARK}{i}", alias)
    rows.set("expressions", [])
    return rows, [value.this.pop() for value in values]


def calls(value: exp.Expr) -> list[exp.Expr]:
    """The aggregate calls in a value, each with its FILTER."""
    found = list(value.find_all(exp.AggFunc))
    return [call.parent if isinstance(call.parent, exp.Filter) else call for call in found]


def _is_value(value: exp.Expr) -> bool:
    """Made of COUNT, SUM, AVG, MIN and MAX and of constants, and of at least one of the former."""
    bare = exp.Paren(this=value.copy())
    found = calls(bare)
    for call in found:
        inside = call.this if isinstance(call, exp.Filter) else call
        if not isinstance(inside, _KNOWN) or inside.expressions:
            return False
        call.replace(exp.Literal.number(1))
    left = (exp.Column, exp.AggFunc, exp.Anonymous, exp.Star)
    return bool(found) and not any(isinstance(node, left) for node in bare.walk())
