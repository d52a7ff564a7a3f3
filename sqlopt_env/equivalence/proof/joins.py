"""Rules on joins: semi-joins, self-joins and joins along foreign keys."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from .algebra import Block, Exists, Formula, Table, Term, mentioned
from .build import conj, not_null
from .facts import Facts
from .rows import Determined, facts_of
from .sources import columns_of, keys_of, output_types, references
from .substitute import Replacement, Workspace, in_block, refreshed, values_for


def joined_witnesses(block: Block, as_set: bool, facts: Facts, work: Workspace) -> list[Block] | None:
    """EXISTS (..) becomes a join where it has one witness at most, or where only the set of rows counts."""
    for condition in block.conditions:
        if isinstance(condition, Exists) and not condition.negated:
            witness = refreshed(condition.block, work)
            rest = tuple(other for other in block.conditions if other is not condition)
            joined = Block((*block.atoms, *witness.atoms), (*rest, *witness.conditions), block.outputs)
            if as_set or _adds_no_rows(block, joined, work):
                return [joined]
    return None


def _adds_no_rows(block: Block, joined: Block, work: Workspace) -> bool:
    known = Determined(joined, facts_of(joined, work), atoms=[atom for atom, _ in block.atoms])
    return known.atoms == {atom for atom, _ in joined.atoms}


def merged_rows(block: Block, as_set: bool, facts: Facts, work: Workspace) -> list[Block] | None:
    """Two atoms that must be one row become one atom."""
    for (a, first), (b, second) in combinations(block.atoms, 2):
        if type(first) is not type(second) or len(output_types(first)) != len(output_types(second)):
            continue
        if not keys_of(first) or (isinstance(first, Table) and first != second):
            continue
        if isinstance(first, Table) or facts.same_source(first, second):
            pairs = zip(columns_of(a, first), columns_of(b, second), strict=True)
            if all(facts.canon(x) == facts.canon(y) for x, y in pairs) and b not in mentioned(first):
                return [_without(block, b, values_for(b, columns_of(a, first)))]
    return None


def _without(block: Block, atom: int, replace: Replacement) -> Block:
    rest = Block(tuple(one for one in block.atoms if one[0] != atom), block.conditions, block.outputs)
    return in_block(rest, replace)


def without_parents(block: Block, as_set: bool, facts: Facts, work: Workspace) -> list[Block] | None:
    """A join to the row that a foreign key names changes nothing where that row's other columns are not used."""
    for parent, source in block.atoms:
        if not isinstance(source, Table):
            continue
        for pairs in _references(block, parent, source, facts):
            columns = columns_of(parent, source)
            values = tuple(pairs.get(index, column) for index, column in enumerate(columns))
            rest = _without(block, parent, values_for(parent, values))
            if parent not in mentioned(rest):
                needed = tuple(not_null(value) for value in pairs.values())
                return [Block(rest.atoms, (*rest.conditions, *needed), rest.outputs)]
    return None


def _references(block: Block, parent: int, source: Table, facts: Facts) -> Iterator[dict[int, Term]]:
    """The columns of children that are, one by one, equal to the columns of a key of the parent."""
    targets = columns_of(parent, source)
    for child, other in block.atoms:
        if child == parent or not isinstance(other, Table):
            continue
        for pairs in references(child, other, source):
            if all(
                facts.canon(column) == facts.canon(targets[index]) and facts.is_not_null(facts.canon(column))
                for index, column in pairs.items()
            ):
                yield pairs


def with_outer_conditions(formula: Formula) -> Formula:
    """Conditions inside EXISTS on outer columns alone stand outside of it."""
    if not isinstance(formula, Exists):
        return formula
    block = formula.block
    own = {atom for atom, _ in block.atoms}
    outside = [condition for condition in block.conditions if not mentioned(condition) & own]
    inside = tuple(condition for condition in block.conditions if condition not in outside)
    return conj([*outside, Exists(Block(block.atoms, inside, ()), formula.negated)])
