"""Reads expressions into terms; conditions are read in conditions.py."""

from __future__ import annotations

import re

from sqlglot import exp

from .aggregates import Aggregates, is_aggregate
from .algebra import NULL, Literal, NotUnderstood, Term
from .build import boolean, call, case, compare, not_null, number
from .conditions import CONDITIONS, Conditions, SubqueryReader, Value, operands
from .functions import function
from .rows import at_most_one_row
from .scope import Scope
from .windows import Windows

_ARITHMETIC: dict[type[exp.Expr], str] = {exp.Add: "+", exp.Sub: "-", exp.Mul: "*", exp.Div: "/", exp.Mod: "%"}
_ROW_IDS = ("rowid", "oid", "_rowid_")
_PLAIN = re.compile(r"(?!(null|true|false|current_\w+)$)[a-z_]\w*")  # the name of nothing but a column
_CASTS = {
    **dict.fromkeys((exp.DType.INT, exp.DType.BIGINT, exp.DType.SMALLINT, exp.DType.TINYINT), "integer"),
    **dict.fromkeys((exp.DType.TEXT, exp.DType.VARCHAR, exp.DType.CHAR, exp.DType.NVARCHAR), "text"),
    **dict.fromkeys((exp.DType.FLOAT, exp.DType.DOUBLE), "real"),
    exp.DType.DECIMAL: "numeric",
}


class Reader(Conditions):
    """Reads the expressions of one SELECT. Without `aggregates` and `windows`, such functions are not allowed."""

    def __init__(
        self,
        scope: Scope,
        subquery: SubqueryReader,
        aggregates: Aggregates | None = None,
        windows: Windows | None = None,
    ) -> None:
        super().__init__(scope, subquery)
        self.aggregates = aggregates
        self.windows = windows
        self._depth = 0

    def value(self, node: exp.Expr) -> Value:
        self.scope.environment.work.spend()
        if isinstance(node, exp.Paren):
            return self.value(node.this)
        if isinstance(node, CONDITIONS):
            return boolean(*self.condition(node)), ""
        match node:
            case exp.Column():
                return self._column(node)
            case exp.Literal() | exp.Null() | exp.HexString():
                return _literal(node), ""
            case exp.Cast():
                return self._cast(node)
            case exp.Subquery() | exp.Select():
                return self._scalar(node)
            case exp.Case() | exp.If():
                return self._case(node), ""
            case exp.Coalesce():
                return self._coalesce([node.this, *node.expressions]), ""
            case exp.Nullif():
                left, right = self.term(node.this), self.term(node.expression)
                return case([(compare("=", left, right), NULL)], left), ""  # a function: nothing is converted
            case exp.Window():
                if self.windows is None:
                    raise NotUnderstood("a window function where none may be")
                return self.windows.read(node, Reader(self.scope, self._subquery, self.aggregates)), ""
            case exp.Neg():
                return call("negative", (self._number(node.this),)), ""
        return self._operator(node), ""

    def _operator(self, node: exp.Expr) -> Term:
        if type(node) in _ARITHMETIC:
            sides = (node.this, node.expression)
            if any(isinstance(side, exp.DPipe) for side in sides):
                raise NotUnderstood("precedence of ||")
            return call(_ARITHMETIC[type(node)], (self._number(sides[0]), self._number(sides[1])))
        if isinstance(node, exp.DPipe):
            if any(isinstance(side, exp.Binary) and not isinstance(side, exp.DPipe) for side in operands(node)):
                raise NotUnderstood("precedence of ||")
            return call("||", (self.term(node.this), self.term(node.expression)))
        if is_aggregate(node):
            if self.aggregates is None:
                raise NotUnderstood("an aggregate where none may be")
            return self.aggregates.read(node, Reader(self.scope, self._subquery))
        return function(node, self.term)

    def _number(self, node: exp.Expr) -> Term:
        return number(self.term(node))

    def _column(self, node: exp.Column) -> Value:
        if node.args.get("db") or node.args.get("catalog") or not isinstance(node.this, exp.Identifier):
            raise NotUnderstood("a column of a schema")
        name, table = node.name.lower(), node.table.lower()
        if name in _ROW_IDS:
            raise NotUnderstood("a row's number")
        scope: Scope | None = self.scope
        while scope is not None:
            found = scope.find(name, table)
            if found is not None:
                return found
            if not _PLAIN.fullmatch(name) and any(not item.named.name for item in scope.items):
                raise NotUnderstood("the text of an output as its name")
            scope.found_outside.add((name, table))
            if not table and scope.aliases_visible and name in scope.aliases:
                return self._alias(scope, name)
            scope = scope.parent
        raise NotUnderstood(f"no column {name}")

    def _alias(self, scope: Scope, name: str) -> Value:
        if scope is not self.scope or self._depth:
            raise NotUnderstood("an alias in a subquery")
        self._depth += 1
        try:
            return self.value(scope.aliases[name])
        finally:
            self._depth -= 1

    def _cast(self, node: exp.Cast) -> Value:
        kind = _CASTS.get(node.args["to"].this)
        if kind is None or type(node) is not exp.Cast:
            raise NotUnderstood("CAST")
        return call(f"cast {kind}", (self.term(node.this),)), "TEXT" if kind == "text" else "NUMERIC"

    def _scalar(self, node: exp.Expr) -> Value:
        relation = self._subquery(node, self.scope)
        if len(relation.columns) != 1:
            raise NotUnderstood("a row as a value")
        work = self.scope.environment.work
        if not at_most_one_row(relation.query, work):
            raise NotUnderstood("a subquery that may have several rows")
        return self.scope.add_value(relation.query), relation.columns[0].affinity

    def _case(self, node: exp.Expr) -> Term:
        ifs = node.args["ifs"] if isinstance(node, exp.Case) else [node]
        default = node.args.get("default") if isinstance(node, exp.Case) else node.args.get("false")
        branches = []
        for one in ifs:
            if isinstance(node, exp.Case) and node.this is not None:
                guard = self.comparison("=", node.this, one.this)[0]
            else:
                guard = self.condition(one.this)[0]
            branches.append((guard, self.term(one.args["true"])))
        return case(branches, self.term(default) if default is not None else NULL)

    def _coalesce(self, nodes: list[exp.Expr]) -> Term:
        terms = [self.term(node) for node in nodes]
        return case([(not_null(term), term) for term in terms[:-1]], terms[-1])


def _literal(node: exp.Expr) -> Term:
    if isinstance(node, exp.Null):
        return NULL
    if isinstance(node, exp.HexString):
        raise NotUnderstood("a blob")
    if node.args.get("is_string"):
        return Literal("T", node.name)
    text = node.name
    if text.isascii() and text.isdigit():
        if int(text) >= 2**63:
            raise NotUnderstood("a whole number that is one with a minus sign only")
        return Literal("I", int(text))
    return Literal("R", float(text))
