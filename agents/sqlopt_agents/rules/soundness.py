"""What the structural techniques ask of a whole query before they touch its joins, groups and windows."""

from __future__ import annotations

from collections.abc import Iterable

from sqlglot import exp

from sqlopt_env.trees.draft import Draft, identifier, own_nodes
from sqlopt_env.trees.reading import sources
from sqlopt_env.trees.schema import Schema, Table
from sqlopt_env.trees.selects import aggregates, selects

ORDERLESS = (exp.Count, exp.Sum, exp.Avg, exp.Min, exp.Max)


def is_binary(schema: Schema) -> bool:
    """No column has a collation of its own, which an expression in its place would not have."""
    return all(column.collation == "BINARY" for table in schema.tables.values() for column in table.columns)


def any_order_does(draft: Draft) -> bool:
    """The result does not depend on the order in which rows come: no LIMIT without ORDER BY, no group_concat."""
    cut = any(query.args.get("limit") and not query.args.get("order") for query in draft.query.find_all(exp.Query))
    return not cut and all(isinstance(call, ORDERLESS) for select in selects(draft) for call in aggregates(select))


def may_be_rebuilt(draft: Draft, schema: Schema) -> bool:
    """What sources may be joined, grouped and replaced in: no recursion, collation or order of rows is in the way."""
    recursive = any(with_.args.get("recursive") for with_ in draft.query.find_all(exp.With))
    return not recursive and is_binary(schema) and any_order_does(draft)


def is_never_padded(select: exp.Select, name: str) -> bool:
    """No outer join gives this source rows of NULLs."""
    joins = select.args.get("joins") or []
    padding = any(join.side not in ("", "LEFT") or join.method or join.args.get("using") for join in joins)
    own = next((join for join in joins if join.this.alias_or_name == name), None)
    return not padding and (own is None or not own.side)


def has_nested(nodes: Iterable[exp.Expr]) -> bool:
    """Whether some node holds a subquery or a window."""
    return any(isinstance(inner, exp.Query | exp.Window) for node in nodes for inner in node.walk())


def takes_only(query: exp.Expr) -> bool:
    """Whether a node computes with nothing that another row or another moment could change: no calls by name."""
    return not any(isinstance(node, exp.Anonymous | exp.Query | exp.Window | exp.AggFunc) for node in query.walk())


def named(name: str) -> exp.Identifier:
    """The name of a table or column, quoted where SQLite needs it."""
    return exp.to_identifier(name, quoted=identifier(name) != name)


def column_of(source: str, name: str) -> exp.Column:
    return exp.Column(this=named(name), table=named(source))


def renamed(node: exp.Expr, old: str, new: str) -> exp.Expr:
    """A copy in which the columns of one source carry another name of it."""
    copy = exp.Paren(this=node.copy())
    for column in copy.find_all(exp.Column):
        if column.table == old:
            column.set("table", exp.to_identifier(new))
    inner: exp.Expr = copy.this
    return inner.pop()


def has_columns(table: Table, columns: Iterable[exp.Column]) -> bool:
    """Whether all of them are declared columns, not the rowid by another name."""
    return all(table.column(column.name) for column in columns)


def reads_for_each_row(select: exp.Select, node: exp.Expr) -> bool:
    """The node stands where a SELECT has one value for each row, not for each group or window."""
    if own_nodes(select, exp.Window):
        return False
    below: exp.Expr = node
    inside_call = False
    while below.parent is not None and below is not select and below.parent is not select:
        below = below.parent
        inside_call |= isinstance(below, exp.AggFunc) and below.parent_select is select
    if below.parent is not select or below.arg_key not in ("expressions", "where", "order", "joins", "having"):
        return False
    grouped = any(select.args.get(key) for key in ("group", "having")) or aggregates(select)
    return inside_call or below.arg_key in ("where", "joins") or not grouped


def source_named(select: exp.Select, name: str) -> exp.Expr:
    return next(source for source in sources(select) if source.alias_or_name == name)
