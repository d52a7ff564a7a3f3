"""What is done once a task: its query is read, its rows are fetched, and the orders that are legal are found."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass

import apsw

from .equivalence.compare import Reference, strictly_ordered
from .equivalence.ordering import is_ordered, ranked, with_ties
from .sqlite.copies import Copies, Copy
from .sqlite.plan import explain
from .sqlite.sandbox import Allow
from .sqlite.script import Refusal, Script, read_script
from .sqlite.timing import cpu_clock
from .types import Plan, Settings, SqlOptError


@dataclass(frozen=True, slots=True)
class Prepared:
    """A task that rewrites can be compared with.

    `reference` is None where the original's rows could not be had; no rewrite of such a task is ever paid.
    `stopped_after` is the CPU seconds after which an original over its budget was stopped, else None.
    """

    script: Script
    plan: Plan
    reference: Reference | None
    stopped_after: float | None


def read_original(copies: Copies, query: str, settings: Settings) -> tuple[Script, Plan]:
    """The task's query, held to the rules of a rewrite; raises SqlOptError where it breaks them."""
    try:
        script = read_script(copies.blank.connection, copies.blank.authorizer, query, settings)
    except Refusal as refusal:
        raise SqlOptError(f"the query cannot be a task: {refusal.reason}") from None
    if script.indexes:
        raise SqlOptError("the query cannot be a task: it must be one query without index statements")
    return script, explain(copies.clean.connection, script.query)


def prepare(copies: Copies, query: str, settings: Settings, allow: Allow) -> Prepared:
    """Fetches the rows of the original; one that is over its budget is run again with helpful indexes."""
    script, plan = read_original(copies, query, settings)
    allow("reference", settings.timeout)
    start = cpu_clock()
    try:
        reference = _reference(copies.clean, script, settings.timeout, allow)
        return Prepared(script, plan, reference, None)
    except apsw.InterruptError:
        stopped_after = (cpu_clock() - start) / 1e9
    seconds = settings.reference_timeout
    allow("reference", 2 * seconds)
    try:
        with copies.work.indexed(copies.helpful_indexes(script.reads), seconds):
            reference = _reference(copies.work, script, seconds, allow)
    except (apsw.InterruptError, Refusal):
        return Prepared(script, plan, None, stopped_after)
    return Prepared(script, plan, reference, stopped_after)


def _reference(copy: Copy, script: Script, seconds: float, allow: Allow) -> Reference:
    try:
        with copy.budget(seconds):
            rows = list(copy.rows(script.query))
    except Refusal as refusal:
        raise SqlOptError(f"the query cannot be a task: {refusal.reason}") from None
    except apsw.InterruptError:
        raise
    except (apsw.Error, UnicodeDecodeError) as error:
        raise SqlOptError(f"the query cannot be a task: SQLite says: {error}") from None
    if not is_ordered(script.query):
        return Reference(rows)
    allow("reference", seconds)
    return _with_ties(copy, script, rows, seconds) or strictly_ordered(rows)


def _with_ties(
    copy: Copy, script: Script, rows: list[tuple[apsw.SQLiteValue, ...]], seconds: float
) -> Reference | None:
    """The reference with its tie groups, or None where they cannot be found for certain."""
    ranking = ranked(script.query, script.columns)
    if ranking is None:
        return None
    try:
        with copy.budget(seconds), closing(copy.rows(ranking.sql)) as ranked_rows:
            return with_ties(rows, ranking, ranked_rows)
    except (apsw.Error, Refusal, UnicodeDecodeError):
        return None
