"""Refutation by cases: whether conditions can hold together at all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import product

from .algebra import And, Block, Exists, Formula, Group, Or, Source, Table
from .build import compare, negate, same
from .facts import Facts
from .sources import columns_of, references
from .substitute import Workspace, alpha, in_formula, in_source, refreshed, renamed

_DEPTH = 6
_INSTANCES = 12


def refuted(sources: Mapping[int, Source], formulas: Iterable[Formula], work: Workspace, depth: int = 0) -> bool:
    """True only where no rows of the sources make all formulas true. False says nothing."""
    work.spend()
    sources, formulas = _with_witnesses(dict(sources), list(formulas), work)
    facts = Facts(sources, formulas, work)
    if facts.contradiction:
        return True
    if depth >= _DEPTH:
        return False
    pending = [choice for choice in (_open(facts, one) for one in facts.pending) if choice is not None]
    if any(not choice for choice in pending):
        return True
    if pending:
        choice = min(pending, key=len)
        return all(refuted(sources, [*formulas, part], work, depth + 1) for part in choice)
    absent = [one for one in facts.exists if one.negated]
    if not absent:
        return False
    if any(_instantiated(facts, one, work) for one in absent):
        return True
    more, conditions = implied_rows(facts, {source for one in absent for _, source in one.block.atoms}, work)
    if not more:
        return False
    facts = Facts({**sources, **more}, [*formulas, *conditions], work)
    return facts.contradiction or any(_instantiated(facts, one, work) for one in absent)


def _open(facts: Facts, choice: Or) -> list[Formula] | None:
    """The parts that are still possible; None where one of them holds anyway."""
    if any(facts.holds(part) for part in choice.parts):
        return None
    return [part for part in choice.parts if not facts.excludes(part)]


def _with_witnesses(
    sources: dict[int, Source], formulas: list[Formula], work: Workspace
) -> tuple[dict[int, Source], list[Formula]]:
    """Rows that are said to exist are put among the sources."""
    found: list[Formula] = []
    waiting = formulas
    while waiting:
        formula = waiting.pop(0)
        if isinstance(formula, And):
            waiting = [*formula.parts, *waiting]
        elif isinstance(formula, Exists) and not formula.negated:
            block = refreshed(formula.block, work)
            sources.update(block.atoms)
            waiting = [*block.conditions, *waiting]
        else:
            found.append(formula)
    return sources, found


def implied_rows(facts: Facts, wanted: set[Source], work: Workspace) -> tuple[dict[int, Source], list[Formula]]:
    """Rows that there must be beside those of the sources: in every group one, and for every foreign key its parent."""
    sources: dict[int, Source] = {}
    conditions: list[Formula] = []
    for atom, source in facts.sources.items():
        if isinstance(source, Group) and len(source.query.blocks) == 1:
            block = refreshed(source.query.blocks[0], work)
            sources.update(block.atoms)
            conditions += block.conditions
            for role, column, output in zip(source.roles, columns_of(atom, source), block.outputs, strict=True):
                if role in ("key", "any"):
                    conditions.append(same(column, output))
        for parent in wanted if isinstance(source, Table) else ():
            if isinstance(parent, Table) and isinstance(source, Table):
                for pairs in references(atom, source, parent):
                    if all(facts.is_not_null(facts.canon(column)) for column in pairs.values()):
                        row = work.fresh()
                        sources[row] = parent
                        target = columns_of(row, parent)
                        conditions += [compare("=", column, target[index]) for index, column in pairs.items()]
    return sources, conditions


def _instantiated(facts: Facts, absent: Exists, work: Workspace) -> bool:
    """Whether rows that are there are those that are said not to exist."""
    for number, block in enumerate(instances(absent.block, facts)):
        if number >= _INSTANCES:
            return False
        work.spend()
        if all(_entailed(facts, condition, work) for condition in block):
            return True
    return False


def instances(block: Block, facts: Facts) -> Iterator[list[Formula]]:
    """The conditions of the block over rows of the sources of `facts`, in every way that fits."""
    choices = [
        [other for other, candidate in facts.sources.items() if other != atom and matches(source, candidate, facts)]
        for atom, source in block.atoms
    ]
    for chosen in product(*choices):
        replace = renamed({atom: other for (atom, _), other in zip(block.atoms, chosen, strict=True)})
        yield [facts.canon_formula(in_formula(condition, replace)) for condition in block.conditions]


def matches(source: Source, candidate: Source, facts: Facts) -> bool:
    if isinstance(source, Table) or isinstance(candidate, Table):
        return source == candidate
    return alpha(in_source(source, facts.canon_column)) == alpha(in_source(candidate, facts.canon_column))


def _entailed(facts: Facts, formula: Formula, work: Workspace) -> bool:
    if facts.holds(formula):
        return True
    if isinstance(formula, And):
        return all(_entailed(facts, part, work) for part in formula.parts)
    return isinstance(formula, Or) and any(_entailed(facts, part, work) for part in formula.parts)


def entails(sources: Mapping[int, Source], known: Iterable[Formula], formula: Formula, work: Workspace) -> bool:
    if isinstance(formula, And):
        known = list(known)
        return all(entails(sources, known, part, work) for part in formula.parts)
    return refuted(sources, [*known, negate(formula)], work)
