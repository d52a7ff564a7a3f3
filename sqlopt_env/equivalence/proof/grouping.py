"""GROUP BY and HAVING: outputs over rows become outputs over groups."""

from __future__ import annotations

from .aggregates import Aggregates
from .algebra import And, Call, Case, Column, Compare, Exists, Formula, Literal, NotUnderstood, Null, Or, Query, Term
from .build import call, case, compare, conj, disj, is_null, not_null
from .kinds import typeof
from .relations import aggregated, check_values, filtered, grouped, projected
from .rows import determines
from .scope import Scope
from .substitute import in_formula


def group_rows(
    scope: Scope, aggregates: Aggregates, keys: list[Term], outputs: list[Term], having: Formula, is_keyed: bool
) -> tuple[Query, int, list[Term]]:
    """The groups, and the outputs as they read them, with the slot that these use.

    Raises NotUnderstood where an output is neither a key nor determined by the keys.
    """
    work = scope.environment.work
    groups = _Groups(scope.slot, aggregates, keys, work.fresh())
    terms = [groups.term(output) for output in outputs]
    condition = groups.formula(having)
    inputs = [*keys, *(argument for _, argument in aggregates.found), *groups.plain]
    roles = ["key"] * len(keys) + [role for role, _ in aggregates.found] + ["any"] * len(groups.plain)
    rows = projected(scope.query, scope.slot, inputs)
    check_values(rows, roles)
    if groups.plain and not is_keyed:
        raise NotUnderstood("a column beside an aggregate")
    for index in range(len(inputs) - len(groups.plain), len(inputs)):
        if not determines(rows, list(range(len(keys))), index, work):
            raise NotUnderstood("a column that the group does not determine")
    query = grouped(rows, roles, work) if is_keyed else aggregated(rows, roles, work)
    return filtered(query, groups.slot, condition), groups.slot, terms


class _Groups:
    """Replaces what is read from rows by columns of the groups: keys, then aggregates, then plain columns."""

    def __init__(self, rows: int, aggregates: Aggregates, keys: list[Term], slot: int) -> None:
        self.slot = slot
        self.plain: list[Term] = []
        self._rows = rows
        self._aggregates = aggregates
        self._keys = keys

    def term(self, term: Term) -> Term:
        if term in self._keys:
            return Column(self.slot, self._keys.index(term), typeof(term))
        match term:
            case Column():
                return self._column(term)
            case Literal():
                return term
            case Call():
                return call(term.name, tuple(self.term(argument) for argument in term.arguments))
            case Case():
                branches = [(self.formula(guard), self.term(value)) for guard, value in term.branches]
                return case(branches, self.term(term.default))

    def _column(self, column: Column) -> Term:
        if column in self._keys:
            return Column(self.slot, self._keys.index(column), column.type)
        if column.atom == self._aggregates.slot:
            return Column(self.slot, len(self._keys) + column.index, column.type)
        if column.atom != self._rows:
            return column
        if column not in self.plain:
            self.plain.append(column)
        offset = len(self._keys) + len(self._aggregates.found)
        return Column(self.slot, offset + self.plain.index(column), column.type)

    def formula(self, formula: Formula) -> Formula:
        match formula:
            case Compare():
                return compare(formula.operator, self.term(formula.left), self.term(formula.right))
            case Null():
                term = self.term(formula.term)
                return not_null(term) if formula.negated else is_null(term)
            case And():
                return conj([self.formula(part) for part in formula.parts])
            case Or():
                return disj([self.formula(part) for part in formula.parts])
            case Exists():
                return in_formula(formula, self._column)
