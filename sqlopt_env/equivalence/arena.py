"""Where a pair meets: an empty database that is filled with an instance, asked, and emptied again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import islice

import apsw

from ..sqlite.connection import quoted
from ..sqlite.copies import Copy
from ..sqlite.script import Refusal, Script
from .compare import Reference, Row, difference_of_chunks
from .instances import Rows
from .reference import reference_for
from .shape import TableShape, read_shape

_STEPS_A_TICK = 4000  # virtual-machine steps between two looks at the clock
PROBE = "sqlopt_probe"  # a function in queries that are watched
# What one query may take on an instance, in steps, so that it is the same on every machine: a second or less.
MOST_STEPS = 8_000_000


class OutOfTime(Exception):
    """The time that all instances together may take is over."""


class Arena:
    """A copy with a schema and no rows, which it is left as."""

    def __init__(self, copy: Copy, tables: list[TableShape] | None = None) -> None:
        self.copy = copy
        self._connection = copy.connection
        self._connection.pragma("foreign_keys", True)
        self.tables = tables if tables is not None else read_shape(copy.connection)
        self._inserts = {table.name: _insert(table) for table in self.tables}
        self._deadline = 0.0
        self.note: Callable[..., apsw.SQLiteValue] | None = None  # what is called where a query has a probe
        self.refusal: apsw.Error | None = None  # of the last row that a constraint or an index refused
        self._reversed = False

    def with_indexes(self, statements: Sequence[str], seconds: float) -> Arena:
        """Another one that has these indexes. Raises Refusal where SQLite refuses one."""
        copy = self.copy.duplicate()
        try:
            copy.build(statements, seconds)
        except BaseException:
            copy.close()
            raise
        return Arena(copy, self.tables)

    def watch(self, note: Callable[..., apsw.SQLiteValue]) -> None:
        """From now on the function PROBE is this one. (SQLite hears of it once: it compiles all statements again.)"""
        if self.note is None:
            self._connection.create_scalar_function(PROBE, lambda *a: self.note(*a) if self.note else None)
        self.note = note

    @contextmanager
    def within(self, deadline: float) -> Iterator[None]:
        """While this is open, queries raise OutOfTime after `deadline` (in CPU time, which other programs do not take
        away).
        """
        self._deadline = deadline
        with self.copy.transaction():
            try:
                yield
            finally:
                self.read_backwards(False)
                self._connection.set_progress_handler(None)

    def prolong(self, seconds: float) -> None:
        """Lets queries run for some seconds from now on."""
        self._deadline = time.thread_time() + seconds

    def read_backwards(self, backwards: bool) -> None:
        """Lets SQLite read rows whose order no query asked for the other way round."""
        if backwards != self._reversed:
            self._connection.pragma("reverse_unordered_selects", backwards)
            self._reversed = backwards

    @contextmanager
    def holding(self, rows: Rows) -> Iterator[Rows]:
        """Puts these rows in, and takes them out at the end; gives those that no constraint refused.

        `refusal` then says why the last of the others was refused, if any was.
        """
        self.refusal = None
        self._connection.execute("SAVEPOINT instance")
        try:
            yield {name: self._load(name, members) if members else [] for name, members in rows.items()}
        finally:
            self._connection.set_progress_handler(None)
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK TO instance; RELEASE instance")

    @contextmanager
    def holding_known(self, rows: Rows) -> Iterator[None]:
        """The same with rows that no constraint refuses; raises apsw.Error where an index does."""
        self._connection.execute("SAVEPOINT instance")
        try:
            for name, members in rows.items():
                if members:
                    self._connection.executemany(self._inserts[name], members)
            yield
        finally:
            self._connection.set_progress_handler(None)
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK TO instance; RELEASE instance")

    def _load(self, table: str, rows: list[Row]) -> list[Row]:
        insert, accepted = self._inserts[table], []

        def offered() -> Iterator[Row]:
            for row in rows:
                accepted.append(row)
                yield row

        offers = offered()
        while True:  # after a refusal, on with the next row
            try:
                self._connection.executemany(insert, offers)
                return accepted
            except OverflowError:  # a number that SQLite cannot hold
                accepted.pop()
            except apsw.Error as error:
                self.refusal = error
                accepted.pop()

    def rows(self, query: str, most: int | None = None) -> list[Row]:
        """What the query returns, `most` rows of it; raises apsw.Error, Refusal or UnicodeDecodeError if it fails."""
        with self._counted(), closing(self.copy.rows(query, cached=True)) as rows:
            return list(islice(rows, most))

    def difference(self, reference: Reference, query: str) -> str:
        """How the query's rows differ from the reference, read no further than it takes; raises as `rows` does."""
        with self._counted(), closing(self.copy.chunks(query, cached=True)) as chunks:
            return difference_of_chunks(reference, chunks)

    def reference(self, script: Script) -> Reference:
        """The original's answer with its ties; raises as `rows` does."""
        rows = self.rows(script.query)
        with self._counted():
            return reference_for(self.copy, script, rows)

    @contextmanager
    def _counted(self) -> Iterator[None]:
        ticks = MOST_STEPS // _STEPS_A_TICK
        if time.thread_time() > self._deadline:
            raise OutOfTime

        def tick() -> bool:
            nonlocal ticks
            ticks -= 1
            return ticks < 0 or time.thread_time() > self._deadline

        self._connection.set_progress_handler(tick, _STEPS_A_TICK)
        try:
            yield
        except apsw.InterruptError:
            if time.thread_time() > self._deadline:
                raise OutOfTime from None
            raise Refusal("timeout", f"it runs longer than {MOST_STEPS:,} steps of SQLite's machine") from None


def _insert(table: TableShape) -> str:
    names = ", ".join(quoted(column.name) for column in table.columns)
    marks = ", ".join("?" * len(table.columns))
    return f"INSERT INTO main.{quoted(table.name)} ({names}) VALUES ({marks})"
