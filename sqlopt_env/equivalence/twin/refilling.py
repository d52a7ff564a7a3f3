"""One table's rows on their way into a twin.

SQLite itself enforces the constraints: the rows that it refuses are drawn again, and at last come with the values that
they had, as far as their keys are still free.
"""

from __future__ import annotations

from dataclasses import dataclass

import apsw
import numpy as np

from ...sqlite.connection import quoted
from ..compare import Value
from ..shape import ForeignKey, TableShape
from .references import References
from .resampling import Cells, Picks, Resampled, fresh

_ROUNDS = 4  # of drawing anew the rows that a constraint refused
_TOO_FEW = 8  # rows, from which on some are left out
_LEFT_OUT = 5  # rows of a table at most, beside its first and last
_ENDS = 50  # rows, from which on the first and the last are left out
_NEW_KEYS = 0.03  # the share of keys that get a new value
_LOOSENED = 0.15  # the share of keys of several columns whose parts are drawn apart


@dataclass(frozen=True, slots=True)
class _Unit:
    """A column, or the columns of a foreign key, which are drawn together."""

    columns: tuple[int, ...]
    reference: ForeignKey | None = None
    to_itself: bool = False  # refers to its own table


@dataclass(frozen=True, slots=True)
class _Block:
    """Units that keep to each other because a key spans them."""

    units: list[_Unit]
    key: tuple[int, ...]  # of the table's keys, one that lies in this block; () where none does
    primary: bool  # stays with its row
    loose: bool  # some keys may be put together from parts of others

    @property
    def lone(self) -> bool:
        return len(self.units) == 1 and len(self.units[0].columns) == 1


