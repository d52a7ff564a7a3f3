"""Is what was paid the same query? Asked of plain SQLite alone, without a line of the judge's own.

On the task's file, and on small random databases of its schema. Every task's ORDER BY leaves no ties, so that the order
of rows is compared too where there is one.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from math import isclose
from typing import Any, TypeAlias

import apsw

from sqlopt_env import Rewrite, Task
from sqlopt_env.databases import database_path

Row: TypeAlias = tuple[Any, ...]

_SECONDS = {"file": 60.0, "small": 2.0}
_LITERAL = re.compile(r"'((?:[^']|'')*)'|\b(\d+(?:\.\d+)?)\b")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_KINDS = {type(None): 0, int: 1, float: 1, str: 2, bytes: 3}
_ROWS = (0, 1, 2, 3, 5, 8, 13, 30, 150)  # of a table
_LONGEST = 40  # characters of a text that queries speak of


@dataclass(frozen=True)
class Difference:
    rewrite: Rewrite
    where: str  # "file", or the INSERT statements of a small database
    how: str


def differences(task: Task, rewrites: Sequence[Rewrite], databases: int, seed: int) -> Iterator[Difference]:
    """Each rewrite of the task that differs, with the first database on which it does."""
    left = dict.fromkeys(rewrites)
    ordered = re.search(r"\bORDER BY\b[^()]*\Z", task.query) is not None
    file = Plain(str(database_path(task.database)))
    expected = file.rows((), task.query, _SECONDS["file"])
    assert not isinstance(expected, str), expected
    for rewrite in rewrites:
        how = _difference(expected, file.rows(rewrite.indexes, rewrite.query, _SECONDS["file"]), ordered)
        if how:
            yield Difference(rewrite, "file", how)
            del left[rewrite]
    small, rng = file.without_rows(), random.Random(seed)
    pools = file.pools("\n".join([task.query, *(rewrite.query for rewrite in rewrites)]))
    for _ in range(databases if left else 0):
        with small.undone():
            inserted = small.fill(pools, rng)
            answer = small.rows((), task.query, _SECONDS["small"])
            if isinstance(answer, str):
                continue
            for rewrite in list(left):
                how = _difference(answer, small.rows(rewrite.indexes, rewrite.query, _SECONDS["small"]), ordered)
                if how:
                    yield Difference(rewrite, "\n".join(inserted), how)
                    del left[rewrite]


class Plain:
    """A database in memory, as SQLite is without anybody's help."""

    def __init__(self, path: str) -> None:
        self._connection = apsw.Connection(":memory:")
        source = apsw.Connection(path, flags=apsw.SQLITE_OPEN_READONLY)
        with self._connection.backup("main", source, "main") as backup:
            backup.step(-1)
        self._connection.pragma("foreign_keys", True)
        self._tables = {
            table: [
                name
                for _, name, *_, hidden in self._connection.execute(f"PRAGMA table_xinfo({_quoted(table)})")
                if not hidden
            ]
            for (table,) in self._connection.execute(
                "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY rowid"
            )
            if not table.startswith("sqlite_")
        }

    def without_rows(self) -> Plain:
        self._connection.pragma("foreign_keys", False)
        for table in self._tables:
            self._connection.execute(f"DELETE FROM {_quoted(table)}")
        self._connection.pragma("foreign_keys", True)
        return self

    @contextmanager
    def undone(self) -> Iterator[None]:
        self._connection.execute("SAVEPOINT plain")
        try:
            yield
        finally:
            self._connection.execute("ROLLBACK TO plain; RELEASE plain")

    def rows(self, indexes: Sequence[str], query: str, seconds: float) -> list[Row] | str:
        """The rows, or why there are none."""
        deadline = time.monotonic() + seconds
        self._connection.set_progress_handler(lambda: time.monotonic() > deadline, 10_000)
        try:
            with self.undone():
                for index in indexes:
                    self._connection.execute(index)
                return self._connection.execute(query).fetchall()
        except (apsw.Error, UnicodeDecodeError) as error:
            return f"{type(error).__name__}: {error}"
        finally:
            self._connection.set_progress_handler(None)

    def pools(self, queries: str) -> dict[tuple[str, str], list[Any]]:
        """Values for every column: some of its own, what the queries speak of, small numbers, NULL."""
        said: list[Any] = []
        for text, number in _LITERAL.findall(queries):
            if number:
                said += [value := float(number) if "." in number else int(number), value + 1, value - 1]
            elif len(text) <= _LONGEST:
                said += [text, text.title(), text.upper(), *_days_around(text)]
        pools = {}
        for table, columns in self._tables.items():
            for column in columns:
                own = self._connection.execute(f"SELECT DISTINCT {_quoted(column)} FROM {_quoted(table)} LIMIT 25")
                pools[table, column] = [*(value for (value,) in own), *range(1, 13), None, *dict.fromkeys(said)]
        return pools

    def fill(self, pools: dict[tuple[str, str], list[Any]], rng: random.Random) -> list[str]:
        """Inserts some rows of few different values; SQLite refuses what breaks a constraint. The statements."""
        done = []
        few = rng.choice((3, 6, 12, 40))
        drawn = {where: rng.choices(pool, k=few) for where, pool in pools.items()}
        for table, columns in self._tables.items():
            size = rng.choice(_ROWS)
            for _ in range(size):
                values = [rng.choice(drawn[table, column]) for column in columns]
                if rng.random() < 0.5:
                    values[0] = rng.randint(1, 2 * size)  # mostly a key, which other tables point to
                listed = ", ".join(map(apsw.format_sql_value, values))
                statement = f"INSERT INTO {_quoted(table)} ({', '.join(map(_quoted, columns))}) VALUES ({listed})"
                try:
                    self._connection.execute(statement)
                except apsw.Error:
                    continue
                done.append(statement)
        return done


def _difference(expected: list[Row], got: list[Row] | str, ordered: bool) -> str:
    if isinstance(got, str):
        return got
    if len(got) != len(expected):
        return f"{len(got)} rows instead of {len(expected)}"
    if any(not _same(*pair) for pair in zip(sorted(expected, key=_rank), sorted(got, key=_rank), strict=True)):
        return f"other rows: {str(got[:4])[:300]} instead of {str(expected[:4])[:300]}"
    if ordered and any(not _same(*pair) for pair in zip(expected, got, strict=True)):
        return "the same rows in another order"
    return ""


def _rank(row: Row) -> list[Any]:
    return [(_KINDS[type(value)], float(f"{value:.6g}") if isinstance(value, float) else value or 0) for value in row]


def _same(one: Row, other: Row) -> bool:
    return len(one) == len(other) and all(map(_equal, one, other))


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return one == other or isclose(one, other, rel_tol=1e-8)
    return bool(one == other)


def _days_around(text: str) -> list[str]:
    day = (
        f"{text}-01" if re.fullmatch(r"\d{4}-\d\d", text) else f"{text}-01-01" if re.fullmatch(r"\d{4}", text) else text
    )
    try:
        return (
            [(date.fromisoformat(day) + timedelta(days=n)).isoformat() for n in (-1, 0, 1)]
            if _DAY.fullmatch(day)
            else []
        )
    except ValueError:
        return []


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
