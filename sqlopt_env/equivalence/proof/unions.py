"""Rules on unions: blocks that another one completes."""

from __future__ import annotations

from collections.abc import Callable

from .algebra import Block, Exists
from .embedding import Context
from .matching import contained, same_block
from .substitute import Workspace

NormalBlock = Callable[[Block, bool, Workspace], list[Block]]


def merged(blocks: list[Block], as_set: bool, normal_block: NormalBlock, work: Workspace) -> list[Block]:
    """Rows with a partner and rows without one together are all rows."""
    if as_set:
        blocks = _without_contained(blocks, work)
    while len(blocks) > 1:
        found = _merge(blocks, as_set, normal_block, work)
        if found is None:
            break
        work.rules.add("unused outer join removed")
        blocks = found
    return blocks


def _without_contained(blocks: list[Block], work: Workspace) -> list[Block]:
    left = list(blocks)
    for block in blocks:
        if any(other is not block and contained(block, other, Context(), work) for other in left):
            left = [other for other in left if other is not block]
    return left


def _merge(blocks: list[Block], as_set: bool, normal_block: NormalBlock, work: Workspace) -> list[Block] | None:
    for block in blocks:
        for condition in block.conditions:
            if not isinstance(condition, Exists) or not condition.negated:
                continue
            rest = tuple(other for other in block.conditions if other is not condition)
            whole = Block(block.atoms, rest, block.outputs)
            others = [other for other in blocks if other is not block]
            partners = normal_block(
                Block(block.atoms, (*rest, Exists(condition.block, False)), block.outputs), as_set, work
            )
            left = _without(others, partners, as_set, work)
            if left is not None:
                return [*left, *normal_block(whole, as_set, work)]
    return None


def _without(blocks: list[Block], partners: list[Block], as_set: bool, work: Workspace) -> list[Block] | None:
    """The blocks without the partners, or None where not all of these are there."""
    left = list(blocks)
    for partner in partners:
        for block in left:
            if as_set and not (
                contained(partner, block, Context(), work) and contained(block, partner, Context(), work)
            ):
                continue
            if not as_set and not same_block(block, partner, Context(), work):
                continue
            left.remove(block)
            break
        else:
            return None
    return left
