"""Mappings of the atoms of one block to those of another, under which the conditions of one imply the other's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from .algebra import (
    TRUE,
    Block,
    Case,
    Column,
    Formula,
    Source,
    Table,
    Term,
    mentioned,
)
from .build import conj, is_null, paths
from .entailment import entails, refuted
from .facts import Facts
from .substitute import Workspace, in_formula

_EMBEDDINGS = 24


@dataclass(frozen=True, slots=True)
class Context:
    """What holds outside of the blocks that are compared."""

    sources: Mapping[int, Source] = field(default_factory=dict)
    conditions: tuple[Formula, ...] = ()

    def inside(self, block: Block) -> Context:
        return Context({**self.sources, **dict(block.atoms)}, (*self.conditions, *block.conditions))

    def outside(self, block: Block) -> Context:
        """What this was before it was `inside` the block."""
        own = dict(block.atoms)
        sources = {atom: source for atom, source in self.sources.items() if atom not in own}
        return Context(sources, self.conditions[: len(self.conditions) - len(block.conditions)])

    def facts(self, work: Workspace) -> Facts:
        return Facts(self.sources, self.conditions, work)


class Unmapped(Exception):
    """A column has no counterpart."""


@dataclass(frozen=True, slots=True)
class Mapped:
    """Atoms of one block to atoms of another, with the columns of each."""

    atoms: dict[int, tuple[int, tuple[Term | None, ...]]]

    def __call__(self, column: Column) -> Term:
        if column.atom not in self.atoms:
            return column
        found = self.atoms[column.atom][1][column.index]
        if found is None:
            raise Unmapped
        return found

    def and_(self, atom: int, other: int, columns: Sequence[Term | None]) -> Mapped:
        return Mapped({**self.atoms, atom: (other, tuple(columns))})


Counterparts = Callable[[tuple[int, Source], Source, Mapped, Context, Workspace], Iterator[Sequence[Term | None]]]


def embeddings(
    a: Block, b: Block, inner: Context, facts: Facts, one_to_one: bool, counterparts: Counterparts, work: Workspace
) -> Iterator[Mapped]:
    """Mappings of the atoms of `b` to those of `a` under which a's conditions imply b's, and the other way round
    where the mapping is to be one-to-one."""
    if one_to_one and _kinds(a) != _kinds(b):
        return
    order = sorted(b.atoms, key=lambda atom: not isinstance(atom[1], Table))
    targets = (
        list(a.atoms)
        if one_to_one
        else [*a.atoms, *((k, s) for k, s in inner.sources.items() if k not in dict(a.atoms))]
    )
    outer = inner.outside(a)
    # A source that depends on other atoms is found to be the same for rows that meet a's conditions. That b's rows meet
    # these, and that it is the same source for them, must not follow from what a's source says of its own rows.
    own = {atom for atom, _ in a.atoms}
    depending = {atom for atom, source in a.atoms if one_to_one and mentioned(source) & own}
    rows = {atom: source for atom, source in inner.sources.items() if atom not in depending}
    places = {
        atom: Context(rows, inner.conditions) if atom in depending else outer for atom, _ in a.atoms if one_to_one
    }
    search = _Search(inner, places, one_to_one, counterparts, work)
    for mapping in islice(search.assignments(order, targets, Mapped({})), _EMBEDDINGS):
        work.spend(2)
        try:
            conditions = [in_formula(condition, mapping) for condition in b.conditions]
        except Unmapped:
            continue
        if not all(follows(condition, inner, facts, work) for condition in conditions):
            continue
        if one_to_one:
            back = Context(rows, (*outer.conditions, *conditions))
            back_facts = back.facts(work)
            if not all(follows(condition, back, back_facts, work) for condition in a.conditions):
                continue
        yield mapping


def _kinds(block: Block) -> list[str]:
    return sorted(source.name if isinstance(source, Table) else type(source).__name__ for _, source in block.atoms)


@dataclass(frozen=True, slots=True)
class _Search:
    inner: Context
    places: Mapping[int, Context]  # what may be used to find an atom's source the same, where that is not `inner`
    one_to_one: bool
    counterparts: Counterparts
    work: Workspace

    def assignments(
        self, order: list[tuple[int, Source]], targets: list[tuple[int, Source]], mapping: Mapped
    ) -> Iterator[Mapped]:
        if not order:
            yield mapping
            return
        (atom, source), *rest = order
        for target in targets:
            left = [one for one in targets if one is not target] if self.one_to_one else targets
            context = self.places.get(target[0], self.inner)
            for columns in self.counterparts(target, source, mapping, context, self.work):
                yield from self.assignments(rest, left, mapping.and_(atom, target[0], columns))


def follows(condition: Formula, context: Context, facts: Facts, work: Workspace) -> bool:
    return facts.holds(condition) or entails(context.sources, context.conditions, condition, work)


def same_term(a: Term, b: Term, context: Context, facts: Facts, work: Workspace) -> bool:
    """Whether both have the same value wherever the conditions of the context hold."""
    work.spend()
    if a == b or facts.canon(a) == facts.canon(b):
        return True
    if isinstance(a, Case) or isinstance(b, Case):
        for first, x in paths(a):
            for second, y in paths(b):
                guard = conj((first, second))
                if guard != TRUE and refuted(context.sources, (*context.conditions, guard), work):
                    continue
                inner = Context(context.sources, (*context.conditions, guard))
                inner_facts = inner.facts(work)
                if not inner_facts.contradiction and inner_facts.canon(x) != inner_facts.canon(y):
                    return False
        return True
    both = conj((is_null(a), is_null(b)))
    return entails(context.sources, context.conditions, both, work)
