"""The worker's side of an appraisal: is a query a good task, how slow is it, and how fast is its good form?

A light trial, for generators that look at thousands of queries: the rows are compared on the real database alone, and
what decides is counted in SQLite's steps, so that every machine accepts the same queries. The judge trusts none of it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import asdict
from typing import Any

import apsw

from .equivalence.compare import Reference, Row, difference_of_chunks
from .equivalence.determined import suspicious
from .preparation import changes_with_reading, read_original, reference_of
from .sqlite.copies import Copy, failure
from .sqlite.index_pool import IndexPool, PooledIndex, build_pool
from .sqlite.plan import explain
from .sqlite.script import Refusal, Script, one_line, read_script
from .sqlite.snapshot import Signature
from .sqlite.steps import counting_steps
from .sqlite.timing import cpu_clock
from .sqlite.words import words
from .types import Answer, Appraisal, Demands, Settings, SqlOptError, Unfit
from .workbench import Place, is_room
from .workers.host import Host

_NOTHING = (None, 0, 0.0, "")
_BY_READING = "its answer changes with the order in which SQLite reads rows"
_LEFT_OPEN = "the query cannot be a task, for its own answer is not determined"


class _Refused(Exception):
    def __init__(self, kind: Unfit, reason: str) -> None:
        self.kind: Unfit = kind
        self.reason = one_line(reason)


class Appraiser:
    """Appraises queries, one after the other, and keeps the last pools of indexes."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._pools: OrderedDict[tuple[Signature, tuple[str, ...]], IndexPool] = OrderedDict()

    def appraise(
        self, place: Place, query: str, good: str, indexes: tuple[str, ...], demands: Demands, host: Host
    ) -> dict[str, Any]:
        """An `Appraisal` as a dictionary."""
        try:
            pool = self._pool(place, indexes, host)
        except Refusal as refusal:
            raise SqlOptError(f"the indexes to choose from cannot be built: {refusal.reason}") from None
        return asdict(_Appraising(place, pool, demands, self._settings, host).appraise(query, good))

    def _pool(self, place: Place, indexes: tuple[str, ...], host: Host) -> IndexPool:
        key = (place.signature, indexes)
        if key not in self._pools:
            while not is_room([signature for signature, _ in self._pools], place.signature):
                self._pools.popitem(last=False)[1].copy.close()
            host("index", (1 + len(indexes)) * self._settings.reference_timeout)
            apsw.hard_heap_limit(0)
            statements = [self._statement(place, index) for index in indexes]
            self._pools[key] = build_pool(place.copies.clean, statements, self._settings.reference_timeout)
        self._pools.move_to_end(key)
        apsw.hard_heap_limit(apsw.memory_used() + self._settings.memory_bytes)
        return self._pools[key]

    def _statement(self, place: Place, index: str) -> str:
        """The one index statement of a text, held to the rules of a rewrite. Raises Refusal."""
        if not isinstance(index, str):
            raise Refusal("invalid", f"an index statement is a text, not {type(index).__name__}")
        blank = place.copies.blank
        script = read_script(blank.connection, blank.authorizer, f"{index}\n;SELECT 1", self._settings)
        if len(script.indexes) != 1:
            raise Refusal("invalid", f"not one CREATE INDEX statement: {index}")
        (statement,) = script.indexes
        return statement[: max(word.end for word in words(statement))]  # a comment at its end would hide a semicolon


