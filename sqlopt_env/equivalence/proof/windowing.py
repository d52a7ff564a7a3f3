"""Rules on window functions, seen from the block that they are an atom of."""

from __future__ import annotations

from dataclasses import replace

from .algebra import Block, Query, Term, Windowed, WindowFunction, columns, mentioned
from .facts import Facts
from .relations import filtered
from .sources import columns_of
from .substitute import Workspace, in_block, values_for


def pushed_filters(block: Block, as_set: bool, facts: Facts, work: Workspace) -> list[Block] | None:
    """A filter on what all functions are partitioned by leaves whole partitions out."""
    own = {atom for atom, _ in block.atoms}
    for atom, source in block.atoms:
        if not isinstance(source, Windowed):
            continue
        shared = _shared_partition(source)
        for condition in block.conditions:
            used = {column.index for column in columns(condition) if column.atom == atom}
            if mentioned(condition) & own == {atom} and used <= shared:
                pushed = Windowed(filtered(source.query, atom, condition), source.functions)
                rest = tuple(other for other in block.conditions if other is not condition)
                return [_with(Block(block.atoms, rest, block.outputs), atom, pushed, columns_of(atom, pushed))]
    return None


def _shared_partition(source: Windowed) -> set[int]:
    """The outputs that are the same in every partition of every function."""
    shared = set(range(len(source.query.blocks[0].outputs)))
    for function in source.functions:
        shared &= {
            index
            for index in shared
            if any(
                all(block.outputs[index] == block.outputs[part] for block in source.query.blocks)
                for part in function.partition
            )
        }
    return shared


def _with(block: Block, atom: int, source: Windowed, values: tuple[Term, ...]) -> Block:
    atoms = tuple((one, source if one == atom else other) for one, other in block.atoms)
    return in_block(Block(atoms, block.conditions, block.outputs), values_for(atom, values))


def without_unused(block: Block, as_set: bool, facts: Facts, work: Workspace) -> list[Block] | None:
    """Functions and columns that nobody reads are left out; without functions only the rows remain."""
    for atom, source in block.atoms:
        if not isinstance(source, Windowed):
            continue
        width = len(source.query.blocks[0].outputs)
        used = {column.index for column in columns(block) if column.atom == atom}
        functions = [index for index in range(len(source.functions)) if width + index in used]
        if not functions:
            return _rows(block, atom, source)
        read = {index for number in functions for index in _inputs(source.functions[number])}
        kept = sorted({index for index in used if index < width} | read)
        if len(kept) < width or len(functions) < len(source.functions):
            return [_narrowed(block, atom, source, kept, functions)]
    return None


def _inputs(function: WindowFunction) -> list[int]:
    return [*function.arguments, *function.partition, *(index for index, _ in function.order)]


def _rows(block: Block, atom: int, source: Windowed) -> list[Block]:
    found = []
    for inner in source.query.blocks:
        atoms = tuple(one for one in block.atoms if one[0] != atom)
        rest = in_block(Block(atoms, block.conditions, block.outputs), values_for(atom, inner.outputs))
        found.append(Block((*rest.atoms, *inner.atoms), (*rest.conditions, *inner.conditions), rest.outputs))
    return found


def _narrowed(block: Block, atom: int, source: Windowed, kept: list[int], functions: list[int]) -> Block:
    blocks = tuple(
        replace(inner, outputs=tuple(inner.outputs[index] for index in kept)) for inner in source.query.blocks
    )
    place = {old: new for new, old in enumerate(kept)}
    moved = tuple(
        WindowFunction(
            function.name,
            tuple(place[index] for index in function.arguments),
            tuple(place[index] for index in function.partition),
            tuple((place[index], descending) for index, descending in function.order),
            function.frame,
        )
        for function in (source.functions[number] for number in functions)
    )
    narrow = Windowed(Query(blocks), moved)
    old, new = columns_of(atom, source), columns_of(atom, narrow)
    width = len(source.query.blocks[0].outputs)
    values = list(old)
    for index, position in place.items():
        values[index] = new[position]
    for number, function in enumerate(functions):
        values[width + function] = new[len(kept) + number]
    return _with(block, atom, narrow, tuple(values))
