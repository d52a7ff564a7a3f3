"""Small databases made for one pair of queries, on which a wrong rewrite shows itself.

Values come from both queries' literals and what lies next to them, mixed with a few small ones, so that every filter is
both met and missed; rows repeat each other in part, keys dangle or are shared, NULL stands wherever the schema allows,
tables are empty, single or in groups. SQLite itself enforces the constraints: a row that breaks one is left out.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import apsw

from ..sqlite.connection import quoted
from .compare import Value
from .literals import Literals, neighbours
from .shape import ColumnShape, ForeignKey, TableShape

Rows: TypeAlias = dict[str, list[tuple[Value, ...]]]  # by table name, in the order of insertion

_DEFAULTS: dict[str, tuple[Value, ...]] = {
    "INTEGER": (0, 1, 2, 3, -1),
    "REAL": (0.0, 1.0, 1.5, -2.5, 10.0),
    "NUMERIC": (0, 1, 2, 10, -1),
    "TEXT": ("a", "b", "A", "ab", "", "1"),
    "BLOB": (0, 1, "a", "b"),
}
_KEYS: dict[str, tuple[Value, ...]] = {
    "INTEGER": tuple(range(1, 200)),
    "NUMERIC": tuple(range(1, 200)),
    "REAL": tuple(float(i) for i in range(1, 200)),
    "TEXT": tuple(f"k{i}" for i in range(200)),
}
_DATES: tuple[Value, ...] = ("2024-01-01", "2024-01-31", "2023-12-31", "2024-06-15")
_SIZES = (0, 1, 2, 3, 4, 6, 10)
_LARGE_SIZES = (12, 20, 30)
_LITERAL_SHARES = (0.0, 0.5, 0.8, 0.97)
_NULL_RATES = (0.0, 0.1, 0.3, 0.6)
_EXACT_SHARE = 0.6  # of the values near a literal, how often it is the literal itself
_NEW_PARENTS = 0.5  # how often a child brings the parent that it refers to
_TRIES = 3  # for a row that a constraint refuses
_LARGEST_LIMIT = 120  # LIMITs and OFFSETs beyond it are not filled


@dataclass(frozen=True, slots=True)
class _Mood:
    """The character of one instance."""

    literal_share: float
    null_rate: float
    repeat_share: float
    sizes: dict[str, int]


class Instances:
    """Fills an empty connection with an instance; the caller rolls it back. Foreign keys are to be enforced there."""

    def __init__(self, connection: apsw.Connection, tables: list[TableShape], literals: Literals) -> None:
        self._connection = connection
        self._tables = tables
        # What a foreign key is compared with, its parent must be able to be.
        literals.share(
            (child, parent)
            for table in tables
            for key in table.foreign_keys
            for child, parent in zip(key.columns, key.parent_columns, strict=False)
        )
        self._pools = {
            (table.name, column.name): _pools(column, literals) for table in tables for column in table.columns
        }
        self._limits = sorted(size for size in literals.sizes if size <= _LARGEST_LIMIT)

    def fill(self, number: int, rng: random.Random) -> Rows:
        """Makes instance `number`: 0 is empty, the next ones hold one row a table, the others are drawn."""
        mood = self._mood(number, rng)
        rows: Rows = {}
        for table in self._tables:
            rows[table.name] = []
            for _ in range(mood.sizes[table.name]):
                self._insert(table, rows, mood, rng)
        return rows

    def load(self, rows: Rows) -> bool:
        """Puts these rows in; False where a constraint refuses one."""
        return all(self._accepts(table, row) for table in self._tables for row in rows.get(table.name, []))

    def _mood(self, number: int, rng: random.Random) -> _Mood:
        if number == 0:
            return _Mood(0, 0, 0, {table.name: 0 for table in self._tables})
        if number <= 3:
            return _Mood(0.97, 0.0 if number == 1 else 0.3, 0, {table.name: 1 for table in self._tables})
        sizes = {table.name: rng.choice(_LARGE_SIZES if rng.random() < 0.15 else _SIZES) for table in self._tables}
        beyond = rng.choice(self._limits) + rng.randrange(3) if self._limits else 0
        if rng.random() < (0.5 if beyond <= 20 else 0.2):
            sizes = {name: max(size, beyond) for name, size in sizes.items()}
        return _Mood(
            rng.choice(_LITERAL_SHARES),
            rng.choice(_NULL_RATES),
            rng.choice((0.0, 0.25, 0.6)),
            sizes,
        )

    def _insert(self, table: TableShape, rows: Rows, mood: _Mood, rng: random.Random) -> None:
        for _ in range(_TRIES):
            row = self._row(table, rows, mood, rng)
            if self._accepts(table, row):
                rows[table.name].append(row)
                return

    def _accepts(self, table: TableShape, row: tuple[Value, ...]) -> bool:
        names = ", ".join(quoted(column.name) for column in table.columns)
        marks = ", ".join("?" * len(row))
        try:
            self._connection.execute(f"INSERT INTO main.{quoted(table.name)} ({names}) VALUES ({marks})", row)
        except apsw.Error:
            return False
        return True

    def _row(self, table: TableShape, rows: Rows, mood: _Mood, rng: random.Random) -> tuple[Value, ...]:
        known = rows[table.name]
        if known and rng.random() < mood.repeat_share:
            values = list(rng.choice(known))
            changed = [rng.random() < 0.3 for _ in values]
        else:
            values = [None] * len(table.columns)
            changed = [True] * len(values)
        for i, column in enumerate(table.columns):
            if changed[i]:
                values[i] = self._value(table, column, mood, rng)
        self._refer(table, values, rows, mood, rng)
        return tuple(values)

    def _value(self, table: TableShape, column: ColumnShape, mood: _Mood, rng: random.Random) -> Value:
        if not column.not_null and rng.random() < mood.null_rate:
            return None
        pools = self._pools[table.name, column.name]
        if not pools.near or rng.random() >= mood.literal_share:
            return rng.choice(pools.far)
        return rng.choice(pools.exact if pools.exact and rng.random() < _EXACT_SHARE else pools.near)

    def _refer(self, table: TableShape, values: list[Value], rows: Rows, mood: _Mood, rng: random.Random) -> None:
        """Makes foreign keys point at parents that are there; SQLite refuses those that do not."""
        places = {column.name.lower(): i for i, column in enumerate(table.columns)}
        for key in table.foreign_keys:
            parent = next((other for other in self._tables if other.name.lower() == key.parent), None)
            if parent is None or any(values[places[name.lower()]] is None for name in key.columns):
                continue
            if rng.random() < _NEW_PARENTS and self._add_parent(parent, key, values, places, rows, mood, rng):
                continue
            there = rows.get(parent.name, [])
            if not there:
                for name in key.columns:
                    if not table.columns[places[name.lower()]].not_null:
                        values[places[name.lower()]] = None
                continue
            chosen = rng.choice(there)
            of_parent = {column.name.lower(): i for i, column in enumerate(parent.columns)}
            for name, target in zip(key.columns, key.parent_columns, strict=False):
                values[places[name.lower()]] = chosen[of_parent[target.lower()]]

    def _add_parent(
        self,
        parent: TableShape,
        key: ForeignKey,
        values: list[Value],
        places: dict[str, int],
        rows: Rows,
        mood: _Mood,
        rng: random.Random,
    ) -> bool:
        """Makes the parent that the values already refer to; True where it is there then."""
        if mood.sizes[parent.name] == 0 or parent.name not in rows:
            return False
        wanted = {t.lower(): values[places[c.lower()]] for c, t in zip(key.columns, key.parent_columns, strict=False)}
        row = list(self._row(parent, rows, mood, rng))
        for i, column in enumerate(parent.columns):
            if column.name.lower() in wanted:
                row[i] = wanted[column.name.lower()]
        if not self._accepts(parent, tuple(row)):
            return False
        rows[parent.name].append(tuple(row))
        return True


@dataclass(frozen=True, slots=True)
class _Pools:
    """Values of a column's declared type: the literals that it meets, what lies next to them, and others."""

    exact: list[Value]
    near: list[Value]
    far: list[Value]


