"""Random legal databases for the oracle: plain, slow, and without a line of the library's own generator.

Each database has a character of its own: how many rows, how often NULL, how often one of the literals that stand
after a column's name in the queries, how few different values. SQLite refuses what breaks a constraint.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import apsw

from .near import TIMES, Value, fitting
from .tables import Column, Table, read_tables

_TOKEN = re.compile(r"'((?:[^']|'')*)'|([A-Za-z_]\w*)|((?:\d+\.\d*|\.\d+|\d+)(?:[eE][+-]?\d+)?)")
_DAYS = tuple((date(2023, 11, 29) + timedelta(days=37 * i)).isoformat() for i in range(14))
_PLAIN: dict[str, tuple[Value, ...]] = {
    "integer": (0, 1, 2, 3, 4, -1, -3),
    "truth": (0, 1),
    "real": (0.0, 0.5, 1.0, 1.25, 2.5, 0.125, -1.5, 10.0, 33.4),
    "text": ("", "a", "b", "A", "ab", "B", "é", "z", " a", *(f"w{i}" for i in range(30))),
    "any": (0, 1, 1.5, "a", "1", b"a"),
}
_SIZES = (0, 1, 1, 2, 2, 3, 3, 4, 5, 6, 8, 12)


@dataclass(frozen=True)
class Mood:
    """The character of one database."""

    sizes: tuple[int, int]  # rows of a table, from and to
    nulls: float  # how often a column that may is NULL
    near: float  # how often a value is a literal of the queries, or next to one
    repeat: float  # how often a row repeats much of an earlier one
    few: int  # different values of a column
    unique_names: bool = False  # whether texts that name something never repeat


def random_mood(rng: random.Random, window_sizes: list[int]) -> Mood:
    size = rng.choice(_SIZES)
    if rng.random() < 0.1:
        size = rng.choice((20, 45, *[min(n, 130) + rng.randrange(3) for n in window_sizes]))
    return Mood(
        sizes=(size, size) if rng.random() < 0.4 else (0, size + 1),
        nulls=rng.choice((0, 0, 0.15, 0.5)),
        near=rng.choice((0.1, 0.6, 0.95)),
        repeat=rng.choice((0, 0.3, 0.7)),
        few=rng.choice((1, 2, 4, 30)),
    )


class RandomRows:
    """Fills an empty connection; the caller rolls back."""

    def __init__(self, connection: apsw.Connection, queries: str) -> None:
        self._connection = connection
        self._tables = read_tables(connection)
        columns = {column.name.lower() for table in self._tables for column in table.columns}
        script = " ".join(str(row[0]) for row in connection.execute("SELECT sql FROM sqlite_schema") if row[0])
        self._near: dict[str, list[Value]] = {}
        self._all: list[Value] = []
        self._sizes = [int(n) for n in re.findall(r"(?:LIMIT|OFFSET)\s+(\d+)", queries, re.IGNORECASE)]
        for text in (queries, script):
            self._read(text, columns)

    def fill(self, rng: random.Random, mood: Mood | None = None) -> dict[str, list[tuple[Value, ...]]]:
        mood = mood or random_mood(rng, self._sizes)
        pools = {
            (table.name, column.name): self._pool(column, mood, rng)
            for table in self._tables
            for column in table.columns
        }
        rows: dict[str, list[tuple[Value, ...]]] = {}
        for table in self._tables:
            there = rows.setdefault(table.name, [])
            for _ in range(rng.randint(*mood.sizes)):
                for _ in range(3):
                    row = self._row(table, pools, mood, there if rng.random() < mood.repeat else [], rows, rng)
                    try:
                        self._connection.execute(table.insert, row)
                    except apsw.Error:
                        continue
                    there.append(tuple(row))
                    break
        return rows

    def _row(
        self,
        table: Table,
        pools: dict[tuple[str, str], list[Value]],
        mood: Mood,
        model: list[tuple[Value, ...]],
        rows: dict[str, list[tuple[Value, ...]]],
        rng: random.Random,
    ) -> list[Value]:
        old = rng.choice(model) if model else None
        row: list[Value] = []
        for i, column in enumerate(table.columns):
            if mood.unique_names and column.naming:
                row.append(f"{column.name} {rng.getrandbits(50)}")
            elif old is not None and rng.random() < 0.6 and not column.key:
                row.append(old[i])
            elif column.nullable and rng.random() < mood.nulls:
                row.append(None)
            else:
                row.append(rng.choice(pools[table.name, column.name]))
        for places, parent, targets in table.references:
            if any(row[place] is None for place in places):
                continue
            there: list[Sequence[Value]] = [*rows.get(parent, []), *([row] if parent == table.name else [])]
            shape = next(t for t in self._tables if t.name == parent)
            chosen = rng.choice(there) if there else None
            for place, target in zip(places, targets, strict=True):
                index = [c.name.lower() for c in shape.columns].index(target.lower())
                row[place] = None if chosen is None else chosen[index]
        return row

    def _pool(self, column: Column, mood: Mood, rng: random.Random) -> list[Value]:
        """The values that one column draws from in one database."""
        many = 3 * mood.sizes[1]
        own = fitting(column.kind, self._near.get(column.name.lower(), []))
        others = fitting(column.kind, self._all)
        plain = list(_PLAIN.get(column.kind, _DAYS))
        if column.kind == "moment":
            plain = [f"{day} {rng.choice(TIMES)}" for day in _DAYS]
        if column.key and column.kind in ("integer", "text"):
            plain += range(1, max(200, many)) if column.kind != "text" else [f"k{i}" for i in range(max(100, many))]
        pool: list[Value] = []
        while len(pool) < (max(40, many) if column.key else mood.few):
            source = own if own and rng.random() < mood.near else others if others and rng.random() < 0.3 else plain
            pool.append(rng.choice(source))
        return pool

    def _read(self, text: str, columns: set[str]) -> None:
        """Notes each literal, and under the column whose name stands last before it."""
        last = ""
        for quoted, word, number in _TOKEN.findall(text):
            if word:
                last = word.lower() if word.lower() in columns else last
                continue
            value: Value = quoted.replace("''", "'") if not number else float(number)
            if isinstance(value, float) and value.is_integer():
                value = int(value)
            self._near.setdefault(last, []).append(value)
            self._all.append(value)
