"""Reads expressions: every one into a term, every condition into "is true" and "is false"."""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from .aggregates import Aggregates, is_aggregate
from .algebra import FALSE, NULL, TRUE, Formula, Literal, NotUnderstood, Term
from .build import boolean, call, case, conj, disj, falsy, is_null, negate, not_null, number, same, truthy
from .comparison import compared, converted
from .functions import function
from .relations import any_row, filtered, slot_columns
from .rows import at_most_one_row
from .scope import Relation, Scope
from .windows import Windows

Value = tuple[Term, str]  # with its affinity, "" for none
Truth = tuple[Formula, Formula]  # where it is true, where it is false

_COMPARISONS: dict[type[exp.Expr], str] = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
}
_OPPOSITE = {"=": "<>", "<>": "=", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}
_ARITHMETIC: dict[type[exp.Expr], str] = {exp.Add: "+", exp.Sub: "-", exp.Mul: "*", exp.Div: "/", exp.Mod: "%"}
_CONDITIONS = (*_COMPARISONS, exp.And, exp.Or, exp.Not, exp.In, exp.Between, exp.Is, exp.Exists, exp.NullSafeEQ)
_CONDITIONS = (*_CONDITIONS, exp.NullSafeNEQ, exp.Boolean)
# SQLite gives these one precedence, sqlglot does not: one inside another needs its brackets.
_LEVEL = (exp.EQ, exp.NEQ, exp.Is, exp.In, exp.Between, exp.Like, exp.Glob, exp.NullSafeEQ, exp.NullSafeNEQ, exp.Not)

_ROW_IDS = ("rowid", "oid", "_rowid_")
_CASTS = {
    **dict.fromkeys((exp.DType.INT, exp.DType.BIGINT, exp.DType.SMALLINT, exp.DType.TINYINT), "integer"),
    **dict.fromkeys((exp.DType.TEXT, exp.DType.VARCHAR, exp.DType.CHAR, exp.DType.NVARCHAR), "text"),
    **dict.fromkeys((exp.DType.FLOAT, exp.DType.DOUBLE), "real"),
    exp.DType.DECIMAL: "numeric",
}

_COMPARING = tuple(kind for kind in (*_LEVEL, exp.LT, exp.LTE, exp.GT, exp.GTE) if kind is not exp.Not)

SubqueryReader = Callable[[exp.Expr, Scope], Relation]


