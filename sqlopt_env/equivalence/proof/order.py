"""The order between terms that comparisons give: a graph of <= and <, with the constants in their places."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from .algebra import NULL, Compare, Formula, Literal, Term
from .constants import order_of


class Order:
    """`find` gives the term that stands for its equals."""

    def __init__(self, literals: Iterable[Formula], find: Callable[[Term], Term]) -> None:
        self._edges: dict[Term, dict[Term, bool]] = {}
        self._different: set[tuple[Term, Term]] = set()
        for literal in literals:
            if isinstance(literal, Compare):
                self._add(literal.operator, find(literal.left), find(literal.right))
        self._reach = {}
        if self._edges:
            self._place_constants()
            self._reach = {term: self._from(term) for term in self._edges}
        self.contradiction = any(self._reach[term].get(term, False) for term in self._reach) or any(
            left == right or (right in self._reach.get(left, ()) and left in self._reach.get(right, ()))
            for left, right in self._different
        )

    def holds(self, operator: str, left: Term, right: Term) -> bool:
        """Whether the comparison follows for two terms that are not NULL."""
        if left == right:
            return operator in ("=", "<=")
        forth, back = self._reaches(left, right), self._reaches(right, left)
        if operator == "=":
            return forth is False and back is False
        if operator == "<>":
            return bool(forth) or bool(back) or (left, right) in self._different or (right, left) in self._different
        return bool(forth) if operator == "<" else forth is not None

    def equals(self) -> Iterator[tuple[Term, Term]]:
        """Pairs of terms each of which is at most the other."""
        for left, reached in self._reach.items():
            for right in reached:
                if left != right and left in self._reach.get(right, ()):
                    yield left, right

    def _add(self, operator: str, left: Term, right: Term) -> None:
        if NULL in (left, right):
            return
        if operator == "<>":
            self._different.add((left, right))
            self._edges.setdefault(left, {})
            self._edges.setdefault(right, {})
            return
        self._edge(left, right, operator == "<")
        if operator == "=":
            self._edge(right, left, False)

    def _edge(self, left: Term, right: Term, strict: bool) -> None:
        edges = self._edges.setdefault(left, {})
        edges[right] = edges.get(right, False) or strict
        self._edges.setdefault(right, {})

    def _place_constants(self) -> None:
        constants = [term for term in self._edges if isinstance(term, Literal)]
        for left in constants:
            for right in constants:
                if left != right and (order := order_of(left, right)) <= 0:
                    self._edge(left, right, order < 0)

    def _from(self, start: Term) -> dict[Term, bool]:
        """Every term that is at least `start`, and whether it is more."""
        reached: dict[Term, bool] = {}
        waiting = [(start, False)]
        while waiting:
            term, strict = waiting.pop()
            for other, step in self._edges.get(term, {}).items():
                more = strict or step
                if other not in reached or (more and not reached[other]):
                    reached[other] = more
                    waiting.append((other, more))
        return reached

    def _reaches(self, left: Term, right: Term) -> bool | None:
        """True for <, False for <=, None where neither is known."""
        known = self._reach.get(left, {}).get(right)
        if known is not None:
            return known
        if isinstance(left, Literal) and isinstance(right, Literal):
            order = order_of(left, right)
            return None if order > 0 else order < 0
        if isinstance(right, Literal):
            return self._beyond(right, self._reach.get(left, {}), below=True)
        if isinstance(left, Literal):
            above = {term: reached[right] for term, reached in self._reach.items() if right in reached}
            return self._beyond(left, above, below=False)
        return None

    def _beyond(self, constant: Literal, bounds: dict[Term, bool], below: bool) -> bool | None:
        """By way of another constant: x < 3 and so x < 5."""
        best: bool | None = None
        for bound, strict in bounds.items():
            if isinstance(bound, Literal):
                order = order_of(bound, constant) if below else order_of(constant, bound)
                if order <= 0:
                    best = bool(best) or strict or order < 0
        return best
