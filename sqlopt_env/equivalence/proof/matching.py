"""Are two blocks, or the sources of two atoms, the same?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .algebra import Block, Group, Query, Source, Table, Term, Windowed, WindowFunction
from .embedding import Context, Mapped, Unmapped, embeddings, same_term
from .sources import columns_of, ignores_duplicates
from .substitute import Workspace, in_source, in_term


def same_query(a: Query, b: Query, context: Context, work: Workspace) -> bool:
    """Whether they are the same bags, outputs by position."""
    if len(a.blocks) != len(b.blocks):
        return False
    left = list(b.blocks)
    for block in a.blocks:
        other = next((one for one in left if same_block(block, one, context, work)), None)
        if other is None:
            return False
        left.remove(other)
    return True


def same_block(a: Block, b: Block, context: Context, work: Workspace) -> bool:
    return len(a.outputs) == len(b.outputs) and _outputs_agree(a, b, context, True, work)


def contained(a: Block, b: Block, context: Context, work: Workspace) -> bool:
    """Whether every row of `a` is a row of `b`, however often."""
    return _outputs_agree(a, b, context, False, work)


def _outputs_agree(a: Block, b: Block, context: Context, one_to_one: bool, work: Workspace) -> bool:
    """Whether the sources of `b` can be mapped onto those of `a` so that the outputs are the same."""
    inner = context.inside(a)
    facts = inner.facts(work)
    for mapping in embeddings(a, b, inner, facts, one_to_one, _counterparts, work):
        try:
            if all(
                same_term(x, in_term(y, mapping), inner, facts, work) for x, y in zip(a.outputs, b.outputs, strict=True)
            ):
                return True
        except Unmapped:
            continue
    return False


def _counterparts(
    target: tuple[int, Source], source: Source, mapping: Mapped, inner: Context, work: Workspace
) -> Iterator[Sequence[Term | None]]:
    """For every column of `source`, the column of the target that it is."""
    atom, other = target
    if type(other) is not type(source):
        return
    if isinstance(source, Table):
        if source == other:
            yield columns_of(atom, other)
        return
    if isinstance(source, Group) and isinstance(other, Group):
        try:
            moved = in_source(source, mapping)
        except Unmapped:
            return
        assert isinstance(moved, Group)
        columns = columns_of(atom, other)
        for places in _same_groups(other, moved, inner, work):
            yield [columns[place] if place is not None else None for place in places]
    if isinstance(source, Windowed) and isinstance(other, Windowed):
        try:
            moved = in_source(source, mapping)
        except Unmapped:
            return
        assert isinstance(moved, Windowed)
        columns = columns_of(atom, other)
        for places in same_windows(other, moved, inner, work):
            yield [columns[place] if place is not None else None for place in places]


def same_windows(a: Windowed, b: Windowed, context: Context, work: Workspace) -> Iterator[list[int | None]]:
    """The places in `a` of the columns of `b`, where they are the same functions of the same rows."""
    if len(a.query.blocks) != len(b.query.blocks):
        return
    width = len(a.query.blocks[0].outputs)
    candidates = [set(range(width)) for _ in b.query.blocks[0].outputs]
    for found in _block_pairs(list(a.query.blocks), list(b.query.blocks), candidates, context, True, work):
        places: list[int | None] = [min(one) if one else None for one in found]
        for function in b.functions:
            equal = (width + i for i, other in enumerate(a.functions) if _same_function(other, function, found))
            places.append(next(equal, None))
        yield places


def _same_function(a: WindowFunction, b: WindowFunction, found: list[set[int]]) -> bool:
    if (a.name, a.frame, len(a.arguments), len(a.order)) != (b.name, b.frame, len(b.arguments), len(b.order)):
        return False
    return (
        all(i in found[j] for i, j in zip(a.arguments, b.arguments, strict=True))
        and all(i in found[j] and x == y for (i, x), (j, y) in zip(a.order, b.order, strict=True))
        and all(any(i in found[j] for i in a.partition) for j in b.partition)
        and all(any(i in found[j] for j in b.partition) for i in a.partition)
    )


def _same_groups(a: Group, b: Group, context: Context, work: Workspace) -> Iterator[list[int | None]]:
    """The places in `a` of the columns of `b`, where they group the same rows by the same keys."""
    if a.roles.count("key") != b.roles.count("key") or len(a.query.blocks) != len(b.query.blocks):
        return
    as_set = ignores_duplicates(a) and ignores_duplicates(b)
    candidates = [{i for i, other in enumerate(a.roles) if other == role} for role in b.roles]
    for found in _block_pairs(list(a.query.blocks), list(b.query.blocks), candidates, context, not as_set, work):
        places = _injective(found, a, b)
        if places is None:
            continue
        if as_set and not _back(a, b, places, context, work):
            continue
        yield places


def _block_pairs(
    left: list[Block],
    right: list[Block],
    candidates: list[set[int]],
    context: Context,
    one_to_one: bool,
    work: Workspace,
) -> Iterator[list[set[int]]]:
    """For every output of the right blocks, the outputs of the left ones that it equals, block by block."""
    if not left:
        yield candidates
        return
    block, *rest = left
    inner = context.inside(block)
    facts = inner.facts(work)
    for other in right:
        for mapping in embeddings(block, other, inner, facts, one_to_one, _counterparts, work):
            found = []
            for places, output in zip(candidates, other.outputs, strict=True):
                try:
                    term = in_term(output, mapping)
                except Unmapped:
                    found.append(set[int]())
                    continue
                found.append({i for i in places if same_term(block.outputs[i], term, inner, facts, work)})
            if any(not places for places, role in zip(found, candidates, strict=True) if role):
                continue
            yield from _block_pairs(rest, [one for one in right if one is not other], found, context, one_to_one, work)


def _injective(candidates: list[set[int]], a: Group, b: Group) -> list[int | None] | None:
    """One place for every column, for keys all different ones."""
    used: set[int] = set()
    places: list[int | None] = []
    for found, role in zip(candidates, b.roles, strict=True):
        free = sorted(found - used if role == "key" else found)
        if role == "key":
            if not free:
                return None
            used.add(free[0])
        places.append(free[0] if free else None)
    return places


def _back(a: Group, b: Group, places: list[int | None], context: Context, work: Workspace) -> bool:
    """Whether every row of b's source is one of a's too."""
    pairs = [(i, j) for j, i in enumerate(places) if i is not None]
    for block in b.query.blocks:
        outputs = Block(block.atoms, block.conditions, tuple(block.outputs[j] for _, j in pairs))
        if not any(
            contained(outputs, Block(one.atoms, one.conditions, tuple(one.outputs[i] for i, _ in pairs)), context, work)
            for one in a.query.blocks
        ):
            return False
    return True
