"""Reads conditions into two formulas, "is true" and "is false"; where neither holds the condition is NULL."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

from sqlglot import exp

from .algebra import FALSE, TRUE, Formula, NotUnderstood, Term
from .build import conj, disj, falsy, is_null, negate, same, truthy
from .comparison import compared, converted
from .relations import any_row, filtered, slot_columns
from .scope import Relation, Scope

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
_SAME = (exp.Is, exp.NullSafeEQ, exp.NullSafeNEQ)
CONDITIONS = (*_COMPARISONS, *_SAME, exp.And, exp.Or, exp.Not, exp.In, exp.Between, exp.Exists, exp.Boolean)
# SQLite gives these one precedence, sqlglot does not: one inside another needs its brackets.
_LEVEL = (exp.EQ, exp.NEQ, *_SAME, exp.In, exp.Between, exp.Like, exp.Glob, exp.Not)
_COMPARING = tuple(kind for kind in (*_LEVEL, exp.LT, exp.LTE, exp.GT, exp.GTE) if kind is not exp.Not)

SubqueryReader = Callable[[exp.Expr, Scope], Relation]


class Conditions(ABC):
    """The part of a reader of expressions that reads conditions."""

    def __init__(self, scope: Scope, subquery: SubqueryReader) -> None:
        self.scope = scope
        self._subquery = subquery

    @abstractmethod
    def value(self, node: exp.Expr) -> Value:
        """What an expression means as a value; the reader that reads those says."""

    def term(self, node: exp.Expr) -> Term:
        return self.value(node)[0]

    def condition(self, node: exp.Expr) -> Truth:
        self.scope.environment.work.spend()
        if isinstance(node, _COMPARING) and any(isinstance(side, _LEVEL) for side in operands(node)):
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
            return self.comparison(_COMPARISONS[type(node)], node.this, node.expression)
        term = self.term(node)
        return truthy(term), falsy(term)

    def comparison(self, operator: str, left: exp.Expr, right: exp.Expr) -> Truth:
        if isinstance(left, exp.Tuple) and isinstance(right, exp.Tuple) and operator == "=":
            if len(left.expressions) != len(right.expressions):
                raise NotUnderstood("row values")
            truths = [self.comparison("=", a, b) for a, b in zip(left.expressions, right.expressions, strict=True)]
            return conj(true for true, _ in truths), disj(false for _, false in truths)
        sides = self.value(left), self.value(right)
        return compared(operator, *sides), compared(_OPPOSITE[operator], *sides)

    def _is(self, node: exp.Expr) -> Formula:
        right = node.expression.unnest()
        if isinstance(right, exp.Null):
            return is_null(self.term(node.this))
        if isinstance(right, exp.Boolean):  # which asks for a truth value, written as IS NOT DISTINCT FROM too
            return self.condition(node.this)[0 if right.this else 1]
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


def operands(node: exp.Expr) -> list[exp.Expr]:
    return [side for side in (node.args.get("this"), node.args.get("expression")) if isinstance(side, exp.Expr)]
