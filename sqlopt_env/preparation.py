"""What is done once a task: its query is read, its rows are fetched, and the orders that are legal are found."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

import apsw

from .equivalence.compare import Reference, Row
from .equivalence.reference import reference_for
from .equivalence.refute import Refuter, Sample
from .sqlite.copies import Copies, Copy
from .sqlite.plan import explain
from .sqlite.sandbox import Allow
from .sqlite.script import Refusal, Script, read_script
from .sqlite.timing import counting_steps, cpu_clock
from .types import Plan, Settings, SqlOptError

INSTANCE_SEED = 0


@dataclass(frozen=True, slots=True)
class Prepared:
    """A task that rewrites can be compared with.

    `reference` is None where the original's rows could not be had; no rewrite of such a task is ever paid.
    `seconds` (CPU) and `steps` are those of the original's first run: lower bounds where it was `stopped` at its
    budget, and then the only figures there are.
    """

    script: Script
    plan: Plan
    reference: Reference | None
    samples: list[Sample]  # small databases with the original's answers
    stopped: bool
    seconds: float
    steps: int


def read_original(copies: Copies, query: str, settings: Settings) -> tuple[Script, Plan]:
    """The task's query, held to the rules of a rewrite; raises SqlOptError where it breaks them."""
    try:
        script = read_script(copies.blank.connection, copies.blank.authorizer, query, settings)
    except Refusal as refusal:
        raise SqlOptError(f"the query cannot be a task: {refusal.reason}") from None
    if script.indexes:
        raise SqlOptError("the query cannot be a task: it must be one query without index statements")
    return script, explain(copies.clean.connection, script.query)


def prepare(copies: Copies, refuter: Refuter, query: str, settings: Settings, allow: Allow) -> Prepared:
    """Fetches the rows of the original; one that is over its budget is run again with helpful indexes."""
    script, plan = read_original(copies, query, settings)
    allow("reference", settings.timeout)
    rows: list[Row] | None = None
    start = cpu_clock()
    with counting_steps(copies.clean.connection) as count, suppress(apsw.InterruptError):
        rows = _rows(copies.clean, script, settings.timeout)
    seconds = (cpu_clock() - start) / 1e9
    if rows is not None:
        reference: Reference | None = _reference(copies.clean, script, rows, settings.timeout, allow)
    else:
        reference = _with_help(copies, script, settings.reference_timeout, allow)
    allow("instances", 2 * settings.timeout)
    samples = refuter.samples(script, settings.instances, INSTANCE_SEED, settings.timeout)
    return Prepared(script, plan, reference, samples, rows is None, seconds, max(count.steps, 1))


def _with_help(copies: Copies, script: Script, seconds: float, allow: Allow) -> Reference | None:
    """The reference of an original that is far too slow, by way of an index on every column that it reads."""
    allow("reference", 2 * seconds)
    try:
        with copies.work.transaction():
            copies.work.build(copies.helpful_indexes(script.reads), seconds)
            return _reference(copies.work, script, _rows(copies.work, script, seconds), seconds, allow)
    except (apsw.InterruptError, Refusal):
        return None


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
