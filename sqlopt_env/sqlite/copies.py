"""One database file as a worker holds it: private copies, each with its own part in a trial."""

from __future__ import annotations

import marshal
import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from itertools import islice

import apsw

from ..types import Settings
from .authorizer import Authorizer
from .connection import (
    all_columns,
    blank_copy,
    memory_connection,
    open_copy,
    quoted,
    row_counts,
    schema_text,
    set_limits,
)
from .script import Refusal
from .snapshot import Image
from .steps import count_steps
from .timing import cpu_clock
from .yardstick import ELASTICITY

_STEPS_BETWEEN_LOOKS = 4000  # virtual-machine steps between two looks at the clock; costs less than 1 %
_FIRST_CHUNK, _CHUNK, _CHUNK_BYTES = 16, 256, 2**22  # rows that are fetched at a time, and about how much


@dataclass(frozen=True, slots=True)
class IndexCost:
    """What the indexes of a script cost: `amount` in CPU seconds, or in millions of steps.

    `yard` is what the yardstick took beside it: the amount may be charged when the machine runs at another speed.
    """

    amount: float
    bytes: int
    yard: float = 1.0

    def at(self, yard: float) -> float:
        """The amount at the speed at which the yardstick takes so long."""
        return float(self.amount * (yard / self.yard) ** ELASTICITY)


