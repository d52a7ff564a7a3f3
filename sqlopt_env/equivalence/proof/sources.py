"""What an atom's source gives: the types of its columns, and which of them identify a row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..shape import ColumnShape, TableShape
from .algebra import Column, Group, Query, Source, Table, Term, Type, Windowed
from .kinds import affinity_of, column_type, typeof, union

_INSENSITIVE = frozenset(("key", "any", "min", "max"))


def output_types(source: Source) -> tuple[Type, ...]:
    match source:
        case Table():
            return source.types
        case Group():
            return tuple(
                aggregate_type(role, type_) for role, type_ in zip(source.roles, query_types(source.query), strict=True)
            )
        case Windowed():
            types = query_types(source.query)
            found = [function_type(one.name, [types[i] for i in one.arguments]) for one in source.functions]
            return (*types, *found)


def function_type(name: str, arguments: list[Type]) -> Type:
    """The type of a window function's value."""
    if name in ("row_number", "rank", "dense_rank", "count"):
        return Type("I", "n", False)
    if name in ("percent_rank", "cume_dist"):
        return Type("R", "r", False)
    type_ = union(arguments) if name in ("lag", "lead") else aggregate_type(name, arguments[0])
    return Type(type_.classes, type_.form, True)


def query_types(query: Query) -> list[Type]:
    if len(query.blocks) == 1:
        return [typeof(output) for output in query.blocks[0].outputs]
    rows = [[typeof(output) for output in block.outputs] for block in query.blocks]
    return [union(list(types)) for types in zip(*rows, strict=True)]


def aggregate_type(role: str, type_: Type) -> Type:
    match role.removesuffix(" distinct"):
        case "count":
            return Type("I", "n", False)
        case "sum":
            if type_.classes == "I":
                return type_
            return Type(*("R", "r") if type_.classes == "R" else ("IR", ""), True)
        case "avg":
            return Type("R", "r", type_.nullable or type_.classes != "I")
        case "total":
            return Type("R", "r", False)
        case _:
            return type_


def columns_of(atom: int, source: Source) -> tuple[Term, ...]:
    return tuple(Column(atom, index, type_) for index, type_ in enumerate(output_types(source)))


def ignores_duplicates(group: Group) -> bool:
    """Whether it makes no difference how often a row comes."""
    return all(role in _INSENSITIVE or role.endswith(" distinct") for role in group.roles)


def counts_of_some(atom: int, source: Source) -> list[Term]:
    """The columns that count something in every row of a group, so that they are 1 at least."""
    if not isinstance(source, Group):
        return []
    return [
        column
        for column, role, type_ in zip(columns_of(atom, source), source.roles, query_types(source.query), strict=False)
        if role.startswith("count") and not type_.nullable
    ]


def table_of(shape: TableShape) -> Table:
    names = [column.name.lower() for column in shape.columns]
    keys = []
    for key in shape.keys:
        indices = tuple(names.index(name.lower()) for name in key if name.lower() in names)
        if len(indices) == len(key) and all(shape.columns[index].not_null for index in indices):
            keys.append(indices)
    return Table(shape.name.lower(), shape, tuple(column_type(column) for column in shape.columns), tuple(keys))


def keys_of(source: Source) -> Sequence[tuple[int, ...]]:
    """The sets of columns that identify a row: none of them may be NULL, or NULLs count as equal."""
    if isinstance(source, Group):
        return [tuple(index for index, role in enumerate(source.roles) if role == "key")]
    return source.keys if isinstance(source, Table) else ()


def _is_kept(child: ColumnShape | None, parent: ColumnShape | None) -> bool:
    """Whether the child's value is compared as it is: it gets the affinity of the parent's column first."""
    if child is None or parent is None:
        return False
    affinities = [affinity_of(column.declared) for column in (child, parent)]
    first, second = (one if one in ("TEXT", "BLOB") else "NUMERIC" for one in affinities)
    return second in ("BLOB", first)


def references(child: int, source: Table, parent: Table) -> Iterator[dict[int, Term]]:
    """For every foreign key from one table to a key of the other: the parent's columns with those of the child's atom
    that refer to them. Where none of the latter is NULL, there is exactly one such row of the parent."""
    columns = columns_of(child, source)
    names = [column.name.lower() for column in source.shape.columns]
    targets = [column.name.lower() for column in parent.shape.columns]
    for key in source.shape.foreign_keys:
        if key.parent != parent.name:
            continue
        pairs = {
            targets.index(target.lower()): columns[names.index(name.lower())]
            for name, target in zip(key.columns, key.parent_columns, strict=True)
        }
        is_plain = all(
            "?" not in typeof(column).classes + parent.types[index].classes for index, column in pairs.items()
        ) and all(
            _is_kept(source.shape.column(name), parent.shape.column(target))
            for name, target in zip(key.columns, key.parent_columns, strict=True)
        )
        if is_plain and sorted(pairs) in [sorted(one) for one in parent.keys]:
            yield pairs