class Refilling:
    """Draws a table's rows anew from its columns and puts them into the twin."""

    def __init__(
        self,
        twin: apsw.Connection,
        table: TableShape,
        columns: list[Cells],
        references: References,
        rng: np.random.Generator,
    ) -> None:
        self._twin = twin
        self._table = table
        self._columns = columns
        self._references = references
        self._rng = rng
        self._blocks = _blocks(table)
        self._resampled: dict[int, Resampled] = {}

    def run(self) -> None:
        """Raises apsw.SQLError where nothing can be inserted."""
        kept = rows = self._kept()
        for attempt in range(_ROUNDS + 2):
            final = attempt - _ROUNDS  # 0: own values, but unique ones that are free; 1: own values
            self._insert(self._own(rows, final) if final >= 0 else self._drawn(rows, attempt == 0))
            rows = self._missing(kept)
            if not len(rows):
                break
        self._references.relink(self._table, self._columns, self._rng)

    def _kept(self) -> Picks:
        """The rows that stay, in their order."""
        rows = len(self._columns[0])
        if rows < _TOO_FEW:
            return np.arange(rows)
        count = int(self._rng.integers(1, min(_LEFT_OUT, rows // _TOO_FEW) + 1))
        gone = [*self._rng.choice(rows, size=count, replace=False), *([0, rows - 1] if rows >= _ENDS else [])]
        return np.delete(np.arange(rows), gone)

    def _drawn(self, rows: Picks, first: bool) -> list[Cells]:
        """New contents for these rows. Only the first time do keys get new values, and are all keys free."""
        drawn = [column[rows] for column in self._columns]
        for block in self._blocks:
            if block.lone and not block.key and not block.units[0].reference:
                (place,) = block.units[0].columns
                drawn[place] = self._resample(place, len(rows))
                continue
            picks = self._picks(block, rows, first)
            for unit in block.units:
                self._take(unit, picks, block, drawn)
            if block.lone and block.key and not block.units[0].reference and first:
                self._renew(block.key[0], drawn)
        return drawn

    def _own(self, rows: Picks, last: bool | int) -> list[Cells]:
        drawn = [column[rows] for column in self._columns]
        for block in self._blocks:
            picks = rows if last or block.primary or not block.key else self._picks(block, rows, first=False)
            for unit in block.units:
                for place in unit.columns:
                    drawn[place] = self._columns[place][picks]
                if unit.reference and not unit.to_itself:
                    self._refer(unit, drawn, block)
        return drawn

    def _picks(self, block: _Block, rows: Picks, first: bool) -> Picks:
        """From which rows of the source this block's values come."""
        count = len(self._columns[0])
        if block.primary:
            return rows
        if not block.key:
            return self._rng.integers(count, size=len(rows))
        free = np.arange(count) if first else self._free(block.key, np.arange(count))
        if len(free) < len(rows):
            free = np.arange(count)
        return self._rng.permutation(free)[: len(rows)]

    def _take(self, unit: _Unit, picks: Picks, block: _Block, drawn: list[Cells]) -> None:
        if block.loose and not unit.to_itself:
            apart = self._rng.random(len(picks)) < _LOOSENED
            picks = np.where(apart, self._rng.integers(len(self._columns[0]), size=len(picks)), picks)
        for place in unit.columns:
            drawn[place] = self._columns[place][picks]
        if unit.reference and not unit.to_itself:
            self._refer(unit, drawn, block)

    def _refer(self, unit: _Unit, drawn: list[Cells], block: _Block) -> None:
        assert unit.reference
        unique = bool(block.key) and len(block.units) == 1
        self._references.refer(unit.reference, [drawn[place] for place in unit.columns], unique, self._rng)

    def _resample(self, place: int, size: int) -> Cells:
        if place not in self._resampled:
            self._resampled[place] = Resampled(self._table.columns[place].name, self._columns[place])
        return self._resampled[place].draw(size, self._rng)

    def _renew(self, place: int, drawn: list[Cells]) -> None:
        """Gives a few keys a value that no row of the source has."""
        present = np.flatnonzero(drawn[place] != None)  # noqa: E711 - element by element
        taken: set[Value] = set(self._columns[place].tolist())
        keys = fresh(drawn[place][present], taken, round(_NEW_KEYS * len(present)), self._rng)
        for row, key in zip(self._rng.permutation(present).tolist(), keys, strict=False):
            drawn[place][row] = key

    def _insert(self, drawn: list[Cells]) -> None:
        names = ", ".join(quoted(column.name) for column in self._table.columns)
        marks = ", ".join("?" * len(drawn))
        sql = f"INSERT OR IGNORE INTO main.{quoted(self._table.name)} ({names}) VALUES ({marks})"
        self._twin.executemany(sql, zip(*(column.tolist() for column in drawn), strict=True))

    def _missing(self, kept: Picks) -> Picks:
        """As many rows as there are still too few, of those whose keys are free."""
        there = int(self._twin.execute(f"SELECT count(*) FROM main.{quoted(self._table.name)}").get)
        if there >= len(kept):
            return kept[:0]
        primary = next((block.key for block in self._blocks if block.primary), ())
        free = self._free(primary, kept) if primary else kept
        return np.sort(self._rng.permutation(free)[: len(kept) - there])

    def _free(self, key: tuple[int, ...], rows: Picks) -> Picks:
        """Those of the source's rows whose key no row of the twin has."""
        names = ", ".join(quoted(self._table.columns[place].name) for place in key)
        taken = set(self._twin.execute(f"SELECT {names} FROM main.{quoted(self._table.name)}").fetchall())
        keys = zip(*(self._columns[place][rows].tolist() for place in key), strict=True)
        return rows[[found not in taken for found in keys]]


def _blocks(table: TableShape) -> list[_Block]:
    """The table's columns in blocks, each with its key where one lies in it."""
    places = {column.name.lower(): i for i, column in enumerate(table.columns)}
    keys = [tuple(places[name.lower()] for name in key) for key in table.keys]
    # Members of other unique indexes (partial, or beside an expression) are taken for keys of their own.
    keyed = {place for key in keys for place in key}
    keys += [(i,) for i, column in enumerate(table.columns) if column.unique and i not in keyed]
    units: list[_Unit] = []
    together = [set(key) for key in keys]
    for reference in table.foreign_keys:
        members = tuple(places[name.lower()] for name in reference.columns)
        itself = reference.parent == table.name.lower()
        if itself:
            together.append(
                {*members, *(places[name.lower()] for name in reference.parent_columns if name.lower() in places)}
            )
        together.append(set(members))
        units.append(_Unit(members, reference, itself))
    referring = {place for unit in units for place in unit.columns}
    units += [_Unit((i,)) for i in range(len(table.columns)) if i not in referring]
    blocks = []
    for members_of_block in _merged(together, len(table.columns)):
        inside = [unit for unit in units if members_of_block.issuperset(unit.columns)]
        own = [key for key in keys if members_of_block.issuperset(key)]
        loose = any(not any(set(unit.columns) >= set(key) for unit in inside) for key in own)
        primary = bool(own) and own[0] == keys[0]
        blocks.append(_Block(inside, own[0] if own else (), primary, loose))
    return blocks


def _merged(sets: list[set[int]], size: int) -> list[set[int]]:
    """The finest division of 0 .. size - 1 in which each of the sets lies in one part."""
    parts: list[set[int]] = []
    for members in [*sets, *({i} for i in range(size))]:
        touched = [part for part in parts if part & members]
        parts = [part for part in parts if not part & members] + [members.union(*touched)]
    return parts
