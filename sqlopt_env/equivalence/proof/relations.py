"""The operations of SQL on queries of the algebra: joins of every kind, filters, groups and set operations."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product

from ..shape import TableShape
from .algebra import (
    NULL,
    ZERO,
    Block,
    Column,
    Exists,
    Formula,
    Group,
    Literal,
    NotUnderstood,
    Query,
    Source,
    Term,
)
from .build import conj, disj, negate, same
from .kinds import is_mixed
from .sources import columns_of, query_types, table_of
from .substitute import Workspace, in_block, in_formula, in_term, refreshed, values_for

_MAX_BLOCKS = 32

ONE_ROW = Query((Block((), (), ()),))


def query_of(source: Source, work: Workspace) -> Query:
    atom = work.fresh()
    return Query((Block(((atom, source),), (), columns_of(atom, source)),))


def table(shape: TableShape, work: Workspace) -> Query:
    if any(column.name.lower() in ("true", "false") for column in shape.columns):
        raise NotUnderstood("a column with the name of a constant")
    return query_of(table_of(shape), work)


def slot_columns(slot: int, query: Query) -> list[Term]:
    """Columns that stand for the outputs of a query while conditions on them are being read."""
    return [Column(slot, index, type_) for index, type_ in enumerate(query_types(query))]


def union_all(queries: Iterable[Query]) -> Query:
    return _bounded(Query(tuple(block for query in queries for block in query.blocks)))


def _bounded(query: Query) -> Query:
    if len(query.blocks) > _MAX_BLOCKS:
        raise NotUnderstood("too many blocks")
    return query


def filtered(query: Query, slot: int, condition: Formula) -> Query:
    return Query(tuple(_with(block, in_formula(condition, values_for(slot, block.outputs))) for block in query.blocks))


def projected(query: Query, slot: int, outputs: Sequence[Term]) -> Query:
    blocks = []
    for block in query.blocks:
        replace = values_for(slot, block.outputs)
        blocks.append(Block(block.atoms, block.conditions, tuple(in_term(output, replace) for output in outputs)))
    return Query(tuple(blocks))


def _with(block: Block, *conditions: Formula) -> Block:
    return Block(block.atoms, (*block.conditions, *conditions), block.outputs)


def joined(kind: str, left: Query, right: Query, slot: int, on: Formula, work: Workspace) -> Query:
    """`kind` is inner, left, right or full; `on` reads the columns of both, left ones first, from `slot`.

    `right` may mention columns of `slot` too: then it is evaluated for every row of `left`.
    """
    pairs = [(a, in_block(b, values_for(slot, a.outputs))) for a, b in product(left.blocks, right.blocks)]
    blocks = [_pair(a, b, slot, on) for a, b in pairs]
    if kind in ("left", "full"):
        padding = (NULL,) * len(right.blocks[0].outputs)
        for a in left.blocks:
            unmatched = [negate(exists(_pair(a, b, slot, on), work, a)) for one, b in pairs if one is a]
            blocks.append(Block(a.atoms, (*a.conditions, *unmatched), (*a.outputs, *padding)))
    if kind in ("right", "full"):
        padding = (NULL,) * len(left.blocks[0].outputs)
        for b in right.blocks:
            unmatched = [negate(exists(_pair(a, b, slot, on), work, b)) for a in left.blocks]
            blocks.append(Block(b.atoms, (*b.conditions, *unmatched), (*padding, *b.outputs)))
    return _bounded(Query(tuple(blocks)))


def _pair(a: Block, b: Block, slot: int, on: Formula) -> Block:
    outputs = (*a.outputs, *b.outputs)
    condition = in_formula(on, values_for(slot, outputs))
    return Block((*a.atoms, *b.atoms), (*a.conditions, *b.conditions, condition), outputs)


def exists(block: Block, work: Workspace, given: Block | None = None) -> Formula:
    """That the block has a row; with `given`, whose atoms and conditions are part of it, for a row of that.

    The block inside gets atoms of its own: no atom of a query is bound inside of a formula too.
    """
    atoms = block.atoms
    conditions: tuple[Formula, ...] = block.conditions
    if given is not None:
        own = {atom for atom, _ in given.atoms}
        atoms = tuple((atom, source) for atom, source in atoms if atom not in own)
        conditions = tuple(condition for condition in conditions if condition not in given.conditions)
    return Exists(refreshed(Block(atoms, conditions, ()), work), False) if atoms else conj(conditions)


def any_row(query: Query, work: Workspace) -> Formula:
    return disj(exists(block, work) for block in query.blocks)


def grouped(query: Query, roles: Sequence[str], work: Workspace) -> Query:
    return query_of(Group(query, tuple(roles)), work)


def aggregated(query: Query, roles: Sequence[str], work: Workspace) -> Query:
    """Aggregates without GROUP BY: one row always, so one for no rows too."""
    empty = tuple(
        ZERO if role.startswith("count") else Literal("R", 0.0) if role.startswith("total") else NULL for role in roles
    )
    nothing = Block((), (negate(any_row(query, work)),), empty)
    return Query((*grouped(query, roles, work).blocks, nothing))


def distinct(query: Query, work: Workspace) -> Query:
    check_values(query, ["key"] * len(query.blocks[0].outputs))
    return grouped(query, ["key"] * len(query.blocks[0].outputs), work)


def check_values(rows: Query, roles: Sequence[str]) -> None:
    """1 and 1.0 are equal: which of them stands for a group is undetermined. Raises NotUnderstood."""
    for role, type_ in zip(roles, query_types(rows), strict=True):
        if is_mixed(type_) and role not in ("sum", "avg", "count", "total", "any"):
            raise NotUnderstood("numbers of both kinds")


def matching_rows(query: Query, terms: Sequence[Term], work: Workspace) -> Formula:
    """That the query has a row like this, with NULL like NULL."""
    found = []
    for block in query.blocks:
        equal = [same(term, output) for term, output in zip(terms, block.outputs, strict=True)]
        found.append(exists(_with(block, *equal), work))
    return disj(found)


def common(left: Query, right: Query, negated: bool, work: Workspace) -> Query:
    """INTERSECT, or with `negated` EXCEPT."""
    blocks = []
    for block in left.blocks:
        condition = matching_rows(right, block.outputs, work)
        blocks.append(_with(block, negate(condition) if negated else condition))
    return distinct(Query(tuple(blocks)), work)


def with_column(query: Query, slot: int, value: Query, work: Workspace) -> Query:
    """The query with the value of a scalar subquery, which may mention `slot`, as one more output."""
    return joined("left", query, value, slot, conj(()), work)
