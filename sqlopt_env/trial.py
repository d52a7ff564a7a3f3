"""The worker's side of one evaluation: the order of the checks, from cheap to dear, readable top to bottom.

Each station either ends the trial with an outcome and a reason (Refusal) or hands on. Runs in a worker process.
"""

from __future__ import annotations

import logging
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import apsw

from .equivalence.actual import difference_on
from .equivalence.instances.literals import brings_literals
from .equivalence.ordering import is_ordered
from .equivalence.refute import Refuter
from .equivalence.tiebreak import mostly_ascending, tie_broken
from .measurement import figures, longest, measured
from .preparation import Prepared, read_original
from .sqlite.copies import Copy
from .sqlite.plan import explain
from .sqlite.sandbox import Handler, Host
from .sqlite.script import Refusal, Script, read_script
from .sqlite.steps import counting_steps
from .types import Settings, SqlOptError, Verdict
from .workbench import Place, Workbench

SCRIPT_SECONDS = 2.0
# A rewrite that small changes make so much slower remembers an answer, and computes it when it finds them.
_FAR_SLOWER, _LEAST_NANOSECONDS = 4.0, 500_000
THOROUGH_SEED = 1  # other instances than the ones that a policy's feedback comes from


def make_handler(options: dict[str, Any]) -> Handler:
    """What a worker process runs: requests `{"op": "brief" | "evaluate", "path", "query", "script", "thorough"}`."""
    bench = Bench(Settings(**options))
    logging.getLogger("sqlglot").setLevel(logging.CRITICAL)  # what it cannot read is of no concern to anyone

    def handle(request: dict[str, Any], host: Host) -> dict[str, Any]:
        try:
            if request["op"] == "brief":
                return bench.brief(Path(request["path"]), request["query"], host)
            return bench.evaluate(
                Path(request["path"]), request["query"], request["script"], request["thorough"], host
            )
        except SqlOptError as error:
            return {"error": str(error)}
        # What comes here is not of the script, but of the database or of the task's query.
        except (MemoryError, apsw.NoMemError):
            return {"error": "the task needs more memory than a worker may use (memory_bytes)"}
        except (apsw.Error, OSError) as error:
            return {"error": f"the task cannot be prepared: {error}"}

    return handle