class Copy:
    """A connection to a private copy, with its authorizer and limits.

    `seen` is the CPU nanoseconds that SQLite took for the rows that were last read to their end.
    """

    def __init__(self, connection: apsw.Connection, settings: Settings) -> None:
        self.connection = connection
        self.seen = 0
        self._settings = settings
        set_limits(connection, settings)
        self.authorizer = Authorizer(connection)

    def duplicate(self) -> Copy:
        """Another copy of the same database."""
        twin = memory_connection()
        with twin.backup("main", self.connection, "main") as backup:
            backup.step(-1)
        copy = Copy(twin, self._settings)
        copy.hold_all()
        return copy

    def hold_all(self) -> None:
        """Keeps the whole database in the cache: SQLite's default of 2 MB makes every scan of a larger table miss."""
        self.connection.pragma("cache_size", int(self.connection.pragma("page_count")) + 50_000)

    @property
    def bytes(self) -> int:
        """The size of the database."""
        return int(self.connection.pragma("page_count")) * int(self.connection.pragma("page_size"))

    def close(self) -> None:
        self.connection.close(True)

    @contextmanager
    def budget(self, seconds: float) -> Iterator[None]:
        """Statements are interrupted (apsw.InterruptError) when `seconds` of wall time are over."""
        deadline = time.perf_counter() + seconds
        self.connection.set_progress_handler(lambda: time.perf_counter() > deadline, _STEPS_BETWEEN_LOOKS)
        try:
            yield
        finally:
            self.connection.set_progress_handler(None)

    def rows(self, query: str, *, cached: bool = False) -> Generator[tuple[apsw.SQLiteValue, ...]]:
        """As `chunks`, row by row."""
        with closing(self.chunks(query, cached=cached)) as chunks:
            for chunk in chunks:
                yield from chunk

    def chunks(self, query: str, *, cached: bool = False) -> Generator[list[tuple[apsw.SQLiteValue, ...]]]:
        """The rows of a vetted query under the allow-list, many at a time. Raises Refusal beyond the caps on rows and
        bytes.

        A statement that is not `cached` has counters that begin at zero.
        """
        cursor = self.connection.cursor()
        count = size = spent = 0
        try:
            with self.authorizer.guarded():
                start, next_rows = cpu_clock(), _FIRST_CHUNK
                cursor.execute(query, can_cache=cached)
                while chunk := list(islice(cursor, next_rows)):
                    spent += cpu_clock() - start
                    count += len(chunk)
                    taken = len(marshal.dumps(chunk, 2))
                    size += taken
                    next_rows = max(1, min(_CHUNK, _CHUNK_BYTES * len(chunk) // taken))
                    if count > self._settings.max_rows:
                        raise Refusal("memory", f"it returns more than {self._settings.max_rows:,} rows")
                    if size > self._settings.max_result_bytes:
                        raise Refusal("memory", f"it returns more than {self._settings.max_result_bytes:,} bytes")
                    yield chunk
                    start = cpu_clock()
                self.seen = spent + cpu_clock() - start
        finally:
            cursor.close(True)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Takes back at the end what is done while this is open: afterwards every byte is as before."""
        self.connection.execute("BEGIN")
        try:
            yield
        finally:
            if self.connection.in_transaction:  # an interrupted CREATE INDEX has rolled back already
                self.connection.execute("ROLLBACK")

    def build(self, statements: Sequence[str], seconds: float) -> IndexCost:
        """Builds indexes, inside a transaction. Raises Refusal where SQLite refuses one or `seconds` do not suffice."""
        before = self._pages()
        try:
            with self.budget(seconds), self.authorizer.guarded():
                amount = sum(self._build(statement) for statement in statements)
        except apsw.InterruptError:
            raise Refusal("timeout", f"building the indexes takes longer than {seconds:g} s") from None
        except apsw.Error as error:
            raise failure(error) from None
        return IndexCost(amount, (self._pages() - before) * int(self.connection.pragma("page_size")))

    def read_otherwise(self, reads: Iterable[tuple[str, str]], way: int) -> None:
        """Inside a transaction: lets SQLite read what a query reads in another order, by indexes that hold all of it.

        There are two ways, 0 and 1.
        """
        columns: dict[str, list[str]] = {}
        for table, column in sorted(reads, reverse=way == 1):
            if column:
                columns.setdefault(table, []).append(quoted(column))
        for i, (table, members) in enumerate(columns.items()):
            terms = [members[0], *(f"{member} DESC" for member in members[1:])]
            with suppress(apsw.SQLError):  # views, generated columns of the wrong kind ...
                self.connection.execute(
                    f"CREATE INDEX main.sqlopt_otherwise_{way}_{i} ON {quoted(table)} ({', '.join(terms)})"
                )

    def _build(self, statement: str) -> float:
        if self._settings.measure == "steps":
            return count_steps(self.connection, statement) / 1e6
        start = cpu_clock()
        self.connection.execute(statement, can_cache=False)
        return (cpu_clock() - start) / 1e9

    def _pages(self) -> int:
        return int(self.connection.pragma("page_count")) - int(self.connection.pragma("freelist_count"))


class Copies:
    """The copies of one database.

    Queries run on `clean`; what is changed there is rolled back. `blank` has the schema without rows: scripts are read
    there. `instance` has it too, and is whoever's who fills it with small databases.
    """

    def __init__(self, image: Image, settings: Settings) -> None:
        source = open_copy(image)
        self.clean = Copy(source, settings)
        self.clean.hold_all()
        self.blank = Copy(blank_copy(source), settings)
        self.instance = Copy(blank_copy(source), settings)
        self.row_counts = row_counts(source)
        self.schema = schema_text(source, self.row_counts)

    def helpful_indexes(self, reads: frozenset[tuple[str, str]]) -> list[str]:
        """One index for every column that a query reads: lets an original that is far too slow finish once."""
        tables = dict(self.row_counts)
        columns = {(table.lower(), column.lower()) for table, column in reads}
        return [
            f"CREATE INDEX {quoted(f'sqlopt_helper_{i}')} ON {quoted(table)} ({quoted(column)})"
            for i, (table, column) in enumerate(all_columns(self.clean.connection))
            if table in tables and (table.lower(), column.lower()) in columns
        ]

    def close(self) -> None:
        for copy in (self.clean, self.blank):
            copy.close()


def failure(error: apsw.Error) -> Refusal:
    """The refusal that SQLite's error amounts to."""
    out_of_memory = getattr(error, "extendedresult", 0) == apsw.SQLITE_IOERR_NOMEM  # in a temporary file
    if out_of_memory or isinstance(error, apsw.NoMemError | apsw.FullError):
        return Refusal("memory", "it needs more memory than a worker may use")
    return Refusal("invalid", f"SQLite says: {error}")
