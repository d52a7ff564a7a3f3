"""Reads the aggregate functions of one SELECT into the roles of a Group."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlglot import exp

from .algebra import NULL, ONE, Column, NotUnderstood, Term
from .build import case, not_null
from .kinds import typeof
from .sources import aggregate_type

if TYPE_CHECKING:
    from .expressions import Reader
    from .scope import Scope

_ROLES: dict[type[exp.Expr], str] = {
    exp.Count: "count",
    exp.Sum: "sum",
    exp.Avg: "avg",
    exp.Min: "min",
    exp.Max: "max",
}


def is_aggregate(node: exp.Expr) -> bool:
    return isinstance(node, exp.Filter | exp.AggFunc) or (
        isinstance(node, exp.Anonymous) and node.name.lower() == "total"
    )


class Aggregates:
    """`slot` numbers the columns that stand for the values while the expressions around them are being read."""

    def __init__(self, slot: int, is_keyed: bool) -> None:
        self.slot = slot
        self._is_keyed = is_keyed  # without GROUP BY there is a row for no rows too
        self.found: list[tuple[str, Term]] = []

    def read(self, node: exp.Expr, reader: Reader) -> Term:
        if reader.scope.parent is not None and _is_of_outside(node, reader.scope):
            raise NotUnderstood("an aggregate of the enclosing query")
        guard = None
        if isinstance(node, exp.Filter):
            guard = reader.condition(node.expression.this)[0]
            node = node.this
        role, argument = role_and_argument(node, reader)
        if guard is not None:
            argument = case([(guard, argument)], NULL)
        if (role, argument) not in self.found:
            self.found.append((role, argument))
        index = self.found.index((role, argument))
        type_ = aggregate_type(role, typeof(argument))
        may_be_empty = not self._is_keyed and not role.startswith(("count", "total"))
        return Column(self.slot, index, replace(type_, nullable=True) if may_be_empty else type_)


def _is_of_outside(node: exp.Expr, scope: Scope) -> bool:
    """Whether SQLite may take it for an aggregate of an enclosing query: it names columns, and none from here."""
    named = [part for part in node.walk(prune=_is_query) if isinstance(part, exp.Column) or _is_query(part)]
    return bool(named) and not any(
        isinstance(one, exp.Column) and scope.find(one.name.lower(), one.table.lower()) for one in named
    )


def _is_query(node: exp.Expr) -> bool:
    return isinstance(node, exp.Select | exp.SetOperation)


def role_and_argument(node: exp.Expr, reader: Reader) -> tuple[str, Term]:
    """Which aggregate it is, of what. Raises NotUnderstood for others."""
    if isinstance(node, exp.Anonymous) and node.name.lower() == "total" and len(node.expressions) == 1:
        return "total", reader.term(node.expressions[0])
    if type(node) not in _ROLES or node.args.get("expressions"):
        raise NotUnderstood(node.key)
    role, argument = _ROLES[type(node)], node.this
    if isinstance(argument, exp.Distinct):
        if len(argument.expressions) != 1 or argument.args.get("on"):
            raise NotUnderstood("DISTINCT of several columns")
        role, argument = role if role in ("min", "max") else f"{role} distinct", argument.expressions[0]
    if isinstance(argument, exp.Star) or argument is None:
        if role != "count":
            raise NotUnderstood(f"{role}(*)")
        return role, ONE
    term = reader.term(argument)
    if role == "count":
        term = case([(not_null(term), ONE)], NULL)
    return role, term
