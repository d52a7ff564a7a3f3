"""Which rows and values are determined by others: keys, and all that follows from them."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations

from .algebra import Block, Column, Formula, Group, Literal, Query, Source, Table, Term, columns
from .build import same
from .entailment import refuted
from .facts import Facts
from .relations import any_row
from .sources import columns_of, keys_of
from .substitute import Workspace, bound, refreshed


class Determined:
    """What is fixed in a block once `given` is, and everything outside of the block."""

    def __init__(self, block: Block, facts: Facts, given: Iterable[Term] = (), atoms: Iterable[int] = ()) -> None:
        self._facts = facts
        self._own = {atom for atom, _ in block.atoms}
        self._known = {facts.canon(term) for term in given}
        self.atoms: set[int] = set()
        for term, root in facts.classes():
            if isinstance(root, Literal) or not {column.atom for column in columns(term)} & self._own:
                self._known.add(root)
        sources = dict(block.atoms)
        for atom in atoms:
            self._fix(atom, sources[atom])
        while ready := [atom for atom in sources if atom not in self.atoms and self._is_fixed(atom, sources[atom])]:
            for atom in ready:
                self._fix(atom, sources[atom])

    def knows(self, term: Term) -> bool:
        term = self._facts.canon(term)
        if term in self._known or isinstance(term, Literal):
            return True
        if isinstance(term, Column):
            return term.atom not in self._own
        return all(self.knows(column) for column in columns(term))

    def _fix(self, atom: int, source: Source) -> None:
        self.atoms.add(atom)
        self._known |= {self._facts.canon(column) for column in columns_of(atom, source)}

    def _is_fixed(self, atom: int, source: Source) -> bool:
        terms = columns_of(atom, source)
        if not isinstance(source, Table):
            inside = set(bound(source))
            if not all(self.knows(column) for column in columns(source) if column.atom not in inside):
                return False
        return any(all(self.knows(terms[index]) for index in key) for key in keys_of(source))


def facts_of(block: Block, work: Workspace) -> Facts:
    return Facts(dict(block.atoms), block.conditions, work)


def at_most_one_row(query: Query, work: Workspace) -> bool:
    """For every row of what the query mentions from outside."""
    for block in query.blocks:
        if Determined(block, facts_of(block, work)).atoms != {atom for atom, _ in block.atoms}:
            return False
    return all(_exclusive(a, b, [], work) for a, b in combinations(query.blocks, 2))


def without_duplicates(query: Query, work: Workspace, given: Iterable[int]) -> bool:
    """Whether rows that agree in the outputs with these numbers are one row."""
    given = list(given)
    for block in query.blocks:
        outputs = [block.outputs[index] for index in given]
        if Determined(block, facts_of(block, work), outputs).atoms != {atom for atom, _ in block.atoms}:
            return False
    return all(_exclusive(a, b, given, work) for a, b in combinations(query.blocks, 2))


def _exclusive(a: Block, b: Block, given: list[int], work: Workspace) -> bool:
    """Whether not both can have a row, with the same values in the given outputs."""
    b = refreshed(b, work)
    equal = [same(a.outputs[index], b.outputs[index]) for index in given]
    sources = {**dict(a.atoms), **dict(b.atoms)}
    not_empty = [any_row(source.query, work) for source in sources.values() if isinstance(source, Group)]
    return refuted(sources, [*a.conditions, *b.conditions, *equal, *not_empty], work)


def determines(query: Query, given: list[int], index: int, work: Workspace) -> bool:
    """Whether rows that agree in the outputs `given` agree in the output `index` too."""
    for block in query.blocks:
        known = Determined(block, facts_of(block, work), [block.outputs[number] for number in given])
        if not known.knows(block.outputs[index]):
            return False
    return all(_agree(a, b, given, index, work) for a, b in combinations(query.blocks, 2))


def _agree(a: Block, b: Block, given: list[int], index: int, work: Workspace) -> bool:
    if a.outputs[index] == b.outputs[index] and isinstance(a.outputs[index], Literal):
        return True
    b = refreshed(b, work)
    conditions: list[Formula] = [*a.conditions, *b.conditions]
    conditions += [same(a.outputs[number], b.outputs[number]) for number in given]
    sources = {**dict(a.atoms), **dict(b.atoms)}
    facts = Facts(sources, conditions, work)
    if facts.contradiction or facts.canon(a.outputs[index]) == facts.canon(b.outputs[index]):
        return True
    return refuted(sources, conditions, work)