class Bench:
    """Judges rewrites, one after the other."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._workbench = Workbench(settings)

    def brief(self, path: Path, query: str, host: Host) -> dict[str, Any]:
        """What may be known of a task before any rewrite."""
        place = self._workbench.place(path, host)
        script, plan = read_original(place.copies, place.refuter, query, self._settings)
        return {
            "schema": place.copies.schema,
            "plan": asdict(plan),
            "columns": script.columns,
            "row_counts": place.copies.row_counts,
        }

    def evaluate(self, path: Path, query: str, text: str, thorough: bool, host: Host) -> dict[str, Any]:
        """One trial, from the text of a script to an outcome."""
        place = self._workbench.place(path, host)
        prepared = self._workbench.prepared(place, query, host)
        apsw.hard_heap_limit(apsw.memory_used() + self._settings.memory_bytes)
        found: dict[str, Any] = {"plan_before": asdict(prepared.plan)}
        try:
            host("script", SCRIPT_SECONDS)
            blank = place.copies.blank
            script = read_script(blank.connection, blank.authorizer, text, self._settings)
            found |= {"indexes": script.indexes, "query": script.query}
            self._try(place, prepared, script, thorough, found, host)
        except Refusal as refusal:
            found |= _ended(refusal.outcome, refusal.reason)
        except (MemoryError, apsw.NoMemError):
            found |= _ended("memory", "it needs more memory than a worker may use")
        except Exception as error:  # a fault of the judge, which must neither stop a run nor be paid
            found |= _ended("crashed", f"the judge failed on it ({type(error).__name__}: {error})".replace("\n", " "))
        return found

    def _try(
        self,
        place: Place,
        prepared: Prepared,
        script: Script,
        thorough: bool,
        found: dict[str, Any],
        host: Host,
    ) -> None:
        settings, copies = self._settings, place.copies
        if script.columns != prepared.script.columns:
            problem = f"the rewrite returns {_columns(script)}, the original {prepared.script.columns}"
            found["verdict"] = asdict(Verdict("refuted", 0, problem))
            raise Refusal("refuted", problem)
        if prepared.reference is None:
            raise Refusal(
                "unverified",
                f"the original's rows could not be had within {settings.reference_timeout:g} s, even with indexes",
            )
        novel = brings_literals(prepared.script.query, script)
        instances = self._search(place.refuter, prepared, script, thorough, novel, found, host)
        host("index", settings.timeout)
        indexes = self._workbench.index_sets.get(copies.clean, script, settings.timeout)
        copy = indexes.copy
        found |= {"index_seconds": indexes.cost.amount, "index_bytes": indexes.cost.bytes}
        steps = self._check(copy, prepared, script, instances, found, host)
        seen = copy.seen
        if thorough or novel:
            self._compare_on_twin(place, prepared, script, instances, found, host)
        found["plan_after"] = asdict(explain(copy.connection, script.query))
        host("time", longest(settings))
        comparison = measured(prepared, copies.clean, copy, script, steps, settings, self._workbench.yardstick)
        outcome = figures(prepared, comparison, indexes, settings)
        if thorough or novel or outcome["outcome"] == "improved":
            each = thorough or novel
            self._check_order(copy, prepared, script, thorough, instances, found, host)
            if self._remembers(place, copy, prepared, script, instances, seen, each, found, host):
                outcome |= _ended("equivalent", "the same rows, but fast on these very data only: no gain shown")
        found |= outcome

    def _search(
        self,
        refuter: Refuter,
        prepared: Prepared,
        script: Script,
        thorough: bool,
        novel: bool,
        found: dict[str, Any],
        host: Host,
    ) -> int:
        """The same rows on small databases? On how many.

        Those that were made for the original do where the rewrite says nothing that the original does not say.
        """
        settings, original = self._settings, prepared.script
        seconds = settings.timeout
        host("instances", seconds)
        search = refuter.compare(original, script, prepared.samples, seconds)
        agreed = search.agreed
        if search.witness is None and search.finished and (thorough or novel):
            host("instances", seconds)
            count = settings.thorough_instances if thorough else 2 * settings.instances
            search = refuter.search(original, script, count, THOROUGH_SEED, seconds)
            agreed += search.agreed
        if search.witness is not None:
            problem = f"on a small database, {search.difference}"
            witness = search.witness
            found["verdict"] = asdict(
                Verdict("refuted", agreed, problem, witness.sql, witness.original_rows, witness.rewrite_rows)
            )
            raise Refusal("refuted", problem)
        if not search.finished:
            raise Refusal("timeout", f"on small databases the rewrite runs longer than {seconds:g} s")
        return agreed

    def _check(
        self,
        copy: Copy,
        prepared: Prepared,
        script: Script,
        instances: int,
        found: dict[str, Any],
        host: Host,
    ) -> int:
        """The same rows on the real database? The steps that it took to see."""
        assert prepared.reference is not None
        host("check", self._settings.timeout)
        with counting_steps(copy.connection) as count:
            problem = difference_on(copy, prepared.reference, script, self._settings.timeout)
        if len(prepared.reference.rows) > 1 and is_ordered(prepared.script.query) and not is_ordered(script.query):
            problem = problem or "the rewrite has no ORDER BY, as the original has: the order of its rows is chance"
        if problem:
            found["verdict"] = asdict(Verdict("refuted", instances, problem))
            raise Refusal("refuted", problem)
        reason = f"equal results on the real database and {instances} small ones"
        found["verdict"] = asdict(Verdict("tested", instances + 1, reason))
        return max(count.steps, 1)

    def _check_order(
        self,
        copy: Copy,
        prepared: Prepared,
        script: Script,
        thorough: bool,
        instances: int,
        found: dict[str, Any],
        host: Host,
    ) -> None:
        """Does the rewrite's own ORDER BY ask for the order, or is it the luck of an index?"""
        reference = prepared.reference
        assert reference is not None
        if len(reference.rows) < 2 or reference.strict or not is_ordered(prepared.script.query):
            return
        against = mostly_ascending(reference.rows)
        for descending in (against, not against) if thorough else (against,):
            host("order", self._settings.timeout)
            query = tie_broken(script.query, script.columns, descending=descending)
            if query and difference_on(copy, reference, replace(script, query=query), self._settings.timeout):
                problem = "its ORDER BY says less than the original's: the order of its rows is chance"
                found["verdict"] = asdict(Verdict("refuted", instances, problem))
                raise Refusal("refuted", problem)

    def _remembers(
        self,
        place: Place,
        copy: Copy,
        prepared: Prepared,
        script: Script,
        instances: int,
        seen: int,
        each: bool,
        found: dict[str, Any],
        host: Host,
    ) -> bool:
        """Does the rewrite know its answer by heart? On the real database, a little changed, it is wrong or slow then.

        `seen` is the CPU nanoseconds that its rows took before.
        """
        self._workbench.prepare_nearby(place, prepared, host)
        # Far slower than before, or as if it computed the original's answer besides.
        slow = min(_FAR_SLOWER * seen, seen + prepared.seconds * 1e9 / 2)
        slow = max(slow, seen + _LEAST_NANOSECONDS)
        problem, taken = self._workbench.difference_nearby(copy, prepared, script, host, each=each, slow=slow)
        if problem:
            problem = f"after small changes to the real database, {problem}"
            found["verdict"] = asdict(Verdict("refuted", instances + 1, problem))
            raise Refusal("refuted", problem)
        return taken > slow

    def _compare_on_twin(
        self,
        place: Place,
        prepared: Prepared,
        script: Script,
        instances: int,
        found: dict[str, Any],
        host: Host,
    ) -> None:
        """The same rows on a database as large as the real one, but with other contents?"""
        problem = self._workbench.difference_on_twin(place, prepared, script, host)
        if problem:
            problem = f"on a twin of the database, of its size but with other contents, {problem}"
            found["verdict"] = asdict(Verdict("refuted", instances + 1, problem))
            raise Refusal("refuted", problem)
        reason = f"equal results on the real database, its twin and {instances} small ones"
        found["verdict"] = asdict(Verdict("tested", instances + 2, reason))


def _columns(script: Script) -> str:
    return f"{script.columns} {'column' if script.columns == 1 else 'columns'}"


def _ended(outcome: str, reason: str) -> dict[str, Any]:
    return {"outcome": outcome, "reason": reason}
