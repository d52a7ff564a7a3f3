"""The harness that earlier projects use, and the floor below which nothing that measures can go.

Naive: a temporary database into which Python copies all rows, the indexes built there, each query run once and then
five times with fetchall, the means compared, and equal sorted lists of rows taken for the same query.
"""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from statistics import mean
from typing import Any

import apsw
from pairs import Pair

RUNS = 5


def naive(engine: Any, path: Path, pair: Pair) -> float:
    """The speedup that the naive harness reports. `engine` is sqlite3 or apsw."""
    source, copy = engine.Connection(str(path)), engine.Connection(":memory:")
    try:
        tables = source.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'").fetchall()
        for name, sql in tables:
            copy.execute(sql)
            rows = source.execute(f'SELECT * FROM "{name}"').fetchall()
            copy.execute("BEGIN")
            if rows:
                copy.executemany(f'INSERT INTO "{name}" VALUES ({", ".join("?" * len(rows[0]))})', rows)
            copy.execute("COMMIT")
        slow, expected = _timed(copy, pair.task.query)
        for index in pair.indexes:
            copy.execute(index)
        fast, got = _timed(copy, pair.query)
        _ = _sorted(expected) == _sorted(got)  # its verdict, which is not what is measured here
        return slow / fast
    finally:
        source.close()
        copy.close()


def _timed(connection: Any, query: str) -> tuple[float, list[Any]]:
    rows = connection.execute(query).fetchall()
    seconds = []
    for _ in range(RUNS):
        start = time.perf_counter()
        connection.execute(query).fetchall()
        seconds.append(time.perf_counter() - start)
    return mean(seconds), rows


def _sorted(rows: list[Any]) -> list[Any]:
    try:
        return sorted(rows)
    except TypeError:  # NULL beside a value
        return sorted(rows, key=repr)


class Floor:
    """The original once and the answer once, on databases that have the indexes already."""

    def __init__(self, path: Path, pairs: list[Pair]) -> None:
        self._plain = _in_memory(path)
        self._pairs = []
        for pair in pairs:
            connection = _in_memory(path) if pair.indexes else self._plain
            for index in pair.indexes:
                connection.execute(index)
            self._pairs.append((pair, connection))

    def run(self) -> float:
        """Seconds for all pairs."""
        start = time.perf_counter()
        for pair, connection in self._pairs:
            for each, query in ((self._plain, pair.task.query), (connection, pair.query)):
                for _ in each.execute(query):
                    pass
        return time.perf_counter() - start


def _in_memory(path: Path) -> apsw.Connection:
    copy = apsw.Connection(":memory:")
    with apsw.Connection(str(path)) as source, copy.backup("main", source, "main") as backup:
        backup.step(-1)
    copy.pragma("cache_size", 200_000)
    return copy


ENGINES = {
    f"naive, Python's SQLite {sqlite3.sqlite_version}": sqlite3,
    f"naive, SQLite {apsw.sqlite_lib_version()}": apsw,
}
