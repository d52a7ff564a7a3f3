"""What is done once a task: its query is read, its rows are fetched, and the orders that are legal are found."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import apsw

from .equivalence.compare import Reference, Row, difference
from .equivalence.determined import suspicious, undetermined
from .equivalence.pair import Sample
from .equivalence.reference import reference_for
from .equivalence.refute import Refuter
from .equivalence.shape import TableShape
from .equivalence.twin.disturbance import SIZES, Disturbance, apply, disturbance, narrowed
from .equivalence.twin.handles import Step
from .sqlite.copies import Copies, Copy
from .sqlite.plan import explain
from .sqlite.script import Refusal, Script, read_script
from .sqlite.steps import counting_steps
from .sqlite.timing import cpu_clock, drain
from .sqlite.yardstick import BASELINE_SECONDS, Timing, Yardstick
from .types import Plan, Settings, SqlOptError
from .workers.host import Allow

INSTANCE_SEED = 0


@dataclass(slots=True)
class Prepared:
    """A task that rewrites can be compared with.

    `reference` is None where the original's rows could not be had; no rewrite of such a task is ever paid.
    `seconds` (CPU) and `steps` are those of the original's first run: lower bounds where it was `stopped` at its
    budget, and then the only figures there are. `timing` is what it takes in yardsticks, where these are used.
    """

    script: Script
    plan: Plan
    reference: Reference | None
    samples: list[Sample]  # small databases with the original's answers
    stopped: bool
    seconds: float
    steps: int
    timing: Timing | None = None
    twin: Reference | None = None  # the original's answer on the database's twin, once it was asked for
    twin_failed: bool = False
    nearby: Nearby | None = None  # the same on the real database, a little changed


@dataclass(frozen=True, slots=True)
class Nearby:
    """The original's answers on the real database after each of two changes to it; None where it has none in time."""

    steps: tuple[list[Step], list[Step]]
    references: tuple[Reference | None, Reference | None]


def read_original(copies: Copies, refuter: Refuter, query: str, settings: Settings) -> tuple[Script, Plan]:
    """The task's query, held to the rules of a rewrite; raises SqlOptError where it breaks them."""
    try:
        script = read_script(copies.blank.connection, copies.blank.authorizer, query, settings)
    except Refusal as refusal:
        raise SqlOptError(f"the query cannot be a task: {refusal.reason}") from None
    if script.indexes:
        raise SqlOptError("the query cannot be a task: it must be one query without index statements")
    problem = undetermined(refuter.tables, script.query)
    if problem:
        raise SqlOptError(f"the query cannot be a task, for its own answer is not determined: {problem}")
    return script, explain(copies.clean.connection, script.query)


def prepare(
    copies: Copies, refuter: Refuter, query: str, settings: Settings, yardstick: Yardstick | None, allow: Allow
) -> Prepared:
    """Fetches the rows of the original; one that is over its budget is run again with helpful indexes."""
    script, plan = read_original(copies, refuter, query, settings)
    allow("reference", settings.timeout)
    rows: list[Row] | None = None
    start = cpu_clock()
    with counting_steps(copies.clean.connection) as count, suppress(apsw.InterruptError):
        rows = _rows(copies.clean, script, settings.timeout)
    seconds = (cpu_clock() - start) / 1e9
    if rows is not None:
        reference: Reference | None = _reference(copies.clean, script, rows, settings.timeout, allow)
        assert reference is not None
        if suspicious(script.query, refuter.tables):
            _refuse_chance(copies, script, reference, settings.timeout, allow)
    else:
        helpful = copies.helpful_indexes(script.reads)
        reference = _with_help(copies.clean, script, helpful, settings.reference_timeout, allow)
    prepared = Prepared(script, plan, reference, [], rows is None, seconds, max(count.steps, 1))
    first = _timed(copies.clean, prepared, yardstick, allow)
    allow("instances", 2 * settings.timeout)
    prepared.samples = refuter.samples(script, settings.instances, INSTANCE_SEED, settings.timeout)
    second = _timed(copies.clean, prepared, yardstick, allow)
    if yardstick is not None and first is not None and second is not None:
        prepared.timing = yardstick.joined(first, second)
    return prepared


def _timed(copy: Copy, prepared: Prepared, yardstick: Yardstick | None, allow: Allow) -> Timing | None:
    """The original in yardsticks; one that was stopped is not run again, and the time it had is a lower bound."""
    if yardstick is None:
        return None
    taken = round(prepared.seconds * 1e9)
    if prepared.stopped:
        return yardstick.baseline(lambda: taken, taken)
    seconds = BASELINE_SECONDS + 4 * prepared.seconds
    allow("reference", 4 * seconds)
    with copy.authorizer.guarded():
        return yardstick.baseline(lambda: drain(copy.connection, prepared.script.query), taken)


def reference_on(
    copy: Copy, script: Script, helpful: Sequence[str], settings: Settings, allow: Allow
) -> Reference | None:
    """A query's answer on any database, at need with the helpful indexes; None where it cannot be had."""
    allow("reference", settings.timeout)
    try:
        return _reference(copy, script, _rows(copy, script, settings.timeout), settings.timeout, allow)
    except SqlOptError:
        return None
    except apsw.InterruptError:
        return _with_help(copy, script, helpful, settings.reference_timeout, allow)


