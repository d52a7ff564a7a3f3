"""Reads one SELECT without its WITH and LIMIT."""

from __future__ import annotations

from sqlglot import exp

from .aggregates import Aggregates, is_aggregate
from .algebra import TRUE, Formula, NotUnderstood, Query, Term
from .conditions import Value
from .expressions import Reader
from .from_clause import RelationReader, read_from
from .grouping import group_rows
from .relations import distinct, filtered, projected, slot_columns
from .scope import Environment, Named, Scope
from .windows import Windows

Read = tuple[Query, tuple[Named, ...], tuple[bool, ...]]


def read_select(node: exp.Select, environment: Environment, parent: Scope | None, read: RelationReader) -> Read:
    """The query with its sort terms as last outputs, the names of the other outputs, and which terms descend."""
    return _Select(node, Scope(environment, parent), read).read()


class _Select:
    def __init__(self, node: exp.Select, scope: Scope, read: RelationReader) -> None:
        self._node = node
        self._scope = scope
        self._read = read
        self._aggregates: Aggregates | None = None
        self._windows = Windows(scope.environment.work.fresh())
        self._reader = self._new_reader()
        self._outputs: list[tuple[exp.Expr | Value, str]] = []

    def read(self) -> Read:
        node, scope = self._node, self._scope
        scope.aliases = {
            one.alias.lower(): one.this for one in reversed(node.expressions) if isinstance(one, exp.Alias)
        }
        scope.aliases_visible = True
        read_from(node, scope, self._read)
        self._expand()
        if node.args.get("where") is not None:
            condition = self._reader.condition(node.args["where"].this)[0]
            scope.use(filtered(scope.query, scope.slot, condition))
        keys = self._keys()
        if self._is_grouped():
            self._aggregates = Aggregates(scope.environment.work.fresh(), node.args.get("group") is not None)
        self._reader = self._new_reader(self._windows)
        scope.aliases_visible = False
        values = [self._value(output) for output, _ in self._outputs]
        scope.aliases_visible = True
        having: Formula = TRUE
        if node.args.get("having") is not None:
            having = self._reader.condition(node.args["having"].this)[0]
        columns = tuple(Named(name, value[1]) for (_, name), value in zip(self._outputs, values, strict=True))
        terms = [term for term, _ in values]
        order = node.args.get("order")
        ordered = order.expressions if order is not None else []
        sort = [self._sort_term(one.this, terms) for one in ordered]
        query = self._rows(terms, sort, keys, having)
        return query, columns, tuple(is_descending(one) for one in ordered)

    def _rows(self, terms: list[Term], sort: list[Term], keys: list[Term], having: Formula) -> Query:
        scope, work = self._scope, self._scope.environment.work
        query, slot, outputs = scope.query, scope.slot, [*terms, *sort, *self._windows.inputs()]
        if self._aggregates is not None:
            is_keyed = self._node.args.get("group") is not None
            query, slot, outputs = group_rows(scope, self._aggregates, keys, outputs, having, is_keyed)
        inputs = outputs[len(terms) + len(sort) :]
        query, slot, outputs = self._windows.applied(query, slot, outputs[: len(terms) + len(sort)], inputs, work)
        query = projected(query, slot, outputs)
        if not self._node.args.get("distinct"):
            return query
        if self._node.args["distinct"].args.get("on"):
            raise NotUnderstood("DISTINCT ON")
        if any(term not in terms for term in sort):
            raise NotUnderstood("DISTINCT sorted by something else")
        slot = work.fresh()
        rows = distinct(projected(query, slot, slot_columns(slot, query)[: len(terms)]), work)
        outputs = slot_columns(slot, rows)
        return projected(rows, slot, [*outputs, *(outputs[terms.index(term)] for term in sort)])

    def _new_reader(self, windows: Windows | None = None) -> Reader:
        environment = self._scope.environment
        return Reader(
            self._scope, lambda node, parent: self._read(node, environment, parent), self._aggregates, windows
        )

    def _expand(self) -> None:
        """The outputs, with * spelled out: expressions, or values that are known already."""
        for output in self._node.expressions:
            table = output.table.lower() if isinstance(output, exp.Column) and isinstance(output.this, exp.Star) else ""
            if isinstance(output, exp.Star) or table:
                star = output if isinstance(output, exp.Star) else output.this
                if any(star.args.values()):
                    raise NotUnderstood("* with exceptions")
                items = [one for one in self._scope.items if (one.table == table if table else not one.merged)]
                if not items:
                    raise NotUnderstood("* of nothing")
                for item in items:
                    value = self._scope.output(item.output), item.named.affinity
                    self._outputs.append((value, item.named.name))
            else:
                plain = output.this if isinstance(output, exp.Alias) else output
                self._outputs.append((plain, _name(output)))

    def _value(self, output: exp.Expr | Value) -> Value:
        return self._reader.value(output) if isinstance(output, exp.Expr) else output

    def _is_grouped(self) -> bool:
        node = self._node
        order = node.args.get("order")
        places = [output for output, _ in self._outputs if isinstance(output, exp.Expr)]
        places += [one for one in (order, node.args.get("having")) if one is not None]
        if node.args.get("having") is not None and node.args.get("group") is None:
            raise NotUnderstood("HAVING without GROUP BY")
        return node.args.get("group") is not None or any(_has_aggregate(place) for place in places)

    def _keys(self) -> list[Term]:
        group = self._node.args.get("group")
        if group is None:
            return []
        if any(value for key, value in group.args.items() if key != "expressions"):
            raise NotUnderstood("GROUP BY with more than columns")
        return [self._key(one) for one in group.expressions]

    def _key(self, node: exp.Expr) -> Term:
        node = node.unnest()
        number = _ordinal(node)
        if number is None:
            return self._reader.term(node)
        return self._value(self._outputs[number][0])[0]

    def _sort_term(self, node: exp.Expr, terms: list[Term]) -> Term:
        """An output by its number, then by its name, then any expression."""
        node = node.unnest()  # SQLite knows no brackets here
        number = _ordinal(node)
        if number is not None:
            return terms[number]
        if isinstance(node, exp.Column) and not node.table:
            for (output, name), term in zip(self._outputs, terms, strict=True):
                if name == node.name.lower() and output is self._scope.aliases.get(name):
                    return term
        return self._reader.term(node)


def _name(output: exp.Expr) -> str:
    """What SQLite calls an output, or "" where it is called by its text."""
    if isinstance(output, exp.Alias):
        return output.alias.lower()
    output = output.unnest()
    return output.name.lower() if isinstance(output, exp.Column) else ""


def _ordinal(node: exp.Expr) -> int | None:
    if isinstance(node, exp.Literal) and not node.args.get("is_string") and node.name.isdigit():
        return int(node.name) - 1
    return None


def is_descending(ordered: exp.Expr) -> bool:
    if not isinstance(ordered, exp.Ordered) or ordered.args.get("with_fill"):
        raise NotUnderstood("ORDER BY")
    descending = bool(ordered.args.get("desc"))
    if bool(ordered.args.get("nulls_first")) == descending:
        raise NotUnderstood("NULLS FIRST or LAST")
    return descending


def _has_aggregate(node: exp.Expr) -> bool:
    if isinstance(node, exp.Select | exp.SetOperation):
        return False
    if isinstance(node, exp.Window):
        return any(_has_aggregate(child) for child in node.iter_expressions() if child is not node.this)
    return is_aggregate(node) or any(_has_aggregate(child) for child in node.iter_expressions())
