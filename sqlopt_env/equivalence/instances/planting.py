"""A task's small databases with values planted in them that a rewrite's own literals are about.

The databases kept with a task tell mistakes in its query apart, but know nothing of the literals that a rewrite brings.
Each is copied several times within itself, under other keys so that rows still belong together, and each copy holds
other values around those literals. That takes a fraction of the time that instances made for the pair take.
What the original says of keys (`user_id = 439`) no new key fulfils: so every third copy keeps the foreign keys of its
rows, and in every other database the rows that were there are planted too, where they stand.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import cycle
from typing import TypeAlias

from ...sqlite.connection import memory_connection
from ..compare import Row, Value
from ..shape import ColumnShape, TableShape
from .checks import Check, checks_by_column
from .literals import neighbours
from .supplies import are_free, legal, supply
from .values import fitting, fresh, held, pick

_Name: TypeAlias = tuple[str, str]  # of a column: table and column in lower case
_Keys: TypeAlias = dict[tuple[_Name, Value], Value]  # the keys of a copy, by what they were

_ROWS, _MOST_COPIES = 40, 6  # of an instance, about
_KEEPING = (False, True, False)  # which copies keep what their rows refer to
_SHARE = 0.6  # of a column's values, those that others take the place of
_NULLS = 0.06
_FIRST_KEY = 5000


@dataclass(slots=True)
class _Bed:
    """A column of which copies hold other values: because it is a `key`, or refers to one, or to plant something."""

    place: int
    column: ColumnShape
    key: _Name | None
    is_own: bool  # not what refers to a key, but the key
    is_free: bool  # nothing refers to it
    values: list[Value]
    new: tuple[Value, ...]  # keys, where CHECKs do not let in any
    next: Iterator[Value]

    def fresh(self, number: int) -> Value:
        return self.new[number % len(self.new)] if self.new else fresh(self.column, number)


class Planting:
    """Grows instances. `read` holds the tables that the queries read, `literals` what is compared with each column, all
    names in lower case.
    """

    def __init__(
        self,
        tables: Sequence[TableShape],
        read: Collection[str],
        literals: Mapping[str, Iterable[Value]],
    ) -> None:
        self._tables = tables
        needed = _with_parents(tables, read)
        keys, checks = _keys(tables), checks_by_column(tables)
        shared = {key for name, key in keys.items() if name != key}

        def beds(table: TableShape) -> Iterator[_Bed]:
            for place, column in enumerate(table.columns):
                name = (table.name.lower(), column.name.lower())
                its = checks.get(name, ())
                values = _values(column, literals.get(name[1], ()), its)
                key = keys.get(name)
                if key is not None or values:
                    new = supply(column, its) if key is not None and its and not are_free(column, its) else ()
                    yield _Bed(place, column, key, key == name, name not in shared, values, new, iter(()))

        self._beds = {table.name: list(beds(table)) for table in tables if table.name.lower() in needed}

    def grown(self, rows: Mapping[str, list[Row]], number: int, seed: int) -> dict[str, list[Row]]:
        """These rows and copies of them, but nothing in tables that do not matter; the same for the same seed."""
        rng = random.Random(seed * 1000 + number)
        found = {table.name: list(rows[table.name]) if table.name in self._beds else [] for table in self._tables}
        parts = [(found[name], list(found[name]), beds) for name, beds in self._beds.items() if found[name]]
        planted = [bed for _, _, beds in parts for bed in beds if bed.values]
        for bed in planted:
            bed.next = cycle(rng.sample(bed.values, len(bed.values)))
        if number % 2:
            for grown, members, beds in parts:
                grown[:] = _planted(members, beds, rng.random)
        size = sum(len(members) for _, members, _ in parts)
        for copy in range(max(1, min(_MOST_COPIES, _ROWS // max(1, size)))):
            keys: _Keys = {}
            # Every other copy is planted in one column alone, with one value: all rows of a group, all children.
            only = pick(rng, planted) if planted and copy % 2 == 0 else None
            keeps = _KEEPING[(number + copy) % len(_KEEPING)]
            for grown, members, beds in parts:
                grown += _copied(members, beds, only, keys, _FIRST_KEY + 1000 * copy, rng.random, keeps)
        return found


def _planted(rows: list[Row], beds: list[_Bed], chance: Callable[[], float]) -> list[Row]:
    """These rows themselves with other values, but for the keys that rows refer to each other by."""
    changed = [list(row) for row in rows]
    for bed in beds:
        if bed.values and (bed.key is None or (bed.is_own and bed.is_free)):
            for row in changed:
                if chance() < _SHARE:
                    row[bed.place] = next(bed.next)
    return [tuple(row) for row in changed]


def _copied(
    rows: list[Row],
    beds: list[_Bed],
    only: _Bed | None,
    keys: _Keys,
    first: int,
    chance: Callable[[], float],
    keeps: bool,
) -> list[Row]:
    """A copy under keys of its own, from number `first` on; planted in the `only` column where there is one. One that
    `keeps` refers to what its rows refer to."""
    copies = [list(row) for row in rows]
    for bed in beds:
        place = bed.place
        plants = bed.values and (only is None or bed is only)
        if bed.key is not None and (bed.is_own or not keeps):
            for row in copies:
                old = row[place]
                if old is not None:
                    if (bed.key, old) not in keys:
                        value = next(bed.next) if plants and chance() < _SHARE else None
                        keys[bed.key, old] = bed.fresh(first + len(keys)) if value is None else value
                    row[place] = keys[bed.key, old]
        elif bed is only:
            value = next(bed.next)
            for row in copies:
                row[place] = value
        elif plants:
            for row in copies:
                if chance() < _SHARE:
                    row[place] = next(bed.next)
    return [tuple(row) for row in copies]


def _values(column: ColumnShape, literals: Iterable[Value], checks: tuple[Check, ...]) -> list[Value]:
    """What is planted in a column, the literals themselves more often than the others."""
    met = held(column, sorted(literals, key=repr))
    exact, near = fitting(column, met), fitting(column, (value for literal in met for value in _around(literal)))
    found = [*near, *exact]
    if found and checks:
        with closing(memory_connection()) as connection:
            found = legal(connection, column, checks, found)
    return found + [None] * max(1, round(_NULLS * len(found))) if found and not column.not_null else found


def _around(literal: Value) -> Iterator[Value]:
    yield from neighbours(literal)
    if isinstance(literal, str) and literal:  # what begins with 'abc' lies between 'abc' and 'abd'
        yield from (literal[:-1] + chr(max(1, ord(literal[-1]) + step)) for step in (-1, 1))


def _with_parents(tables: Sequence[TableShape], read: Iterable[str]) -> set[str]:
    """These tables and those that they refer to, which stand before them (but where keys go round in a circle)."""
    needed = set(read)
    for table in reversed(tables):
        if table.name.lower() in needed:
            needed |= {key.parent for key in table.foreign_keys}
    return needed


def _keys(tables: Iterable[TableShape]) -> dict[_Name, _Name]:
    """Keys of a single column, and what refers to them, with the key that it is."""
    found = {
        (table.name.lower(), key[0].lower()): (table.name.lower(), key[0].lower())
        for table in tables
        for key in table.keys
        if len(key) == 1
    }
    for table in tables:
        for key in table.foreign_keys:
            for here, there in zip(key.columns, key.parent_columns, strict=False):
                parent = (key.parent, there.lower())
                if parent in found:
                    found[table.name.lower(), here.lower()] = found[parent]
    return found