class Reader:
    """Reads the expressions of one SELECT. Without `aggregates` and `windows`, such functions are not allowed."""

    def __init__(
        self,
        scope: Scope,
        subquery: SubqueryReader,
        aggregates: Aggregates | None = None,
        windows: Windows | None = None,
    ) -> None:
        self.scope = scope
        self.aggregates = aggregates
        self.windows = windows
        self._subquery = subquery
        self._depth = 0

    def value(self, node: exp.Expr) -> Value:
        self.scope.environment.work.spend()
        if isinstance(node, exp.Paren):
            return self.value(node.this)
        if isinstance(node, _CONDITIONS):
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
                left, right = self.value(node.this), self.value(node.expression)
                return case([(compared("=", left, right), NULL)], left[0]), ""
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
            if any(isinstance(side, exp.Binary) and not isinstance(side, exp.DPipe) for side in _sides(node)):
                raise NotUnderstood("precedence of ||")
            return call("||", (self.term(node.this), self.term(node.expression)))
        if is_aggregate(node):
            if self.aggregates is None:
                raise NotUnderstood("an aggregate where none may be")
            return self.aggregates.read(node, Reader(self.scope, self._subquery))
        return function(node, self.term)

    def term(self, node: exp.Expr) -> Term:
        return self.value(node)[0]

    def _number(self, node: exp.Expr) -> Term:
        return number(self.term(node))

    def condition(self, node: exp.Expr) -> Truth:
        self.scope.environment.work.spend()
        if isinstance(node, _COMPARING) and any(isinstance(side, _LEVEL) for side in _sides(node)):
            raise NotUnderstood("precedence of comparisons")
        match node:
            case exp.Paren():
                return self.condition(node.this)
            case exp.And():
                left, right = self.condition(node.this), self.condition(node.expression)
                return conj((left[0], right[0])), disj((left[1], right[1]))
            case exp.Or():
                left, right = self.condition(node.this), self.condition(node.expression)
                return disj((left[0], right[0])), conj((left[1], right[1]))
            case exp.Not():
                true, false = self.condition(node.this)
                return false, true
            case exp.Boolean():
                return (TRUE, FALSE) if node.this else (FALSE, TRUE)
            case exp.Is() | exp.NullSafeEQ() | exp.NullSafeNEQ():
                formula = self._is(node)
                return (negate(formula), formula) if isinstance(node, exp.NullSafeNEQ) else (formula, negate(formula))
            case exp.In():
                return self._in(node)
            case exp.Between():
                return self._between(node)
            case exp.Exists():
                found = any_row(self._subquery(node.this, self.scope).query, self.scope.environment.work)
                return found, negate(found)
        if type(node) in _COMPARISONS:
            return self._comparison(_COMPARISONS[type(node)], node.this, node.expression)
        term = self.term(node)
        return truthy(term), falsy(term)

    def _comparison(self, operator: str, left: exp.Expr, right: exp.Expr) -> Truth:
        if isinstance(left, exp.Tuple) and isinstance(right, exp.Tuple) and operator == "=":
            if len(left.expressions) != len(right.expressions):
                raise NotUnderstood("row values")
            truths = [self._comparison("=", a, b) for a, b in zip(left.expressions, right.expressions, strict=True)]
            return conj(true for true, _ in truths), disj(false for _, false in truths)
        sides = self.value(left), self.value(right)
        return compared(operator, *sides), compared(_OPPOSITE[operator], *sides)

    def _is(self, node: exp.Expr) -> Formula:
        if isinstance(node.expression, exp.Null):
            return is_null(self.term(node.this))
        if isinstance(node, exp.Is) and isinstance(node.expression, exp.Boolean):
            return self.condition(node.this)[0 if node.expression.this else 1]
        return same(*converted(*self.value(node.this), *self.value(node.expression)))

    def _between(self, node: exp.Expr) -> Truth:
        if set(node.args) - {"this", "low", "high"} and node.args.get("symmetric"):
            raise NotUnderstood("BETWEEN SYMMETRIC")
        value, low, high = self.value(node.this), self.value(node.args["low"]), self.value(node.args["high"])
        true = conj((compared(">=", value, low), compared("<=", value, high)))
        return true, disj((compared("<", value, low), compared(">", value, high)))

    def _in(self, node: exp.Expr) -> Truth:
        if node.args.get("unnest") or node.args.get("field"):
            raise NotUnderstood("IN of something else")
        values = [
            self.value(one) for one in (node.this.expressions if isinstance(node.this, exp.Tuple) else [node.this])
        ]
        query = node.args.get("query")
        if query is None:
            if len(values) != 1:
                raise NotUnderstood("row values")
            items: list[Value] = [(self.term(item), "") for item in node.expressions]
            return (
                disj(compared("=", values[0], item) for item in items),
                conj(compared("<>", values[0], item) for item in items),
            )
        relation = self._subquery(query, self.scope)
        if len(relation.columns) != len(values):
            raise NotUnderstood("columns of IN")
        work = self.scope.environment.work
        slot = work.fresh()
        rows = relation.query
        found = [(term, named.affinity) for term, named in zip(slot_columns(slot, rows), relation.columns, strict=True)]
        equal = conj(compared("=", value, item) for value, item in zip(values, found, strict=True))
        apart = disj(compared("<>", value, item) for value, item in zip(values, found, strict=True))
        return any_row(filtered(rows, slot, equal), work), negate(any_row(filtered(rows, slot, negate(apart)), work))

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
                guard = self._comparison("=", node.this, one.this)[0]
            else:
                guard = self.condition(one.this)[0]
            branches.append((guard, self.term(one.args["true"])))
        return case(branches, self.term(default) if default is not None else NULL)

    def _coalesce(self, nodes: list[exp.Expr]) -> Term:
        terms = [self.term(node) for node in nodes]
        return case([(not_null(term), term) for term in terms[:-1]], terms[-1])


def _sides(node: exp.Expr) -> list[exp.Expr]:
    return [side for side in (node.args.get("this"), node.args.get("expression")) if isinstance(side, exp.Expr)]


def _literal(node: exp.Expr) -> Term:
    if isinstance(node, exp.Null):
        return NULL
    if isinstance(node, exp.HexString):
        raise NotUnderstood("a blob")
    if node.args.get("is_string"):
        return Literal("T", node.name)
    text = node.name
    if text.isascii() and text.isdigit():
        return Literal("I", int(text)) if int(text) < 2**63 else Literal("R", float(text))
    return Literal("R", float(text))
