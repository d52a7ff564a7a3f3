"""What follows from conditions that all hold: equal terms, order, NULLs, and rows that must be one row.

No case distinctions are made here (see entailment.py): disjunctions are only kept in `pending`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations

from .algebra import (
    FALSE,
    NULL,
    ONE,
    And,
    Call,
    Column,
    Compare,
    Exists,
    Formula,
    Literal,
    Null,
    Or,
    Source,
    Table,
    Term,
    Type,
)
from .build import compare, opposite
from .kinds import propagates_null, same_when_equal, typeof
from .order import Order
from .sources import counts_of_some, keys_of, output_types
from .substitute import Workspace, alpha, in_formula, in_source, in_term

_ROUNDS = 8


class Facts:
    """Conditions on the rows of `sources`, with their consequences."""

    def __init__(self, sources: Mapping[int, Source], formulas: Iterable[Formula], work: Workspace) -> None:
        self.sources = dict(sources)
        self.contradiction = False
        self.literals: dict[Formula, None] = {}
        self.pending: dict[Or, None] = {}
        self.exists: dict[Exists, None] = {}
        self._parent: dict[Term, Term] = {}
        self._not_null: set[Term] = set()
        self._same_row: dict[int, int] = {}
        self._work = work
        for formula in formulas:
            self._add(formula)
        for atom, source in self.sources.items():
            for count in counts_of_some(atom, source):
                self._add(compare("<=", ONE, count))
        self._saturate()

    def canon(self, term: Term) -> Term:
        """One term that stands for all that are known to have the same value."""
        return self._find(in_term(term, self._replace))

    def canon_formula(self, formula: Formula) -> Formula:
        return self._without_nulls(in_formula(formula, self._replace))

    def holds(self, formula: Formula) -> bool:
        """Whether the formula plainly follows; False says nothing."""
        formula = self.canon_formula(formula)
        if isinstance(formula, And):
            return all(self.holds(part) for part in formula.parts)
        if isinstance(formula, Or):
            return formula in self.pending or any(self.holds(part) for part in formula.parts)
        if isinstance(formula, Compare):
            left, right = self._find(formula.left), self._find(formula.right)
            if formula in self.literals:
                return True
            return (
                self.is_not_null(left) and self.is_not_null(right) and self._order.holds(formula.operator, left, right)
            )
        return formula in self.literals or formula in self.exists

    def excludes(self, formula: Formula) -> bool:
        """Whether the formula plainly cannot hold; False says nothing."""
        formula = self.canon_formula(formula)
        match formula:
            case And():
                return any(self.excludes(part) for part in formula.parts)
            case Or():
                return all(self.excludes(part) for part in formula.parts)
            case Compare():
                return self.holds(opposite(formula))
            case Null():
                return self.holds(Null(formula.term, not formula.negated))
            case Exists():
                return Exists(formula.block, not formula.negated) in self.exists

    def canon_column(self, column: Column) -> Term:
        return self._replace(column)

    def is_not_null(self, term: Term) -> bool:
        return term in self._not_null or not typeof(term).nullable

    def _find(self, term: Term) -> Term:
        while True:
            if term in self._parent:
                term = self._parent[term]
            elif isinstance(term, Column) and term.atom in self._same_row:
                term = Column(self._same_row[term.atom], term.index, term.type)
            else:
                return term

    def _replace(self, column: Column) -> Term:
        found = self._find(column)
        if isinstance(found, Column) and found.type.nullable and found in self._not_null:
            return Column(found.atom, found.index, Type(found.type.classes, found.type.form, False))
        return found

    def _without_nulls(self, formula: Formula) -> Formula:
        if isinstance(formula, Null) and self.is_not_null(self._find(formula.term)):
            return And(()) if formula.negated else FALSE
        return formula

    def _add(self, formula: Formula) -> None:
        match formula:
            case And():
                for part in formula.parts:
                    self._add(part)
            case Or():
                if not formula.parts:
                    self.contradiction = True
                self.pending[formula] = None
            case Exists():
                self.exists[formula] = None
            case _:
                self.literals[formula] = None

    def _saturate(self) -> None:
        for _ in range(_ROUNDS):
            self._work.spend(self._size())
            before = self._extent()
            self._learn()
            self._merge_rows()
            self._order = Order(self.literals, self._find)
            self._learn_from_order()
            literals, pending, exists = self.literals, self.pending, self.exists
            self.literals, self.pending, self.exists = {}, {}, {}
            for formula in (*literals, *pending, *exists):
                self._add(self.canon_formula(formula))
            if self.contradiction:
                return
            same = [*literals] == [*self.literals] and len(pending) == len(self.pending)
            if same and before == self._extent():
                return

    def _size(self) -> int:
        """What a round costs: the order between terms and the search for equal rows take quadratic time."""
        count = len(self.literals)
        rows = len(self.sources) + len(self.sources) ** 2 // 20 + 3 * len(self.exists)
        return 2 + rows + count // 2 + count**2 // 50 + sum(len(one.parts) for one in self.pending) // 5

    def _extent(self) -> tuple[int, int, int]:
        return len(self._parent), len(self._not_null), len(self._same_row)

    def _learn(self) -> None:
        for literal in self.literals:
            if isinstance(literal, Compare):
                self._know_not_null(literal.left)
                self._know_not_null(literal.right)
                if literal.operator == "=" and same_when_equal(literal.left, literal.right):
                    self.merge(literal.left, literal.right)
            elif isinstance(literal, Null):
                if literal.negated:
                    self._know_not_null(literal.term)
                else:
                    self.merge(literal.term, NULL)

    def _know_not_null(self, term: Term) -> None:
        term = self._find(term)
        if term == NULL:
            self.contradiction = True
        if not isinstance(term, Literal):
            self._not_null.add(term)
        if isinstance(term, Call) and propagates_null(term.name):
            for argument in term.arguments:
                self._know_not_null(argument)

    def merge(self, left: Term, right: Term) -> None:
        """Both have the same value, which may be NULL."""
        left, right = self._find(left), self._find(right)
        if left == right:
            return
        if _rank(right) < _rank(left):
            left, right = right, left
        if isinstance(left, Literal) and isinstance(right, Literal):
            self.contradiction = True
            return
        if left == NULL and self.is_not_null(right):
            self.contradiction = True
        self._parent[right] = left
        if self.is_not_null(right) and not isinstance(left, Literal):
            self._not_null.add(left)

    def _merge_rows(self) -> None:
        for (a, first), (b, second) in combinations(self.sources.items(), 2):
            keys = keys_of(first)
            if type(first) is not type(second) or not keys or not self.same_source(first, second):
                continue
            types = output_types(first)
            if any(
                all(self._find(Column(a, i, types[i])) == self._find(Column(b, i, types[i])) for i in key)
                for key in keys
            ):
                self._merge_row(min(a, b), max(a, b))

    def _merge_row(self, a: int, b: int) -> None:
        """All columns are the same: those that are mentioned are merged, and the others will be read from one atom."""
        if b in self._same_row:
            return
        mentioned = {*self._parent, *self._parent.values(), *self._not_null}
        for column in [term for term in mentioned if isinstance(term, Column) and term.atom == b]:
            self.merge(Column(a, column.index, column.type), column)
        self._same_row[b] = a

    def same_source(self, first: Source, second: Source) -> bool:
        if isinstance(first, Table) or isinstance(second, Table):
            return first == second
        return alpha(in_source(first, self._replace)) == alpha(in_source(second, self._replace))

    def _learn_from_order(self) -> None:
        if self._order.contradiction:
            self.contradiction = True
        for left, right in self._order.equals():
            if same_when_equal(left, right):
                self.merge(left, right)

    def classes(self) -> Iterator[tuple[Term, Term]]:
        """Every merged term with the one that stands for it."""
        for term in self._parent:
            yield term, self._find(term)


def _rank(term: Term) -> tuple[int, int, int, str]:
    """Literals stand for columns, and earlier columns for later ones."""
    if isinstance(term, Literal):
        return (0, 0, 0, "")
    if isinstance(term, Column):
        return (1, term.atom, term.index, "")
    return (2, 0, 0, repr(term))
