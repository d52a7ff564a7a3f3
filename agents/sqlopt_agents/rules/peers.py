"""Reads correlated subqueries that look at other rows of a table which their outer SELECT reads itself.

Shared by the techniques that put a window in their place: partition_to_window, running_to_window, rank_to_window and
first_to_row_number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlglot import exp

from sqlopt_env.trees.draft import conjuncts, tables_of
from sqlopt_env.trees.reading import sources
from sqlopt_env.trees.schema import Schema, Table
from sqlopt_env.trees.selects import free_names, has_only, key_in

from .soundness import has_nested, is_never_padded, renamed

_DOWN: dict[type[exp.Expr], tuple[bool, bool]] = {  # inner kind outer: (sorts from high to low, its own row is in)
    exp.LT: (False, False), exp.LTE: (False, True), exp.GT: (True, False), exp.GTE: (True, True),
}  # fmt: skip
_MIRRORED: dict[type[exp.Expr], type[exp.Expr]] = {
    exp.LT: exp.GT,
    exp.GT: exp.LT,
    exp.LTE: exp.GTE,
    exp.GTE: exp.LTE,
    exp.EQ: exp.EQ,
}
_STRICT: dict[type[exp.Expr], type[exp.Expr]] = {exp.LTE: exp.LT, exp.GTE: exp.GT}
Term = tuple[str, bool]  # column, whether it sorts from high to low


@dataclass(frozen=True, slots=True)
class Peers:
    """The rows of `source`'s own table that a subquery reads for each row of it."""

    select: exp.Select  # the subquery
    outer: exp.Select
    source: str  # of `outer`
    inner: str  # what the subquery calls the same table
    table: Table
    partition: tuple[str, ...]  # columns that the rows share
    filled: tuple[str, ...]  # those of the partition that can be NULL and then share nothing
    own: tuple[exp.Expr, ...]  # conditions on the other row alone, over `inner`
    terms: tuple[Term, ...]  # what sorts the rows, where only those before this one are read; () for all
    with_self: bool  # whether this row, and those that tie with it, are read as well

    @property
    def is_total(self) -> bool:
        """No two rows tie."""
        return key_in([exp.column(name, table="") for name, _ in self.terms], "", self.table.keys)

    @property
    def target(self) -> str:
        words = [f"{name} DESC" if down else name for name, down in self.terms]
        return f"{self.table.name} by {', '.join([*self.partition, *words])}"


def peers(select: exp.Expr, schema: Schema, *clauses: str) -> Peers | None:
    """None where a subquery (a SELECT with WHERE and at most these clauses) is not of this kind."""
    outer = select.parent_select
    if not isinstance(select, exp.Select) or not has_only(select, "where", *clauses) or outer is None:
        return None
    tables = tables_of(select, schema)
    if len(tables) != 1 or len(sources(select)) != 1 or has_nested([*select.expressions]):
        return None
    inner, table = next(iter(tables.items()))
    parts = conjuncts(select.args.get("where"))
    ties = [part for part in parts if free_names(part) - {inner}]
    own = [part for part in parts if not free_names(part) - {inner}]
    names = {name for part in ties for name in free_names(part)} - {inner}
    source = next(iter(names), "")
    if len(names) != 1 or tables_of(outer, schema).get(source) is not table or has_nested(parts):
        return None
    if not is_never_padded(outer, source) or free_names(select) - {source}:
        return None
    partition: list[str] = []
    filled: list[str] = []
    before: list[exp.Expr] = []
    for part in ties:
        shared = _shared(part, inner, source, table)
        if shared is None:
            before.append(part)
            continue
        declared = table.column(shared)
        partition.append(shared)
        if declared is not None and not declared.not_null and isinstance(part, exp.EQ):
            filled.append(shared)
    found = _before(before[0], inner, source, table) if len(before) == 1 else ((), False)
    if len(before) > 1 or found is None:
        return None
    return Peers(select, outer, source, inner, table, tuple(partition), tuple(filled), tuple(own), *found)


