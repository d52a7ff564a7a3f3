"""Solves a query's conditions for one row of each of its tables: all of them held, or one of them broken.

SQLite itself says which values of a column's pool fulfil a condition, so that any function and operator is understood.
"""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import apsw

from ...sqlite.connection import memory_connection
from ..compare import Value
from ..shape import ColumnShape, TableShape
from .checks import Check, Column
from .laws import Law
from .reading import Cell, Condition, Reading
from .supplies import are_free, is_listed, legal, supply
from .values import Pool, pick

Assignment: TypeAlias = dict[Cell, Value]
Keep: TypeAlias = Callable[[Cell], float]
Values: TypeAlias = list[tuple[Value, ...]]
_Pair: TypeAlias = tuple[Value, Value]
_MOST_PAIRS = 300
_FEW = 4  # values that fulfil a condition, where it computes something: others are looked for
_COMPUTES = re.compile(r"[%/*+(]|\bLIKE\b|\bGLOB\b", re.IGNORECASE)
_MOST_EDGES = 8
_FAR = 12  # values of a column whose CHECKs refuse most of the usual ones
_ABSENT = 0.25  # how often the rows of an arm that need not be there are left out


class Sieve:
    """Splits pools by conditions, on a connection of its own: one table a pool, with the column's type."""

    def __init__(self, pools: Mapping[tuple[str, str], Pool]) -> None:
        self._connection = memory_connection()
        self._pools = pools
        self._laws = 0
        self._tables: dict[tuple[str, str, bool], str] = {}
        self._kept: dict[tuple[str, tuple[str, ...]], tuple[Values, Values]] = {}

    def check(self, table: TableShape, checks: Mapping[Column, tuple[Check, ...]]) -> None:
        """Leaves in the pools only what the CHECKs over single columns allow."""
        for column in table.columns:
            its = checks.get((table.name.lower(), column.name.lower()))
            if its is None:
                continue
            pool = self._pools[table.name, column.name]
            pool.checked = True
            for values in (pool.exact, pool.near, pool.far, pool.odd, pool.wide):
                values[:] = legal(self._connection, column, its, values)
            needs_more = column.unique or len(pool.all) < _FAR
            more = supply(column, its) if needs_more and not is_listed(its) else ()
            pool.wide.extend(value for value in more if value not in pool.wide)
            pool.far.extend((more or pool.near)[: max(0, _FAR - len(pool.far))])
            if not are_free(column, its):
                pool.supply[:] = more or pool.all

    def law(self, table: TableShape) -> Law | None:
        """The CHECKs of a table's rows, after those of single columns have chosen values; None where there are none."""
        if not table.checks:
            return None

        def candidates(place: int, wider: bool) -> str:
            return self._table(table.name, table.columns[place], wider)

        self._laws += 1
        pools = [self._pools[table.name, column.name] for column in table.columns]
        law = Law(self._connection, table, f"r{self._laws}", pools, candidates)
        return law if law.is_sound else None

    def split(self, condition: Condition, columns: Sequence[tuple[str, ColumnShape]]) -> tuple[Values, Values]:
        """The values (or pairs) of the cells' pools that fulfil the condition, and those that do not."""
        tables = tuple(self._table(table, column, wider=False) for table, column in columns)
        key = (condition.sql, tables)
        if key not in self._kept:
            good, false, null = self._split(condition.sql, tables)
            computes = _COMPUTES.search(condition.sql) is not None
            few = len(good) < (_FEW if computes else 1)
            if not condition.equates and (few or not false or (computes and condition.boundary)):
                wider = tuple(self._table(table, column, wider=True) for table, column in columns)
                more, less, _ = self._split(condition.sql, wider)
                good, false = [*good, *(more if few else [])], false or less
                if condition.boundary and len(columns) == 1:
                    edge = self._split(condition.boundary, wider)[0][:_MOST_EDGES]
                    good += [value for value in more if value in edge]
                    false += [value for value in less if value in edge]
            self._kept[key] = good, [*false, *null[: len(false) + 1]]
        return self._kept[key]

    def _split(self, sql: str, tables: tuple[str, ...]) -> tuple[Values, Values, Values]:
        """What makes the condition true, false and NULL."""
        values = ", ".join(f"c{i}.v" for i in range(len(tables)))
        sources = ", ".join(f"{table} AS c{i}" for i, table in enumerate(tables))
        order = "(c0.rowid * 7919) % 101"
        try:
            rows = self._connection.execute(
                f"SELECT {values}, ({sql}) IS TRUE, ({sql}) IS FALSE FROM {sources} ORDER BY {order} LIMIT 4000"
            ).fetchall()
        except apsw.Error:
            return [], [], []
        found: list[Values] = [[], [], []]
        for *row, is_true, is_false in rows:
            found[0 if is_true else 1 if is_false else 2].append(tuple(row))
        return found[0][:_MOST_PAIRS], found[1][:_MOST_PAIRS], found[2][:_MOST_PAIRS]

    def _table(self, table: str, column: ColumnShape, wider: bool) -> str:
        key = (table, column.name, wider)
        if key not in self._tables:
            name = f"p{len(self._tables)}"
            pool = self._pools[table, column.name].all
            values = [(value,) for value in ([*pool, *self._pools[table, column.name].wide] if wider else pool)]
            if not column.not_null:
                values.append((None,))
            kind = {"BLOB": ""}.get(column.kind, column.kind)
            self._connection.execute(f"CREATE TABLE {name} (v {kind} COLLATE {column.collation})")
            self._connection.executemany(f"INSERT INTO {name} VALUES (?)", values)
            self._tables[key] = name
        return self._tables[key]