class _Appraising:
    """The checks of one query, from cheap to dear."""

    def __init__(self, place: Place, pool: IndexPool, demands: Demands, settings: Settings, host: Host) -> None:
        self._place, self._pool = place, pool
        self._demands, self._settings, self._host = demands, settings, host
        self._rows = self._steps = 0
        self._milliseconds = 0.0

    def appraise(self, query: str, good: str) -> Appraisal:
        unfit: Unfit = ""
        reason = ""
        answer: Answer | None = None
        try:
            answer = self._checked(query, good)
        except _Refused as refused:
            unfit, reason = refused.kind, refused.reason
        except SqlOptError as error:
            unfit, reason = "undetermined" if str(error).startswith(_LEFT_OPEN) else "invalid", str(error)
        return Appraisal(unfit, reason, self._rows, self._steps, self._milliseconds, answer)

    def _checked(self, query: str, good: str) -> Answer | None:
        place, settings, copy = self._place, self._settings, self._place.copies.clean
        self._host("script", settings.timeout)
        script, _ = read_original(place.copies, place.refuter, query, settings)
        self._host("reference", 2 * settings.timeout)
        start = cpu_clock()
        with counting_steps(copy.connection) as count:
            rows = _rows(copy, script, self._demands)
        self._rows, self._steps = len(rows), max(count.steps, 1)
        self._milliseconds = (cpu_clock() - start) / 1e6
        if not rows or (len(rows) == 1 and all(value in _NOTHING for value in rows[0])):
            raise _Refused("empty", "its answer is empty")
        least = self._demands.least_steps
        if self._steps < least:
            raise _Refused("cheap", f"it takes {self._steps:,} steps, fewer than {least:,}")
        reference = reference_of(copy, script, rows, settings.timeout, self._host)
        self._host("check", 4 * settings.timeout)
        with ExitStack() as finish:
            answer = self._answer(good or script.query, script, reference, finish)
        # Backwards alone: the judge looks at more when it prepares the task, and that would take longest here.
        if suspicious(script.query, place.refuter.tables) and changes_with_reading(
            copy, script, reference, (), settings.timeout, self._host, ways=(None,)
        ):
            raise _Refused("undetermined", _BY_READING)
        return answer

    def _is_taken_alone(self, query: str, taken: Sequence[PooledIndex]) -> bool:
        """Whether SQLite plans the query with these indexes as it does with all of the pool: nearly always."""
        blank = self._place.copies.blank
        with blank.transaction():
            for index in taken:
                blank.connection.execute(index.statement)
            return explain(blank.connection, query) == explain(self._pool.copy.connection, query)

    def _answer(self, good: str, original: Script, reference: Reference, finish: ExitStack) -> Answer | None:
        """What the good form takes with the indexes that SQLite chooses; None where that is too much.

        Raises _Refused where it is no answer. What it opens is closed by `finish`.
        """
        copies, most, pool = self._place.copies, self._demands.most_steps, self._pool
        problem = ""
        try:
            script = read_script(copies.blank.connection, copies.blank.authorizer, good, self._settings)
            if script.indexes:
                raise Refusal("invalid", "it must be one query without index statements")
            taken = pool.taken(script.query)
            if not self._is_taken_alone(script.query, taken):
                pool = finish.enter_context(
                    build_pool(copies.clean, [index.statement for index in taken], self._settings.timeout)
                )
                taken = pool.taken(script.query)
            start = cpu_clock()
            with (
                counting_steps(pool.copy.connection) as count,
                _steps_at_most(pool.copy, most),
                closing(pool.copy.chunks(script.query)) as chunks,
            ):
                problem = difference_of_chunks(reference, chunks)
            milliseconds = (cpu_clock() - start) / 1e6
        except apsw.InterruptError:
            return None
        except Refusal as refusal:
            problem = refusal.reason
        except apsw.Error as error:
            failed = failure(error)
            if failed.outcome == "memory":
                return None
            problem = failed.reason
        except UnicodeDecodeError as error:
            problem = f"SQLite says: {error}"
        if problem and good == original.query:
            raise _Refused("undetermined", f"{_BY_READING}: with indexes, {problem}")
        if problem:
            raise _Refused("unequal", f"its known answer is none: {problem}")
        alone = count.steps if script.query == original.query else _steps(self._pool.copy, original, most)
        indexes, built = tuple(index.statement for index in taken), sum(index.steps for index in taken)
        return Answer(script.query, indexes, max(count.steps, 1), built, alone, milliseconds)


def _rows(copy: Copy, script: Script, demands: Demands) -> list[Row]:
    """All rows of the query. Raises _Refused where it takes too many steps, or has too many rows."""
    rows: list[Row] = []
    try:
        with _steps_at_most(copy, demands.most_steps), closing(copy.rows(script.query)) as found:
            for row in found:
                rows.append(row)
                if len(rows) > demands.most_rows:
                    raise _Refused("large", f"it returns more than {demands.most_rows:,} rows")
    except apsw.InterruptError:
        raise _Refused("dear", f"it takes more than {demands.most_steps:,} steps") from None
    except Refusal as refusal:
        raise _Refused("large", refusal.reason) from None
    except apsw.Error as error:
        failed = failure(error)
        raise _Refused("dear" if failed.outcome == "memory" else "invalid", failed.reason) from None
    except UnicodeDecodeError as error:
        raise _Refused("invalid", f"SQLite says: {error}") from None
    return rows


def _steps(copy: Copy, script: Script, most: int) -> int | None:
    """What a query takes; None where that is over the limit, or where it fails that way."""
    failures = (apsw.Error, Refusal, UnicodeDecodeError)
    with counting_steps(copy.connection) as count, _steps_at_most(copy, most), suppress(*failures):
        for _ in copy.chunks(script.query):
            pass
        return max(count.steps, 1)
    return None


@contextmanager
def _steps_at_most(copy: Copy, steps: int) -> Iterator[None]:
    """Statements are interrupted after so many virtual-machine steps, whatever the time."""
    copy.connection.set_progress_handler(lambda: True, steps)
    try:
        yield
    finally:
        copy.connection.set_progress_handler(None)