def _pools(column: ColumnShape, literals: Literals) -> _Pools:
    met = literals.columns.get(column.name.lower(), set())
    exact = _fitting(column, iter(sorted(met, key=repr)))
    near = _fitting(column, (near for value in sorted(met, key=repr) for near in neighbours(value)))
    others = _fitting(column, (near for value in sorted(literals.values - met, key=repr) for near in neighbours(value)))
    dates = _DATES if column.kind == "TEXT" and _is_date_like(column.name, [*near]) else ()
    many = _KEYS.get(column.kind, ()) if column.unique else ()
    far = [*dict.fromkeys((*_DEFAULTS[column.kind], *dates, *others[:12], *many))]
    return _Pools(exact, near, far)


def _fitting(column: ColumnShape, values: Iterator[Value]) -> list[Value]:
    """What a column of this declared type holds: integers, reals, texts, and not what SQLite would also let in."""
    found: dict[tuple[str, Value], Value] = {}
    for value in values:
        match column.kind, value:
            case "INTEGER", int():
                kept: Value = value
            case "REAL", int() | float():
                kept = float(value)
            case "NUMERIC", int() | float():
                kept = value
            case "TEXT", str():
                kept = value
            case "BLOB", _:
                kept = value
            case _:
                continue
        found[type(kept).__name__, kept] = kept
    return list(found.values())


def _is_date_like(name: str, near: list[Value]) -> bool:
    named = any(word in name.lower() for word in ("date", "day", "time", "_at", "_on"))
    return named or any(isinstance(value, str) and value[:4].isdigit() and value[4:5] == "-" for value in near)
