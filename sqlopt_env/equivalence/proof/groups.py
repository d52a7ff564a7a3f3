"""Rules on groups, seen from the block that they are an atom of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from .absorption import absorbed, counted, without_distinct
from .algebra import ONE, ZERO, Block, Column, Formula, Group, Query, Table, Term, columns, mentioned
from .build import call, case, compare, not_null, same
from .facts import Facts
from .relations import any_row, filtered
from .rows import determines, without_duplicates
from .sources import columns_of, ignores_duplicates, query_types
from .substitute import Workspace, in_block, values_for

_TAKEN_FROM_ONE_ROW = ("key", "any", "min", "max")
Normalise = Callable[[Query, bool], Query]


def normal_group(group: Group, normal_query: Normalise, work: Workspace) -> Group:
    """The group with a normal source and as few keys as possible."""
    group = without_distinct(group, work)
    while True:
        query = normal_query(group.query, ignores_duplicates(group))
        group = without_distinct(absorbed(Group(query, group.roles), work), work)
        if group.query == query:
            break
    group = counted(group)
    if not group.query.blocks:
        return group
    roles = list(group.roles)
    for index in reversed(range(len(roles))):
        keys = [other for other, role in enumerate(roles) if role == "key" and other != index]
        if roles[index] in ("key", "min", "max") and determines(group.query, keys, index, work):
            roles[index] = "any"
    return Group(group.query, tuple(roles))


def replaced(block: Block, atom: int, group: Group | None, values: Sequence[Term], *conditions: Formula) -> Block:
    """The block with another source for an atom, or none, and other terms for its columns."""
    atoms = tuple(
        (one, group if one == atom and group else source) for one, source in block.atoms if one != atom or group
    )
    rest = in_block(Block(atoms, block.conditions, block.outputs), values_for(atom, values))
    return Block(rest.atoms, (*rest.conditions, *conditions), rest.outputs)


def without_unused(block: Block, as_set: bool, facts: Facts, work: Workspace) -> list[Block] | None:
    used = {(column.atom, column.index) for column in columns(block)}
    for atom, source in block.atoms:
        if not isinstance(source, Group):
            continue
        kept = [index for index, role in enumerate(source.roles) if role == "key" or (atom, index) in used]
        if len(kept) < len(source.roles):
            return [keeping(block, atom, source, kept, source.query, {})]
    return None


def keeping(block: Block, atom: int, source: Group, kept: list[int], query: Query, fixed: Mapping[int, Term]) -> Block:
    """The block with only some columns of a group; `fixed` gives terms for others."""
    group = Group(_only(query, kept), tuple(source.roles[index] for index in kept))
    new = columns_of(atom, group)
    old = columns_of(atom, source)
    values = [new[kept.index(index)] if index in kept else fixed.get(index, old[index]) for index in range(len(old))]
    return replaced(block, atom, group, values)


def _only(query: Query, kept: list[int]) -> Query:
    return Query(
        tuple(
            Block(block.atoms, block.conditions, tuple(block.outputs[index] for index in kept))
            for block in query.blocks
        )
    )


def pushed_filters(block: Block, as_set: bool, facts: Facts, work: Workspace) -> list[Block] | None:
    own = {atom for atom, _ in block.atoms}
    for atom, source in block.atoms:
        if not isinstance(source, Group):
            continue
        for condition in block.conditions:
            if mentioned(condition) & own == {atom} and all(
                source.roles[column.index] in ("key", "any") for column in columns(condition) if column.atom == atom
            ):
                rest = tuple(other for other in block.conditions if other is not condition)
                group = Group(filtered(source.query, atom, condition), source.roles)
                return [replaced(Block(block.atoms, rest, block.outputs), atom, group, columns_of(atom, group))]
    return None


def fixed_keys(block: Block, as_set: bool, facts: Facts, work: Workspace) -> list[Block] | None:
    """A key that is equal to something outside of the group: the group of that key is looked up."""
    for position, (atom, source) in enumerate(block.atoms):
        if not isinstance(source, Group):
            continue
        for index, role in enumerate(source.roles):
            key = columns_of(atom, source)[index]
            value = _outside(block, position, key, facts) if role == "key" else None
            if value is None:
                continue
            known = facts.is_not_null(facts.canon(key))
            slot = work.fresh()
            output = Column(slot, index, query_types(source.query)[index])
            condition = compare("=", output, value) if known else same(output, value)
            query = filtered(source.query, slot, condition)
            kept = [other for other in range(len(source.roles)) if other != index]
            found = keeping(block, atom, source, kept, query, {index: value})
            needed = (not_null(value),) if known else ()
            return [Block(found.atoms, (*found.conditions, *needed), found.outputs)]
    return None


def _outside(block: Block, position: int, key: Term, facts: Facts) -> Term | None:
    """A term that is the same as the key and does not come from this group, or from one that depends on it."""
    atom = block.atoms[position][0]
    barred = {atom}
    for number, (other, source) in enumerate(block.atoms):
        if not isinstance(source, Table) and (number > position or mentioned(source) & barred):
            barred.add(other)
    root = facts.canon(key)
    members = [root, *(term for term, found in facts.classes() if found == root)]
    return next((term for term in members if term != key and not mentioned(term) & barred), None)


def as_exists(block: Block, as_set: bool, facts: Facts, work: Workspace) -> list[Block] | None:
    for atom, source in block.atoms:
        if isinstance(source, Group) and not source.roles:
            return [replaced(block, atom, None, (), any_row(source.query, work))]
    return None


def of_one_row(block: Block, as_set: bool, facts: Facts, work: Workspace) -> list[Block] | None:
    for atom, source in block.atoms:
        if isinstance(source, Group):
            types = query_types(source.query)
            if not all(
                role in _TAKEN_FROM_ONE_ROW
                or role.startswith("count")
                or (role.startswith(("sum", "avg")) and type_.classes in ("I", "R"))
                for role, type_ in zip(source.roles, types, strict=True)
            ):
                continue
            keys = [index for index, role in enumerate(source.roles) if role == "key"]
            if without_duplicates(source.query, work, keys):
                return inlined(block, atom, source, _of_one)
    return None


def inside_sets(block: Block, as_set: bool, facts: Facts, work: Workspace) -> list[Block] | None:
    for atom, source in block.atoms if as_set else ():
        if isinstance(source, Group) and all(role in ("key", "any") for role in source.roles):
            return inlined(block, atom, source, _of_one)
    return None


def _of_one(role: str, value: Term) -> Term:
    if role.startswith("count"):
        return case([(not_null(value), ONE)], ZERO)
    if role.startswith("avg"):
        return call("cast real", (value,))
    return value


def inlined(block: Block, atom: int, source: Group, value: Callable[[str, Term], Term]) -> list[Block]:
    """The block with the rows of the source instead of its groups."""
    found = []
    for inner in source.query.blocks:
        values = [value(role, output) for role, output in zip(source.roles, inner.outputs, strict=True)]
        rest = replaced(block, atom, None, values)
        found.append(Block((*rest.atoms, *inner.atoms), (*rest.conditions, *inner.conditions), rest.outputs))
    return found
