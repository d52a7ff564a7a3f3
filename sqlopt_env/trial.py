"""The worker's side of one evaluation: the order of the checks, from cheap to dear, readable top to bottom.

Each station either ends the trial with an outcome and a reason (Refusal) or hands on. Runs in a worker process.
"""

from __future__ import annotations

import logging
from dataclasses import asdict
from pathlib import Path
from typing import Any

import apsw

from .equivalence.actual import difference_on
from .equivalence.instances.literals import brings_literals
from .equivalence.ordering import is_ordered
from .equivalence.refute import Refuter
from .preparation import Prepared, read_original
from .sqlite.copies import Copies, IndexCost
from .sqlite.plan import explain
from .sqlite.sandbox import Allow, Handler
from .sqlite.script import Refusal, Script, read_script
from .sqlite.timing import Comparison, compared_steps, count_steps, cpu_clock, drain, interleave
from .types import Settings, SqlOptError, Verdict
from .workbench import Place, Workbench

SCRIPT_SECONDS = 2.0
# A rewrite that small changes make so much slower remembers an answer, and computes it when it finds them.
_FAR_SLOWER, _LEAST_NANOSECONDS = 4.0, 3_000_000
THOROUGH_SEED = 1  # other instances than the ones that a policy's feedback comes from


def make_handler(options: dict[str, Any]) -> Handler:
    """What a worker process runs: requests `{"op": "brief" | "evaluate", "path", "query", "script", "thorough"}`."""
    bench = Bench(Settings(**options))
    logging.getLogger("sqlglot").setLevel(logging.CRITICAL)  # what it cannot read is of no concern to anyone

    def handle(request: dict[str, Any], allow: Allow) -> dict[str, Any]:
        try:
            if request["op"] == "brief":
                return bench.brief(Path(request["path"]), request["query"], allow)
            return bench.evaluate(
                Path(request["path"]), request["query"], request["script"], request["thorough"], allow
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

    def brief(self, path: Path, query: str, allow: Allow) -> dict[str, Any]:
        """What may be known of a task before any rewrite."""
        place = self._workbench.place(path, allow)
        script, plan = read_original(place.copies, place.refuter, query, self._settings)
        return {
            "schema": place.copies.schema,
            "plan": asdict(plan),
            "columns": script.columns,
            "row_counts": place.copies.row_counts,
        }

    def evaluate(self, path: Path, query: str, text: str, thorough: bool, allow: Allow) -> dict[str, Any]:
        """One trial, from the text of a script to an outcome."""
        place = self._workbench.place(path, allow)
        prepared = self._workbench.prepared(place, query, allow)
        found: dict[str, Any] = {"plan_before": asdict(prepared.plan)}
        try:
            allow("script", SCRIPT_SECONDS)
            blank = place.copies.blank
            script = read_script(blank.connection, blank.authorizer, text, self._settings)
            found |= {"indexes": script.indexes, "query": script.query}
            self._try(place, prepared, script, thorough, found, allow)
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
        allow: Allow,
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
        instances = self._search(place.refuter, prepared, script, thorough, novel, found, allow)
        self._workbench.prepare_nearby(place, prepared, allow)
        allow("index", settings.timeout)
        with copies.work.transaction():
            cost = copies.work.build(script.indexes, settings.timeout)
            found |= {"index_seconds": cost.amount, "index_bytes": cost.bytes}
            seen = self._check(copies, prepared, script, instances, found, allow)
            if thorough or novel:
                self._compare_on_twin(place, prepared, script, instances, found, allow)
            found["plan_after"] = asdict(explain(copies.work.connection, script.query))
            figures = self._priced(prepared, self._measure(copies, prepared, script, seen, allow), cost)
            if thorough or novel or figures["outcome"] == "improved":
                nearby = self._compare_nearby(place, prepared, script, instances, found, allow)
                if nearby > max(_FAR_SLOWER * seen, prepared.seconds * 1e9 / 2, _LEAST_NANOSECONDS):
                    figures |= _ended("equivalent", "the same rows, but fast on these very data only: no gain shown")
            found |= figures

    def _search(
        self,
        refuter: Refuter,
        prepared: Prepared,
        script: Script,
        thorough: bool,
        novel: bool,
        found: dict[str, Any],
        allow: Allow,
    ) -> int:
        """The same rows on small databases? On how many.

        Those that were made for the original do where the rewrite says nothing that the original does not say.
        """
        settings, original = self._settings, prepared.script
        seconds = settings.timeout
        allow("instances", 3 * seconds)
        search = refuter.compare(original, script, prepared.samples, seconds)
        agreed = search.agreed
        if search.witness is None and search.finished and (thorough or novel):
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
        copies: Copies,
        prepared: Prepared,
        script: Script,
        instances: int,
        found: dict[str, Any],
        allow: Allow,
    ) -> int:
        """The same rows on the real database? The CPU nanoseconds that it took to see."""
        assert prepared.reference is not None
        allow("check", self._settings.timeout)
        start = cpu_clock()
        problem = difference_on(copies.work, prepared.reference, script, self._settings.timeout)
        seen = cpu_clock() - start
        if len(prepared.reference.rows) > 1 and is_ordered(prepared.script.query) and not is_ordered(script.query):
            problem = problem or "the rewrite has no ORDER BY, as the original has: the order of its rows is chance"
        if problem:
            found["verdict"] = asdict(Verdict("refuted", instances, problem))
            raise Refusal("refuted", problem)
        reason = f"equal results on the real database and {instances} small ones"
        found["verdict"] = asdict(Verdict("tested", instances + 1, reason))
        return seen

    def _compare_nearby(
        self, place: Place, prepared: Prepared, script: Script, instances: int, found: dict[str, Any], allow: Allow
    ) -> int:
        """The same rows on the real database, a little changed? The CPU nanoseconds that it took to see.

        To be called where the rewrite's indexes are.
        """
        problem, slowest = self._workbench.difference_nearby(place, prepared, script, allow)
        if problem:
            problem = f"after small changes to the real database, {problem}"
            found["verdict"] = asdict(Verdict("refuted", instances + 1, problem))
            raise Refusal("refuted", problem)
        return slowest

    def _compare_on_twin(
        self,
        place: Place,
        prepared: Prepared,
        script: Script,
        instances: int,
        found: dict[str, Any],
        allow: Allow,
    ) -> None:
        """The same rows on a database as large as the real one, but with other contents?"""
        problem = self._workbench.difference_on_twin(place, prepared, script, allow)
        if problem:
            problem = f"on a twin of the database, of its size but with other contents, {problem}"
            found["verdict"] = asdict(Verdict("refuted", instances + 1, problem))
            raise Refusal("refuted", problem)
        reason = f"equal results on the real database, its twin and {instances} small ones"
        found["verdict"] = asdict(Verdict("tested", instances + 2, reason))

    def _measure(self, copies: Copies, prepared: Prepared, script: Script, seen: int, allow: Allow) -> Comparison:
        """How much faster? `seen` is how long the rewrite took before."""
        settings = self._settings
        seconds = settings.measure_seconds + 4 * settings.timeout
        allow("time", seconds)
        work = copies.work
        # Two copies of a database lie differently in memory, which alone can make 2 %: use one where one will do.
        clean = copies.clean if script.indexes else work
        original, stopped_after = prepared.script.query, round(prepared.seconds * 1e9)
        with (
            clean.budget(seconds),
            work.budget(seconds),
            clean.authorizer.guarded(),
            work.authorizer.guarded(),
        ):
            try:
                if settings.measure == "steps":
                    return compared_steps(prepared.steps, count_steps(work.connection, script.query))
                return interleave(
                    # An original over its budget is not run again: the time it had is a lower bound.
                    lambda: stopped_after if prepared.stopped else drain(clean.connection, original),
                    lambda: drain(work.connection, script.query),
                    settings.measure_seconds,
                    seen,
                )
            except apsw.InterruptError:
                raise Refusal("timeout", f"the rewrite runs longer than {settings.timeout:g} s") from None

    def _priced(self, prepared: Prepared, comparison: Comparison, cost: IndexCost) -> dict[str, Any]:
        """The figures of an evaluation, with the indexes charged."""
        charged = comparison.rewrite + cost.amount / self._settings.amortize_over
        improved = comparison.low > 1.0
        at_least = "at least " if prepared.stopped else ""
        interval = f"{_times(comparison.low)} to {_times(comparison.high)}"
        return {
            "outcome": "improved" if improved else "equivalent",
            "reason": f"the same rows, {at_least}{_times(comparison.speedup)} times as fast ({interval})"
            + ("" if improved else ": no gain shown"),
            "speedup": comparison.speedup,
            "speedup_interval": (comparison.low, comparison.high),
            # By way of the ratio of the rounds, which a drift of the machine between them does not touch.
            "effective_speedup": comparison.speedup * comparison.rewrite / charged,
            "baseline_seconds": comparison.original,
            "baseline_is_lower_bound": prepared.stopped,
            "rewrite_seconds": comparison.rewrite,
            "rounds": comparison.rounds,
        }


def _times(ratio: float) -> str:
    return f"{ratio:.2f}" if ratio >= 0.1 else f"{ratio:.1g}"


def _columns(script: Script) -> str:
    return f"{script.columns} {'column' if script.columns == 1 else 'columns'}"


def _ended(outcome: str, reason: str) -> dict[str, Any]:
    return {"outcome": outcome, "reason": reason}