class Scenario:
    """One query's reading with its conditions' values."""

    def __init__(self, reading: Reading, sieve: Sieve, pools: Mapping[tuple[str, str], Pool]) -> None:
        self.reading = reading
        self._pools = pools
        self._split = []
        for condition in reading.conditions:
            columns = [(self._table_of(cell), self.column(cell)) for cell in condition.cells]
            # Equal cells are one class; only where it is broken do its pairs matter.
            self._split.append(sieve.split(condition, columns))

    def _table_of(self, cell: Cell) -> str:
        return self.reading.occurrences[cell[0]].table.name

    def column(self, cell: Cell) -> ColumnShape:
        return self.reading.occurrences[cell[0]].table.columns[cell[1]]

    def whole_rows(self, cells: frozenset[Cell]) -> frozenset[Cell]:
        """All cells of the rows that these are in, unless there is no other row: then these alone."""
        owners = {occurrence for occurrence, _ in cells}
        if len(owners) == len(self.reading.occurrences):
            return cells
        widths = {i: len(self.reading.occurrences[i].table.columns) for i in owners}
        return frozenset((i, column) for i, width in widths.items() for column in range(width))

    def solve(
        self, rng: random.Random, number: int, breaking: int, before: Assignment, keep: Keep
    ) -> tuple[list[int], Assignment]:
        """The occurrences that have a row, and values for the cells that conditions speak of.

        `number` makes keys fresh; the condition of that index (modulo theirs) is `breaking`, unless it is negative.
        With the chance that `keep` says, cells have the value that they had `before`.
        """
        arms = [0 if rng.random() > _ABSENT else rng.randrange(n) for n in self.reading.choices]

        def chosen(guards: Sequence[tuple[int, int]]) -> bool:
            return all(arms[choice] == arm for choice, arm in guards)

        present = [i for i, occurrence in enumerate(self.reading.occurrences) if chosen(occurrence.guards)]
        there = set(present)
        active = [
            i
            for i, condition in enumerate(self.reading.conditions)
            if chosen(condition.guards) and all(cell[0] in there for cell in condition.cells)
        ]
        broken = active[breaking % len(active)] if active and breaking >= 0 else -1
        return present, _Solution(self, rng, active, broken).values(number, before, keep)

    def conditions(self, indexes: Sequence[int], broken: int) -> list[tuple[Condition, list[tuple[Value, ...]]]]:
        """Conditions with the values that they allow (or, where broken, those that they do not)."""
        return [(self.reading.conditions[i], self._split[i][1 if i == broken else 0]) for i in indexes]

    def pool(self, cell: Cell) -> Pool:
        return self._pools[self._table_of(cell), self.column(cell).name]


class _Solution:
    """One attempt: cells that must be equal are classes, and each class gets a value that its conditions allow."""

    def __init__(self, scenario: Scenario, rng: random.Random, active: list[int], broken: int) -> None:
        self._scenario, self._rng = scenario, rng
        self._root: dict[Cell, Cell] = {}
        self._allowed: dict[Cell, list[Value]] = {}
        self._pairs: list[tuple[Cell, Cell, list[_Pair]]] = []
        conditions = scenario.conditions(active, broken)
        for i, (condition, _) in zip(active, conditions, strict=True):
            if condition.equates and i != broken:
                self._root[self.root(condition.cells[0])] = self.root(condition.cells[1])
        for i, (condition, values) in zip(active, conditions, strict=True):
            if len(condition.cells) == 1:
                self._restrict(self.root(condition.cells[0]), [value for (value,) in values])
            elif not condition.equates or i == broken:
                one, other = (self.root(cell) for cell in condition.cells)
                self._pairs.append((one, other, [(a, b) for a, b in values]))
        self._cells = [cell for condition, _ in conditions for cell in condition.cells]

    def root(self, cell: Cell) -> Cell:
        while (above := self._root.get(cell, cell)) != cell:
            cell = above
        return cell

    def _restrict(self, root: Cell, values: list[Value]) -> None:
        known = self._allowed.get(root)
        if known is None:
            self._allowed[root] = values
        elif both := [value for value in known if value in values]:
            self._allowed[root] = both

    def values(self, number: int, before: Assignment, keep: Keep) -> Assignment:
        found: dict[Cell, Value] = {}
        rng = self._rng
        members: dict[Cell, list[Cell]] = defaultdict(list)
        for cell in self._cells:
            members[self.root(cell)].append(cell)
        for root, cells in members.items():
            if cells[0] in before and rng.random() < max(map(keep, cells)):
                found[root] = before[cells[0]]
        for one, other, pairs in self._pairs:
            self._choose_pair(one, other, pairs, found)
        for root, cells in members.items():
            if root not in found:
                found[root] = self._choose(root, cells, number)
        return {cell: found[root] for root, cells in members.items() for cell in cells}

    def _choose_pair(self, one: Cell, other: Cell, pairs: list[_Pair], found: dict[Cell, Value]) -> None:
        fit = pairs
        for root, side in ((one, 0), (other, 1)):
            if root in found:
                fit = [pair for pair in fit if pair[side] == found[root]] or fit
            elif allowed := self._allowed.get(root):
                fit = [pair for pair in fit if pair[side] in allowed] or fit
        if fit:
            found[one], found[other] = pick(self._rng, fit)

    def _choose(self, root: Cell, cells: list[Cell], number: int) -> Value:
        allowed = self._allowed.get(root)
        if allowed:
            return pick(self._rng, allowed)
        key = next((cell for cell in cells if self._scenario.column(cell).unique), None)
        if key is not None and self._rng.random() < 0.7:
            return self._scenario.pool(key).fresh(self._scenario.column(key), number)
        checked = [cell for cell in cells if self._scenario.pool(cell).checked]
        values = self._scenario.pool(pick(self._rng, checked or cells)).all
        return pick(self._rng, values) if values else None
