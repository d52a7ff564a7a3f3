"""What is known of each table before any instance: its pools, keys and foreign keys by place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..shape import ForeignKey, TableShape
from .checks import columns_of
from .laws import Law
from .values import Pool


@dataclass(frozen=True, slots=True)
class Reference:
    """A foreign key by the places of its columns."""

    places: tuple[int, ...]
    parent: TableShape
    targets: tuple[int, ...]
    may_be_null: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """What is known of a table before any instance."""

    table: TableShape
    pools: list[Pool]
    living: list[int]  # columns that the queries name: the others are the same in most rows
    keys: list[tuple[int, ...]]
    references: list[Reference]
    law: Law | None  # the CHECKs over its rows; those over single columns have done most of their work in the pools
    checked: set[int]  # columns of which CHECKs speak, their own or those of a key that they refer to

    def has_kin(self, place: int) -> bool:
        """Whether a column may hold any text."""
        return self.table.columns[place].kind == "TEXT" and place not in self.checked


class Plans:
    """The plans of all tables. `names` are the columns that the queries name, in lower case."""

    def __init__(
        self,
        tables: Sequence[TableShape],
        pools: Mapping[tuple[str, str], Pool],
        names: frozenset[str],
        laws: Mapping[str, Law | None],
    ) -> None:
        self.tables = tables
        by_name = {table.name.lower(): table for table in tables}
        self._plans = {table.name: _plan(table, by_name, pools, names, laws[table.name]) for table in tables}
        self.targets: dict[str, set[tuple[int, ...]]] = {table.name: set() for table in tables}
        for plan in self._plans.values():
            for reference in plan.references:
                self.targets[reference.parent.name].add(reference.targets)

    def __getitem__(self, table: TableShape) -> Plan:
        return self._plans[table.name]


def _plan(
    table: TableShape,
    by_name: Mapping[str, TableShape],
    pools: Mapping[tuple[str, str], Pool],
    names: frozenset[str],
    law: Law | None,
) -> Plan:
    places = _places(table)
    # (Whether keys of generated columns are taken, loading tells.)
    keys = [tuple(places[n.lower()] for n in key) for key in table.keys if all(n.lower() in places for n in key)]
    in_keys = {place for key in keys for place in key}
    own = [pools[table.name, column.name] for column in table.columns]
    spoken_of = {name for check in table.checks for name in columns_of(check, table)}
    return Plan(
        table,
        own,
        [i for i, c in enumerate(table.columns) if (c.name.lower() in names or c.unique) and i not in in_keys],
        keys,
        [_reference(table, key, by_name[key.parent]) for key in table.foreign_keys if key.parent in by_name],
        law,
        {i for i, c in enumerate(table.columns) if own[i].checked or c.name.lower() in spoken_of},
    )


def _reference(table: TableShape, key: ForeignKey, parent: TableShape) -> Reference:
    here, there = _places(table), _places(parent)
    places = tuple(here[name.lower()] for name in key.columns)
    targets = tuple(there[name.lower()] for name in key.parent_columns if name.lower() in there)
    return Reference(places, parent, targets, not all(table.columns[place].not_null for place in places))


def _places(table: TableShape) -> dict[str, int]:
    return {column.name.lower(): i for i, column in enumerate(table.columns)}
