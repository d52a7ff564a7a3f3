"""What is done once a task: its query is read, its rows are fetched, and the orders that are legal are found."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import apsw

from .equivalence.compare import Reference, Row, difference_of_chunks
from .equivalence.determined import suspicious, undetermined
from .equivalence.pair import Sample
from .equivalence.reference import reference_for
from .equivalence.refute import Refuter, is_always_the_same
from .equivalence.twin.disturbance import apply
from .equivalence.twin.handles import Step
from .equivalence.undecided import Blind
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
    blind: Blind = field(default_factory=Blind)  # what the samples do not show
    nearby: Nearby | None = None  # the same on the real database, a little changed


@dataclass(frozen=True, slots=True)
class Nearby:
    """The original's answers on the real database after each of two changes to it; None where it has none in time.

    `ascends`: their rows rather rise than fall. `counts`: SQLite's steps that the original took for them, 0 where that
    tells nothing.
    """

    steps: tuple[list[Step], list[Step]]
    references: tuple[Reference | None, Reference | None]
    ascends: bool = True
    counts: tuple[int, int] = (0, 0)

    @property
    def shows_order(self) -> bool:
        """Whether these answers tell an order that is asked for from one that is luck."""
        known = [reference for reference in self.references if reference is not None]
        return bool(known) and all(len(reference.rows) > 1 and not reference.strict for reference in known)


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
    allow("reference", _patience(settings))
    rows: list[Row] | None = None
    start = cpu_clock()
    with counting_steps(copies.clean.connection) as count, suppress(apsw.InterruptError):
        rows = rows_of(copies.clean, script, settings.timeout)
    seconds = (cpu_clock() - start) / 1e9
    if rows is not None:
        reference: Reference | None = reference_of(copies.clean, script, rows, settings.timeout, allow)
        assert reference is not None
        if suspicious(script.query, refuter.tables):
            _refuse_chance(copies, script, reference, settings.timeout, allow)
    else:
        helpful = copies.helpful_indexes(script.reads)
        reference = _with_help(copies.clean, script, helpful, settings.reference_timeout, allow)
    prepared = Prepared(script, plan, reference, [], rows is None, seconds, max(count.steps, 1))
    first = _timed(copies.clean, prepared, yardstick, allow)
    allow("instances", 2 * settings.timeout)
    prepared.samples, undecided = refuter.study(script, settings.instances, INSTANCE_SEED, settings.timeout)
    # (A query that reads nothing is a constant.)
    always_the_same = bool(script.reads) and is_always_the_same(prepared.samples, prepared.reference)
    prepared.blind = Blind(undecided, always_the_same)
    second = _timed(copies.clean, prepared, yardstick, allow)
    if yardstick is not None and first is not None and second is not None:
        prepared.timing = yardstick.joined(first, second)
    return prepared


def _timed(copy: Copy, prepared: Prepared, yardstick: Yardstick | None, allow: Allow) -> Timing | None:
    """The original in yardsticks; one that was stopped is not run again, and the time it had is a lower bound."""
    if yardstick is None:
        return None
    if not prepared.stopped:
        allow("reference", 4 * (BASELINE_SECONDS + 4 * prepared.seconds))
    with copy.authorizer.guarded():
        return timed_original(copy, prepared, yardstick)


def timed_original(copy: Copy, prepared: Prepared, yardstick: Yardstick) -> Timing:
    """The original in yardsticks as the machine is now, under the authorizer's guard."""
    taken = round(prepared.seconds * 1e9)
    if prepared.stopped:
        return yardstick.baseline(lambda: taken, taken)
    return yardstick.baseline(lambda: drain(copy.connection, prepared.script.query), taken)


def reference_on(
    copy: Copy, script: Script, helpful: Sequence[str], settings: Settings, allow: Allow
) -> Reference | None:
    """A query's answer on any database, at need with the helpful indexes; None where it cannot be had."""
    allow("reference", _patience(settings))
    try:
        return reference_of(copy, script, rows_of(copy, script, settings.timeout), settings.timeout, allow)
    except SqlOptError:
        return None
    except apsw.InterruptError:
        return _with_help(copy, script, helpful, settings.reference_timeout, allow)


def _patience(settings: Settings) -> float:
    """Until an original is killed: inside a sort, SQLite does not see that the budget of a run is over."""
    return settings.timeout + settings.reference_timeout


def _with_help(copy: Copy, script: Script, helpful: Sequence[str], seconds: float, allow: Allow) -> Reference | None:
    """The reference of an original that is far too slow, by way of an index on every column that it reads."""
    allow("reference", 2 * seconds)
    try:
        with copy.transaction():
            copy.build(helpful, seconds)
            return reference_of(copy, script, rows_of(copy, script, seconds), seconds, allow)
    except (apsw.InterruptError, Refusal):
        return None


def _refuse_chance(copies: Copies, script: Script, reference: Reference, seconds: float, allow: Allow) -> None:
    """Raises SqlOptError where the query gives another answer when rows are read in another order."""
    if changes_with_reading(copies.clean, script, reference, (), seconds, allow):
        raise SqlOptError(
            "the query cannot be a task, for its own answer is not determined: it changes with the order in which"
            " SQLite reads rows; add ORDER BY terms that leave no ties"
        )


def changes_with_reading(
    copy: Copy,
    script: Script,
    reference: Reference,
    steps: Sequence[Step],
    seconds: float,
    allow: Allow,
    ways: Sequence[int | None] = (None, 0, 1),
) -> bool:
    """Whether, after these steps, the query gives another answer when rows are read in another order: backwards
    (None), or by indexes that are built for it, which takes far longer."""
    for way in ways:
        allow("reference", 4 * seconds)  # by the clock, also on a busy machine
        try:
            with copy.transaction(), copy.budget(seconds):
                apply(copy.connection, steps)
                if way is None:
                    copy.connection.pragma("reverse_unordered_selects", True)
                else:
                    copy.read_otherwise(script.reads, way)
                if difference_of_chunks(reference, copy.chunks(script.query)):
                    return True
        except (apsw.Error, Refusal, UnicodeDecodeError):
            continue  # too slow that way: nothing is known against it
        finally:
            copy.connection.pragma("reverse_unordered_selects", False)
    return False


def rows_of(copy: Copy, script: Script, seconds: float) -> list[Row]:
    """The original's rows; raises SqlOptError where it fails, apsw.InterruptError where it takes too long."""
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


def reference_of(copy: Copy, script: Script, rows: list[Row], seconds: float, allow: Allow) -> Reference:
    """The rows with the orders of them that are legal."""
    allow("reference", 4 * seconds)  # a sort cannot be interrupted
    with copy.budget(seconds):
        return reference_for(copy, script, rows)
