"""Small questions about a SELECT, and the few ways to change a copy of one. Techniques are written in these terms."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from sqlglot import exp

from .draft import Draft, own_nodes, tables_of
from .reading import fresh, sources
from .schema import Column, Schema

Node = TypeVar("Node", bound=exp.Expr)
_MIRRORED: dict[type[exp.Expr], type[exp.Binary]] = {
    exp.EQ: exp.EQ, exp.NEQ: exp.NEQ, exp.LT: exp.GT, exp.LTE: exp.GTE, exp.GT: exp.LT, exp.GTE: exp.LTE,
}  # fmt: skip
_AGGREGATES = {"total", "percentile", "percentile_cont", "percentile_disc", "jsonb_group_array", "jsonb_group_object"}


def selects(draft: Draft) -> list[exp.Select]:
    return list(draft.query.find_all(exp.Select))


def twin(tree: exp.Expr, node: Node) -> Node:
    """The node at the same place of `tree`, a copy of the node's own tree."""
    path: list[tuple[str, int | None]] = []
    above: exp.Expr = node
    while above.parent is not None:
        path.append((str(above.arg_key), above.index))
        above = above.parent
    here = tree
    for key, index in reversed(path):
        value = here.args[key]
        here = value if index is None else value[index]
    assert type(here) is type(node)
    return here


def replaced(draft: Draft, node: exp.Expr, new: exp.Expr) -> Draft:
    """The draft with `new` in the place of one node, in parentheses where its operator would not hold together."""
    if node.parent is None:
        assert isinstance(new, exp.Query)
        return draft.with_query(new)
    tree = draft.query.copy()
    alone = isinstance(node.parent, exp.Where | exp.Having | exp.Paren | exp.Alias | exp.Select)
    connected = isinstance(node.parent, exp.And | exp.Or) and isinstance(new, exp.Not | type(node.parent))
    loose = isinstance(new, exp.And | exp.Or | exp.Not)
    twin(tree, node).replace(exp.paren(new, copy=False) if loose and not alone and not connected else new)
    return draft.with_query(tree)


def has_only(select: exp.Expr, *clauses: str) -> bool:
    """Whether a SELECT has a FROM, expressions and at most these clauses."""
    filled = {key for key, value in select.args.items() if value}
    return isinstance(select, exp.Select) and filled <= {"expressions", "from_", *clauses}


def names_of(select: exp.Select) -> set[str]:
    return {source.alias_or_name for source in sources(select)}


def fresh_name(draft: Draft, name: str, schema: Schema) -> str:
    """An alias that no source of the draft has."""
    taken = {name for select in selects(draft) for name in names_of(select)}
    taken |= {cte.alias for cte in draft.query.find_all(exp.CTE)} | set(schema.tables)
    return fresh(name, taken)


def inner_joins_only(select: exp.Select) -> bool:
    joins = select.args.get("joins") or []
    return not any(join.side or join.method or join.args.get("using") for join in joins)


def free_names(node: exp.Expr) -> set[str]:
    """Names of the sources that a node reads and does not itself bring along."""
    brought = {name for select in node.find_all(exp.Select) for name in names_of(select)}
    return {column.table for column in node.find_all(exp.Column)} - brought


def is_aggregate(node: exp.Expr) -> bool:
    by_name = isinstance(node, exp.Anonymous) and node.name.lower() in _AGGREGATES
    return (isinstance(node, exp.AggFunc) or by_name) and not isinstance(node.parent, exp.Window)


def aggregates(select: exp.Select) -> list[exp.Expr]:
    """The aggregate calls of this SELECT itself."""
    return [node for node in own_nodes(select, exp.AggFunc, exp.Anonymous) if is_aggregate(node)]


def is_plain(select: exp.Select) -> bool:
    """One result row for each row of FROM and WHERE: no grouping, aggregate, DISTINCT or window."""
    grouped = any(select.args.get(key) for key in ("group", "having", "distinct", "windows", "qualify"))
    return not grouped and not aggregates(select) and not own_nodes(select, exp.Window)


def has_star(select: exp.Select) -> bool:
    return any(isinstance(item, exp.Star) or item.name == "*" for item in select.expressions)


def outputs(select: exp.Select) -> list[exp.Expr]:
    """What the SELECT list computes, without the names it gives."""
    return [item.unalias() for item in select.expressions]


def schema_column(column: exp.Expr, select: exp.Select, schema: Schema) -> Column | None:
    """The declared column behind one that reads a plain table of this SELECT."""
    if not isinstance(column, exp.Column):
        return None
    table = tables_of(select, schema).get(column.table)
    return table.column(column.name) if table else None


def never_null(column: exp.Expr, select: exp.Select, schema: Schema) -> bool:
    """A NOT NULL column of a plain table that no outer join can pad."""
    declared = schema_column(column, select, schema)
    return declared is not None and declared.not_null and inner_joins_only(select)


def compare_alike(one: Column | None, other: Column | None) -> bool:
    """Two columns whose comparison means the same from either side."""
    return one is not None and other is not None and (one.type, one.collation) == (other.type, other.collation)


def in_where(node: exp.Expr, *through: type[exp.Expr]) -> exp.Select | None:
    """The SELECT whose WHERE holds this condition, reached through AND, parentheses and the kinds given."""
    parent = node.parent
    while parent is not None and isinstance(parent, (exp.And, exp.Paren, *through)):
        parent = parent.parent
    select = parent.parent if isinstance(parent, exp.Where) else None
    return select if isinstance(select, exp.Select) else None


def with_where(select: exp.Select, parts: Iterable[exp.Expr]) -> exp.Select:
    """In place: the WHERE becomes these conjuncts."""
    conditions = [part.copy() for part in parts]
    select.set("where", exp.Where(this=exp.and_(*conditions, copy=False)) if conditions else None)
    return select


def comparisons(node: exp.Expr) -> Iterator[tuple[exp.Binary, exp.Expr, type[exp.Binary], exp.Expr]]:
    """(comparison, left, kind, right) of each = <> < <= > >= below the node, once from either side."""
    for comparison in node.find_all(*_MIRRORED):
        assert isinstance(comparison, exp.Binary)
        left, right = comparison.left, comparison.right
        yield comparison, left, type(comparison), right
        yield comparison, right, _MIRRORED[type(comparison)], left


def whole_number(node: exp.Expr | None) -> int | None:
    """The value of a literal whole number, with its sign; None for anything else."""
    if isinstance(node, exp.Paren):
        return whole_number(node.this)
    if isinstance(node, exp.Neg):
        value = whole_number(node.this)
        return None if value is None else -value
    plain = isinstance(node, exp.Literal) and not node.is_string and node.name.isdecimal()
    return int(node.name) if plain and node is not None else None


def text_value(node: exp.Expr | None) -> str | None:
    return str(node.this) if isinstance(node, exp.Literal) and node.is_string else None


def key_in(columns: Iterable[exp.Expr], source: str, keys: tuple[tuple[str, ...], ...]) -> bool:
    """Whether these columns contain a declared key of the source."""
    names = {column.name.lower() for column in columns if isinstance(column, exp.Column) and column.table == source}
    return any(names.issuperset(name.lower() for name in key) for key in keys)