def nearby(copies: Copies, refuter: Refuter, prepared: Prepared, settings: Settings, allow: Allow) -> Nearby:
    """Looks for a change of few rows that moves the original's answer."""
    script, before = prepared.script, prepared.reference
    samples = [sample.rows for sample in sorted(prepared.samples, key=lambda sample: sample.rank)]
    tables, connection = refuter.tables, copies.clean.connection
    stage = _Stage(copies, tables, prepared, settings, allow)

    def planned(size: int) -> Disturbance:
        return disturbance(connection, tables, script.reads, size, INSTANCE_SEED, script.query, samples)

    plan = planned(SIZES[0])
    if not (prepared.stopped or before is None or stage.moves([*plan.changes, *plan.planted])):
        for size in SIZES[1:]:
            larger = planned(size)
            if stage.moves([*larger.changes, *larger.planted]):
                plan = narrowed(larger, lambda half, planted=larger.planted: stage.moves([*half, *planted]))  # type: ignore[misc]
                break
    found = stage.answers(plan)
    if None not in found.references:
        return found
    # What is planted may make the original fail, or leave its answer to chance.
    plain = disturbance(connection, tables, script.reads, SIZES[0], INSTANCE_SEED)
    other = stage.answers(plain)
    return other if found.references == (None, None) or None not in other.references else found


class _Stage:
    """The original on the real database, a little changed."""

    def __init__(
        self, copies: Copies, tables: list[TableShape], prepared: Prepared, settings: Settings, allow: Allow
    ) -> None:
        self._copies, self._copy, self._tables, self._prepared = copies, copies.clean, tables, prepared
        self._settings, self._allow = settings, allow
        self._seconds = settings.reference_timeout if prepared.stopped else 2 * settings.timeout

    def moves(self, steps: list[Step]) -> bool:
        """Whether the answer is another one then, or none."""
        assert self._prepared.reference is not None
        self._allow("reference", self._seconds)
        with self._copy.transaction():
            apply(self._copy.connection, steps)
            try:
                return _rows(self._copy, self._prepared.script, self._seconds) != self._prepared.reference.rows
            except (SqlOptError, apsw.InterruptError):
                return True

    def answers(self, plan: Disturbance) -> Nearby:
        steps = ([*plan.changes, *plan.planted], plan.losses)
        done: list[Step] = []
        references: list[Reference | None] = []
        with self._copy.transaction():
            if self._prepared.stopped:
                self._allow("reference", self._seconds)
                self._copy.build(self._copies.helpful_indexes(self._prepared.script.reads), self._seconds)
            for step in steps:
                apply(self._copy.connection, step)
                references.append(self._answer())
        for number, step in enumerate(steps):
            done += step
            reference = references[number]
            if reference is not None and self._by_chance(done, reference):
                references[number] = None
        return Nearby(steps, (references[0], references[1]))

    def _by_chance(self, done: list[Step], reference: Reference) -> bool:
        """Whether rows that the changes made equal leave this answer, or its order, to chance."""
        script = self._prepared.script
        if self._prepared.stopped or not (reference.strict or suspicious(script.query, self._tables)):
            return False
        return _changes_with_reading(self._copy, script, reference, done, self._seconds, self._allow)

    def _answer(self) -> Reference | None:
        script = self._prepared.script
        self._allow("reference", 2 * self._seconds)
        try:
            return _reference(self._copy, script, _rows(self._copy, script, self._seconds), self._seconds, self._allow)
        except (SqlOptError, apsw.InterruptError):
            return None


def _with_help(copy: Copy, script: Script, helpful: Sequence[str], seconds: float, allow: Allow) -> Reference | None:
    """The reference of an original that is far too slow, by way of an index on every column that it reads."""
    allow("reference", 2 * seconds)
    try:
        with copy.transaction():
            copy.build(helpful, seconds)
            return _reference(copy, script, _rows(copy, script, seconds), seconds, allow)
    except (apsw.InterruptError, Refusal):
        return None


def _refuse_chance(copies: Copies, script: Script, reference: Reference, seconds: float, allow: Allow) -> None:
    """Raises SqlOptError where the query gives another answer when rows are read in another order."""
    if _changes_with_reading(copies.clean, script, reference, (), seconds, allow):
        raise SqlOptError(
            "the query cannot be a task, for its own answer is not determined: it changes with the order in which"
            " SQLite reads rows; add ORDER BY terms that leave no ties"
        )


def _changes_with_reading(
    copy: Copy, script: Script, reference: Reference, steps: Sequence[Step], seconds: float, allow: Allow
) -> bool:
    """Whether, after these steps, the query gives another answer when rows are read in another order."""
    for way in (None, 0, 1):
        allow("reference", 2 * seconds)
        try:
            with copy.transaction(), copy.budget(seconds):
                apply(copy.connection, steps)
                if way is None:
                    copy.connection.pragma("reverse_unordered_selects", True)
                else:
                    copy.read_otherwise(script.reads, way)
                if difference(reference, copy.rows(script.query)):
                    return True
        except (apsw.Error, Refusal, UnicodeDecodeError):
            continue  # too slow that way: nothing is known against it
        finally:
            copy.connection.pragma("reverse_unordered_selects", False)
    return False


def _rows(copy: Copy, script: Script, seconds: float) -> list[Row]:
    try:
        with copy.budget(seconds):
            return list(copy.rows(script.query))
    except apsw.InterruptError:
        raise
    except Refusal as refusal:
        raise SqlOptError(f"the query cannot be a task: {refusal.reason}") from None
    except apsw.TooBigError:
        raise SqlOptError("the query cannot be a task: a text or blob is longer than cell_bytes allows") from None
    except (apsw.Error, UnicodeDecodeError) as error:
        raise SqlOptError(f"the query cannot be a task: SQLite says: {error}") from None


def _reference(copy: Copy, script: Script, rows: list[Row], seconds: float, allow: Allow) -> Reference:
    allow("reference", seconds)
    with copy.budget(seconds):
        return reference_for(copy, script, rows)
