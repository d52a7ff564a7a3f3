"""Does a renamed query return, on the renamed database, the very rows that the original returns on the original one?

The caller's side: queries run in worker processes with limits (`running.py` is their side).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import asdict
from types import TracebackType
from typing import NamedTuple, Self

from ..databases import database_path
from ..sqlite.snapshot import Signature
from ..types import Settings, SqlOptError
from ..workers.pool import WorkerPool
from ..workers.worker import WorkerDied, WorkerOverran

_TARGET = "sqlopt_env.augmentation.running:make_handler"
_REMEMBERED = 4096  # queries
SECONDS = 10.0  # that a query may take


class Rows(NamedTuple):
    """What a query returned: a digest over its rows in their order, and how many there are; or why it has none."""

    digest: str
    number: int
    problem: str = ""


class RowCheck:
    """Compares queries by their rows; remembers them. A context manager; may be shared by threads."""

    def __init__(self, workers: int = 1, seconds: float = SECONDS) -> None:
        self._pool = WorkerPool(workers, _TARGET, asdict(Settings(measure="steps", timeout=seconds)))
        self._known: dict[tuple[Signature, str], Rows] = {}
        self._using = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._pool.close()

    def difference(self, database: str, query: str, renamed_database: str, renamed: str) -> str:
        """Why the renamed query is not the same query, as a sentence; "" where it returns the same rows in the same
        order."""
        first = self.rows(database, query)
        if first.problem:
            return f"the original on {database}: {first.problem}"
        second = self.rows(renamed_database, renamed)
        if second.problem:
            return f"renamed, on {renamed_database}: {second.problem}"
        if first != second:
            return f"renamed, it returns other rows ({second.number:,}) than the original ({first.number:,})"
        return ""

    def rows(self, database: str, query: str) -> Rows:
        """What the query returns. In double quotes stand names alone: a text there is a problem."""
        return self._remembered(database, query, lambda path: self._asked("rows", path, query))

    def problem(self, database: str, script: str) -> str:
        """Why a script is no CREATE INDEX statements and a query on this database, or has texts in double quotes."""
        return self._remembered(database, f"-- read\n{script}", lambda path: self._asked("read", path, script)).problem

    def _remembered(self, database: str, key: str, ask: Callable[[Signature], Rows]) -> Rows:
        signature = Signature.of(database_path(database))
        with self._using:
            rows = self._known.get((signature, key))
        if rows is None:
            rows = ask(signature)
            with self._using:
                if len(self._known) >= _REMEMBERED:
                    self._known.clear()
                self._known[signature, key] = rows
        return rows

    def _asked(self, operation: str, signature: Signature, script: str) -> Rows:
        request = {"op": operation, "path": signature.path, "signature": signature, "script": script}
        try:
            answer = self._pool.call(request, signature.path)
        except WorkerDied:
            return Rows("", 0, "the worker process died while it ran it")
        except WorkerOverran as error:
            if error.phase in ("start", "load"):
                raise SqlOptError(f"the worker process did not come to load {signature.path} in time") from None
            return Rows("", 0, "it takes too long, and could not be interrupted")
        return Rows(**answer)