def is_implied(found: Peers) -> bool:
    """Every row of the source that the outer SELECT keeps fulfils the conditions on the other rows."""
    outer_parts = {part.sql() for part in conjuncts(found.outer.args.get("where"))}
    return all(renamed(part, found.inner, found.source).sql() in outer_parts for part in found.own)


def _sides(part: exp.Expr, inner: str) -> tuple[exp.Expr, type[exp.Expr], exp.Expr] | None:
    """(inner side, kind, outer side) of a comparison."""
    kind = type(part)
    if kind not in _MIRRORED and kind is not exp.NullSafeEQ:
        return None
    assert isinstance(part, exp.Binary)
    if free_names(part.left) == {inner}:
        return part.left, kind, part.right
    return part.right, _MIRRORED.get(kind, kind), part.left


def _shared(part: exp.Expr, inner: str, source: str, table: Table) -> str | None:
    """The column that `inner.column = source.column` (or IS) says is the same."""
    read = _sides(part, inner)
    if read is None or read[1] not in (exp.EQ, exp.NullSafeEQ):
        return None
    return _same_column(read[0], read[2], inner, source, table)


def _same_column(one: exp.Expr, other: exp.Expr, inner: str, source: str, table: Table) -> str | None:
    if not isinstance(one, exp.Column) or not isinstance(other, exp.Column):
        return None
    alike = one.name.lower() == other.name.lower() and (one.table, other.table) == (inner, source)
    return one.name if alike and table.column(one.name) else None


def _before(part: exp.Expr, inner: str, source: str, table: Table) -> tuple[tuple[Term, ...], bool] | None:
    """(terms, with_self) of the condition that the other row sorts before this one, by columns that are never NULL."""
    cases = [_case(case.unnest(), inner, source, table) for case in _alternatives(part)]
    if any(case is None for case in cases):
        return None
    read = sorted([case for case in cases if case is not None], key=lambda case: len(case[0]))
    equal, term, with_self = read[-1]
    terms = (*equal, term[0])
    downs = []
    for i, (prefix, (name, down), level) in enumerate(read):
        if prefix != terms[:i] or name != terms[i] or (level and i < len(read) - 1):
            return None
        downs.append(down)
    filled = all((column := table.column(name)) is not None and column.not_null for name in terms)
    if len(read) != len(terms) or len(set(terms)) < len(terms) or not filled:
        return None
    return tuple(zip(terms, downs, strict=True)), with_self


def _alternatives(part: exp.Expr) -> Sequence[exp.Expr]:
    """The cases of `a < x OR (a = x AND b < y)`, also where it is written as `(a, b) < (x, y)`."""
    part = part.unnest()
    if isinstance(part, exp.Or):
        return list(part.flatten())
    left, right = part.args.get("this"), part.args.get("expression")
    if not isinstance(left, exp.Tuple) or not isinstance(right, exp.Tuple) or type(part) not in _DOWN:
        return [part]
    pairs = list(zip(left.expressions, right.expressions, strict=False))
    strict = _STRICT.get(type(part), type(part))
    cases = []
    for i, (one, other) in enumerate(pairs):
        equal = [exp.EQ(this=a.copy(), expression=b.copy()) for a, b in pairs[:i]]
        kind = type(part) if i == len(pairs) - 1 else strict
        cases.append(exp.and_(*equal, kind(this=one.copy(), expression=other.copy()), copy=False))
    return cases if len(left.expressions) == len(right.expressions) else [part]


def _case(part: exp.Expr, inner: str, source: str, table: Table) -> tuple[tuple[str, ...], Term, bool] | None:
    """(columns that are equal, the column that sorts, whether equal ones are in) of one alternative."""
    parts = conjuncts(part)
    ties = [tie for tie in parts if isinstance(tie, exp.EQ)]
    lasts = [last for last in parts if type(last) in _DOWN]
    if len(lasts) != 1 or len(ties) + 1 < len(parts):
        return None
    read = _sides(lasts[0], inner)
    name = _same_column(read[0], read[2], inner, source, table) if read is not None else None
    equal = [_shared(tie, inner, source, table) for tie in ties]
    if read is None or name is None or None in equal:
        return None
    down, with_self = _DOWN[read[1]]
    return tuple(column for column in equal if column is not None), (name, down), with_self
