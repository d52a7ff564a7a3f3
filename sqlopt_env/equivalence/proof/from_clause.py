"""Reads FROM: tables, subqueries and joins of every kind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from sqlglot import exp

from .algebra import TRUE, Formula, NotUnderstood, Query
from .build import conj
from .comparison import affinity_class, compared
from .expressions import Reader
from .relations import filtered, joined, table
from .scope import Environment, Item, Named, Relation, Scope

RelationReader = Callable[[exp.Expr, Environment, Scope | None], Relation]

_JOIN = {"this", "on", "using", "side", "kind"}


def read_from(node: exp.Expr, scope: Scope, read: RelationReader) -> None:
    """Puts the FROM of a SELECT, or the join inside brackets, into its scope."""
    clause = node.args.get("from_")
    if clause is None:
        if node.args.get("joins"):
            raise NotUnderstood("a join without FROM")
        return
    _read_items(clause.this, node.args.get("joins") or [], scope, read)


def _read_items(first: exp.Expr, joins: list[exp.Join], scope: Scope, read: RelationReader) -> None:
    query, scope.items = _item(first, scope, read)
    scope.use(query)
    for join in joins:
        _read_join(join, scope, read)
    if any(scope.find(name, table) for name, table in scope.found_outside):
        raise NotUnderstood("ON reads what comes after it")


def _item(node: exp.Expr, scope: Scope, read: RelationReader) -> tuple[Query, list[Item]]:
    if isinstance(node, exp.Subquery) and isinstance(node.this, exp.Table | exp.Subquery):
        _only(node, {"this"})
        return _item(node.this, scope, read)
    if node.args.get("joins"):
        inner = Scope(scope.environment, scope.parent)
        first = node.copy()
        joins = first.args.pop("joins")
        _read_items(first, joins, inner, read)
        return inner.query, inner.items
    if isinstance(node, exp.Subquery):
        _only(node, {"this", "alias"})
        relation, name = read(node.this, scope.environment, scope.parent), node.alias.lower()
    elif isinstance(node, exp.Table):
        _only(node, {"this", "alias", "db"})
        relation, name = _table(node, scope, read), (node.alias or node.name).lower()
    else:
        raise NotUnderstood(node.key)
    alias = node.args.get("alias")
    names = [column.name.lower() for column in alias.columns] if alias is not None else []
    return relation.query, _items(name, relation, names)


def _items(table: str, relation: Relation, names: Sequence[str]) -> list[Item]:
    """Of two columns of one name, the first is meant."""
    seen: set[str] = set()
    items = []
    for output, named in enumerate(relation.columns):
        name = names[output] if output < len(names) else named.name
        items.append(Item(table, Named("" if name in seen else name, named.affinity), output))
        seen.add(name)
    return items


def _table(node: exp.Table, scope: Scope, read: RelationReader) -> Relation:
    name = node.name.lower()
    environment = scope.environment
    schema = node.args["db"].name.lower() if node.args.get("db") else "main"
    if not isinstance(node.this, exp.Identifier) or schema != "main":
        raise NotUnderstood("a table of another schema")
    if not node.args.get("db") and name in environment.ctes:
        cte = environment.ctes[name]
        inner = Environment(environment.work, environment.tables, cte.ctes)
        relation = read(cte.query, inner, None)
        if cte.columns and len(cte.columns) != len(relation.columns):
            raise NotUnderstood("columns of a common table expression")
        return Relation(relation.query, tuple(item.named for item in _items("", relation, cte.columns)))
    if name not in environment.tables:
        raise NotUnderstood(f"no table {name}")
    shape = environment.tables[name]
    columns = tuple(Named(column.name.lower(), affinity_class(column.declared)) for column in shape.columns)
    return Relation(table(shape, environment.work), columns)


def _only(node: exp.Expr, allowed: set[str]) -> None:
    for key, value in node.args.items():
        if value and key not in allowed:
            raise NotUnderstood(f"{node.key}: {key}")


def _read_join(join: exp.Join, scope: Scope, read: RelationReader) -> None:
    _only(join, _JOIN)
    kind, work = (join.side or "inner").lower(), scope.environment.work
    if join.kind not in ("", "INNER", "OUTER", "CROSS"):
        raise NotUnderstood(f"join: {join.kind}")
    right_query, right_items = _item(join.this, scope, read)
    left_query, width = scope.query, scope.width()
    if {item.table for item in right_items if item.table} & {item.table for item in scope.items}:
        raise NotUnderstood("two FROM items of one name")
    left_items = scope.items
    scope.use(joined("inner", left_query, right_query, scope.slot, TRUE, work))
    scope.items = [*left_items, *(replace(item, output=item.output + width) for item in right_items)]
    scope.frozen = kind != "inner"
    on: Formula = TRUE
    if join.args.get("on") is not None:
        on = Reader(scope, lambda node, parent: read(node, scope.environment, parent)).condition(join.args["on"])[0]
    elif join.args.get("using"):
        if kind in ("right", "full"):
            raise NotUnderstood("USING of an outer join")
        on = conj([_using(name.name.lower(), scope, width) for name in join.args["using"]])
    scope.frozen = False
    if kind == "inner":
        scope.use(filtered(scope.query, scope.slot, on))
    else:
        scope.use(joined(kind, left_query, right_query, scope.slot, on, work))


def _using(name: str, scope: Scope, width: int) -> Formula:
    left = [item for item in scope.items if item.named.name == name and item.output < width and not item.merged]
    right = [item for item in scope.items if item.named.name == name and item.output >= width]
    if len(left) != 1 or len(right) != 1:
        raise NotUnderstood(f"USING {name}")
    scope.items = [replace(item, merged=True) if item is right[0] else item for item in scope.items]
    sides = [(scope.output(item.output), item.named.affinity) for item in (left[0], right[0])]
    return compared("=", sides[0], sides[1])
