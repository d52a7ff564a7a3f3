"""Rules on what groups hand out: constants, copies, and rows that are not grouped at all."""

from __future__ import annotations

from .algebra import NULL, ZERO, Block, Exists, Group, Literal, Term, columns, mentioned
from .facts import Facts
from .groups import keeping, replaced
from .rows import Determined, facts_of
from .sources import columns_of
from .substitute import Workspace, bound


def known_outputs(block: Block, as_set: bool, facts: Facts, work: Workspace) -> list[Block] | None:
    """A column that is the same for all groups, or a copy of another column, is replaced by what it is."""
    for atom, source in block.atoms:
        if not isinstance(source, Group):
            continue
        for index, role in enumerate(source.roles):
            value = _known(atom, source, index, role, work)
            if value is not None:
                kept = [other for other in range(len(source.roles)) if other != index]
                return [keeping(block, atom, source, kept, source.query, {index: value})]
    return None


def _known(atom: int, source: Group, index: int, role: str, work: Workspace) -> Term | None:
    inside = set(bound(source))
    found: set[Term] = set()
    copies = set(range(len(source.roles))) - {index}
    for block in source.query.blocks:
        facts = facts_of(block, work)
        term = facts.canon(block.outputs[index])
        found.add(term)
        copies = {other for other in copies if facts.canon(block.outputs[other]) == term}
    value = next(iter(found)) if len(found) == 1 else None
    if value == NULL and not role.startswith("total"):
        return ZERO if role.startswith("count") else NULL
    if role not in ("key", "any", "min", "max"):
        return None
    if value is not None and not mentioned(value) & inside and (isinstance(value, Literal) or list(columns(value))):
        return value
    keys = sorted(other for other in copies if source.roles[other] == "key")
    return columns_of(atom, source)[keys[0]] if keys and (role != "key" or keys[0] < index) else None


def semi_joined(block: Block, as_set: bool, facts: Facts, work: Workspace) -> list[Block] | None:
    """DISTINCT over a join, where the keys identify the rows of all outputs: the other rows need only exist."""
    for atom, source in block.atoms:
        if not isinstance(source, Group) or len(source.query.blocks) != 1 or not source.roles:
            continue
        if any(role not in ("key", "any", "min", "max") for role in source.roles):
            continue
        inner = source.query.blocks[0]
        keys = [output for output, role in zip(inner.outputs, source.roles, strict=True) if role == "key"]
        fixed = Determined(inner, facts_of(inner, work), keys).atoms
        rows = tuple(one for one in inner.atoms if one[0] in fixed)
        others = tuple(one for one in inner.atoms if one[0] not in fixed)
        hidden = {other for other, _ in others}
        if mentioned(*inner.outputs) & hidden or any(mentioned(one) & hidden for _, one in rows):
            continue
        inside = tuple(condition for condition in inner.conditions if mentioned(condition) & hidden)
        outside = tuple(condition for condition in inner.conditions if condition not in inside)
        rest = replaced(block, atom, None, inner.outputs)
        witness = (Exists(Block(others, inside, ()), False),) if others else ()
        return [Block((*rest.atoms, *rows), (*rest.conditions, *outside, *witness), rest.outputs)]
    return None
