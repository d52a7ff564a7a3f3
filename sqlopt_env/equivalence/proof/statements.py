"""Reads whole queries: WITH, set operations, LIMIT, and what a query inside another one is worth."""

from __future__ import annotations

from dataclasses import replace

from sqlglot import exp

from .algebra import FALSE, NotUnderstood, Query
from .relations import common, distinct, projected, slot_columns, union_all
from .scope import Definition, Environment, Named, Relation, Scope, Statement
from .select import is_descending, read_select

_CLAUSES = {
    "expressions",
    "from_",
    "joins",
    "where",
    "group",
    "having",
    "order",
    "limit",
    "offset",
    "distinct",
    "with_",
}
_SET_CLAUSES = {"this", "expression", "distinct", "order", "limit", "offset", "with_"}


def read_statement(node: exp.Expr, environment: Environment, parent: Scope | None = None) -> Statement:
    while isinstance(node, exp.Subquery) and not {key for key, value in node.args.items() if value} - {"this"}:
        node = node.this
    environment = _with_ctes(node, environment)
    if isinstance(node, exp.SetOperation):
        return _set_operation(node, environment, parent)
    if not isinstance(node, exp.Select):
        raise NotUnderstood(node.key)
    _only(node, _CLAUSES)
    query, columns, descending = read_select(node, environment, parent, read_relation)
    return Statement(Relation(query, columns), descending, *_window(node))


def read_relation(node: exp.Expr, environment: Environment, parent: Scope | None = None) -> Relation:
    """A query inside another one: its order matters only to its LIMIT."""
    statement = read_statement(node, environment, parent)
    relation = statement.relation
    if statement.limit is None and not statement.offset:
        return _visible(statement)
    if statement.limit == 0:
        nothing = [replace(block, conditions=(FALSE,)) for block in relation.query.blocks[:1]]
        return _visible(replace(statement, relation=Relation(Query(tuple(nothing)), relation.columns)))
    raise NotUnderstood("LIMIT inside of a query")


def _visible(statement: Statement) -> Relation:
    query = statement.relation.query
    blocks = tuple(replace(block, outputs=block.outputs[: statement.width]) for block in query.blocks)
    return Relation(Query(blocks), statement.relation.columns)


def _only(node: exp.Expr, allowed: set[str]) -> None:
    for key, value in node.args.items():
        if value and key not in allowed:
            raise NotUnderstood(f"{node.key}: {key}")


def _with_ctes(node: exp.Expr, environment: Environment) -> Environment:
    clause = node.args.get("with_")
    if clause is None:
        return environment
    ctes = dict(environment.ctes)
    unread = {cte.alias.lower() for cte in clause.expressions}
    for cte in clause.expressions:
        if any(table.name.lower() in unread for table in cte.this.find_all(exp.Table)):
            raise NotUnderstood("a recursive query, or one that reads ahead")
        unread.discard(cte.alias.lower())
        names = tuple(column.name.lower() for column in cte.args["alias"].columns)
        ctes[cte.alias.lower()] = Definition(cte.this, names, dict(ctes))
    return Environment(environment.work, environment.tables, ctes)


def _window(node: exp.Expr) -> tuple[int | None, int]:
    limit, offset = node.args.get("limit"), node.args.get("offset")
    rows = _integer(limit.expression) if limit is not None else None
    if limit is not None and limit.args.get("offset") is not None:
        raise NotUnderstood("LIMIT")
    skipped = max(0, _integer(offset.expression)) if offset is not None else 0
    return (None if rows is not None and rows < 0 else rows), skipped


def _integer(node: exp.Expr) -> int:
    sign = 1
    if isinstance(node, exp.Neg):
        sign, node = -1, node.this
    if not (isinstance(node, exp.Literal) and not node.args.get("is_string") and node.name.isdigit()):
        raise NotUnderstood("LIMIT")
    return sign * int(node.name)


def _set_operation(node: exp.SetOperation, environment: Environment, parent: Scope | None) -> Statement:
    _only(node, _SET_CLAUSES)
    relation = _combined(node, environment, parent)
    order = node.args.get("order")
    ordered = order.expressions if order is not None else []
    terms = [_output_number(one.this, relation) for one in ordered]
    slot = environment.work.fresh()
    outputs = slot_columns(slot, relation.query)
    query = projected(relation.query, slot, [*outputs, *(outputs[term] for term in terms)])
    return Statement(Relation(query, relation.columns), tuple(map(is_descending, ordered)), *_window(node))


def _output_number(node: exp.Expr, relation: Relation) -> int:
    if isinstance(node, exp.Literal) and not node.args.get("is_string"):
        return int(node.name) - 1
    names = [named.name for named in relation.columns]
    if isinstance(node, exp.Column) and not node.table and names.count(node.name.lower()) == 1:
        return names.index(node.name.lower())
    raise NotUnderstood("a sort term of a set operation")


def _combined(node: exp.SetOperation, environment: Environment, parent: Scope | None) -> Relation:
    if not isinstance(node, exp.Union | exp.Intersect | exp.Except):
        raise NotUnderstood(node.key)
    sides = []
    for side in (node.this, node.expression):
        if isinstance(side, exp.Subquery) or any(side.args.get(key) for key in ("order", "limit", "offset")):
            raise NotUnderstood("a set operation of ordered parts")
        if isinstance(side, exp.SetOperation) and side is node.expression:
            raise NotUnderstood("set operations from right to left")
        sides.append(read_relation(side, environment, parent))
    left, right = sides
    if len(left.columns) != len(right.columns):
        raise NotUnderstood("columns of a set operation")
    named = tuple(
        Named(a.name, a.affinity if a.affinity == b.affinity else "unknown")
        for a, b in zip(left.columns, right.columns, strict=True)
    )
    if isinstance(node, exp.Union):
        query = union_all([left.query, right.query])
        return Relation(distinct(query, environment.work) if node.args.get("distinct") else query, named)
    if not node.args.get("distinct"):
        raise NotUnderstood("ALL")
    query = common(left.query, right.query, isinstance(node, exp.Except), environment.work)
    return Relation(query, named)
