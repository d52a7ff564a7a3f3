"""Do two queries differ on some legal database? Thousands of plain random ones say so, slowly.

Only the comparison of two results, ties and all, is the library's: what is measured is its search.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TypeAlias, cast

import apsw

from sqlopt_env.equivalence.compare import Reference, Row, difference, strictly_ordered
from sqlopt_env.equivalence.ordering import is_ordered, ranked, with_ties

from .near import Value
from .rows import RandomRows

Filled: TypeAlias = tuple[str, tuple[Value, ...]]  # a table and one of its rows

_SECONDS = 0.5  # for one query on one database


class Oracle:
    """Compares queries on random databases of one schema."""

    def __init__(self, schema: str) -> None:
        self._connection = apsw.Connection(":memory:")
        self._connection.execute(schema).fetchall()
        self._connection.pragma("foreign_keys", True)
        self._deadline = 0.0
        self._connection.set_progress_handler(lambda: time.monotonic() > self._deadline, 20_000)

    def witness(self, original: str, rewrite: str, databases: int, seed: int = 0) -> str | None:
        """INSERT statements on which the two differ, or None where no database tells them apart."""
        *indexes, query = split(rewrite)
        rows = RandomRows(self._connection, f"{original}\n{rewrite}")
        rng = random.Random(seed)
        for _ in range(databases):
            with self._transaction():
                filled = [(table, row) for table, there in rows.fill(rng).items() for row in there]
                differ = self._differ(original, indexes, query)
            if differ:
                return self._smaller(filled, original, indexes, query)
        return None

    def _smaller(self, filled: list[Filled], original: str, indexes: Sequence[str], query: str) -> str:
        """Leaves out rows one by one for as long as the two differ without them."""
        for row in reversed(filled.copy()):
            fewer = [other for other in filled if other is not row]
            with self._transaction():
                if self._load(fewer) and self._differ(original, indexes, query):
                    filled = fewer
        return "\n".join(f"INSERT INTO {table} VALUES ({_listed(values)});" for table, values in filled)

    def _load(self, filled: list[Filled]) -> bool:
        try:
            for table, values in filled:
                self._connection.execute(f"INSERT INTO {table} VALUES ({_listed(values)})")
        except apsw.Error:
            return False
        return True

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("SAVEPOINT oracle")
        try:
            yield
        finally:
            self._connection.execute("ROLLBACK TO oracle")
            self._connection.execute("RELEASE oracle")

    def _differ(self, original: str, indexes: Sequence[str], query: str) -> bool:
        try:
            expected = self._rows(original)
        except apsw.Error:
            return False
        reference: Reference | None = None
        if is_ordered(original):
            reference = self._with_ties(original, expected)
        for index in indexes:
            self._connection.execute(index)
        try:
            got = self._rows(query)
        except apsw.InterruptError:
            return False
        except apsw.Error:
            return True
        return got != expected and difference(reference or Reference(expected), got) != ""

    def _with_ties(self, original: str, expected: list[Row]) -> Reference:
        ranking = ranked(original, len(expected[0])) if expected else None
        if ranking is None:
            return strictly_ordered(expected)
        try:
            return with_ties(expected, ranking, self._rows(ranking.sql)) or strictly_ordered(expected)
        except apsw.Error:
            return strictly_ordered(expected)

    def _rows(self, query: str) -> list[Row]:
        self._deadline = time.monotonic() + _SECONDS
        try:
            return cast(list[Row], self._connection.execute(query).fetchall())
        finally:
            self._deadline = float("inf")


def split(script: str) -> list[str]:
    """The statements of a script, as SQLite ends them."""
    statements, rest = [], ""
    for part in script.split(";"):
        rest += part
        if apsw.complete(f"{rest};"):
            statements += [rest.strip()] if rest.strip() else []
            rest = ""
        else:
            rest += ";"
    return statements


def _listed(values: Sequence[Value]) -> str:
    return ", ".join(map(apsw.format_sql_value, values))
