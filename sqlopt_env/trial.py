"""The worker's side of one evaluation: the order of the checks, from cheap to dear, readable top to bottom.

Each station either ends the trial with an outcome and a reason (Refusal) or hands on. Runs in a worker process.
"""

from __future__ import annotations

from collections import OrderedDict
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import apsw

from .equivalence.compare import difference
from .equivalence.refute import Refuter
from .preparation import Prepared, prepare, read_original
from .sqlite.connection import Signature
from .sqlite.copies import Copies, IndexCost, failure
from .sqlite.plan import explain
from .sqlite.sandbox import Allow, Handler, limit_process
from .sqlite.script import Refusal, Script, read_script
from .sqlite.timing import Comparison, compared_steps, count_steps, cpu_clock, drain, interleave
from .types import Settings, SqlOptError, Verdict

LOAD_SECONDS_PER_GIB = 60.0
SCRIPT_SECONDS = 2.0
THOROUGH_SEED = 1  # other instances than the ones that a policy's feedback comes from
DATABASES_KEPT, TASKS_KEPT, ROWS_KEPT = 2, 64, 1_000_000  # rows of all prepared tasks together


def make_handler(options: dict[str, Any]) -> Handler:
    """What a worker process runs: requests `{"op": "brief" | "evaluate", "path", "query", "script", "thorough"}`."""
    bench = Bench(Settings(**options))

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
    """Databases and prepared tasks that a worker keeps between trials."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._databases: OrderedDict[Signature, Copies] = OrderedDict()
        self._refuters: dict[Signature, Refuter] = {}
        self._tasks: OrderedDict[tuple[Signature, str], Prepared] = OrderedDict()

    def brief(self, path: Path, query: str, allow: Allow) -> dict[str, Any]:
        """What may be known of a task before any rewrite."""
        copies = self._copies(Signature.of(path), path, allow)
        script, plan = read_original(copies, query, self._settings)
        return {
            "schema": copies.schema,
            "plan": asdict(plan),
            "columns": script.columns,
            "row_counts": copies.row_counts,
        }

    def evaluate(self, path: Path, query: str, text: str, thorough: bool, allow: Allow) -> dict[str, Any]:
        """One trial, from the text of a script to an outcome."""
        signature = Signature.of(path)
        copies = self._copies(signature, path, allow)
        prepared = self._prepared(signature, copies, query, allow)
        found: dict[str, Any] = {"plan_before": asdict(prepared.plan)}
        try:
            allow("script", SCRIPT_SECONDS)
            script = read_script(copies.blank.connection, copies.blank.authorizer, text, self._settings)
            found |= {"indexes": script.indexes, "query": script.query}
            self._try(signature, prepared, script, thorough, found, allow)
        except Refusal as refusal:
            found |= _ended(refusal.outcome, refusal.reason)
        except (MemoryError, apsw.NoMemError):
            found |= _ended("memory", "it needs more memory than a worker may use")
        except Exception as error:  # a fault of the judge, which must neither stop a run nor be paid
            found |= _ended("crashed", f"the judge failed on it ({type(error).__name__}: {error})".replace("\n", " "))
        return found

    def _try(
        self,
        signature: Signature,
        prepared: Prepared,
        script: Script,
        thorough: bool,
        found: dict[str, Any],
        allow: Allow,
    ) -> None:
        settings, copies = self._settings, self._databases[signature]
        if script.columns != prepared.script.columns:
            problem = f"the rewrite returns {_columns(script)}, the original {prepared.script.columns}"
            found["verdict"] = asdict(Verdict("refuted", 0, problem))
            raise Refusal("refuted", problem)
        if prepared.reference is None:
            raise Refusal(
                "unverified",
                f"the original's rows could not be had within {settings.reference_timeout:g} s, even with indexes",
            )
        instances = self._search(self._refuters[signature], prepared, script, thorough, found, allow)
        allow("index", settings.timeout)
        with copies.work.transaction():
            cost = copies.work.build(script.indexes, settings.timeout)
            found |= {"index_seconds": cost.amount, "index_bytes": cost.bytes}
            seen = self._check(copies, prepared, script, instances, found, allow)
            found["plan_after"] = asdict(explain(copies.work.connection, script.query))
            found |= self._priced(prepared, self._measure(copies, prepared, script, seen, allow), cost)

    def _search(
        self,
        refuter: Refuter,
        prepared: Prepared,
        script: Script,
        thorough: bool,
        found: dict[str, Any],
        allow: Allow,
    ) -> int:
        """The same rows on small databases? On how many."""
        seconds, original = self._settings.timeout, prepared.script
        allow("instances", 3 * seconds)
        search = refuter.compare(original, script, prepared.samples, seconds)
        agreed = search.agreed
        if search.witness is None and search.finished and thorough:
            search = refuter.search(original, script, self._settings.thorough_instances, THOROUGH_SEED, seconds)
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
        seconds = self._settings.timeout
        allow("check", seconds)
        start = cpu_clock()
        try:
            with copies.work.budget(seconds), closing(copies.work.rows(script.query)) as rows:
                problem = difference(prepared.reference, rows)
        except apsw.InterruptError:
            raise Refusal("timeout", f"the rewrite runs longer than {seconds:g} s") from None
        except UnicodeDecodeError:
            raise Refusal("invalid", "the rewrite returns text that is not UTF-8") from None
        except apsw.Error as error:
            raise failure(error) from None
        if problem:
            found["verdict"] = asdict(Verdict("refuted", instances, problem))
            raise Refusal("refuted", problem)
        reason = f"equal results on the real database and {instances} small ones"
        found["verdict"] = asdict(Verdict("tested", instances + 1, reason))
        return cpu_clock() - start

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

    def _copies(self, signature: Signature, path: Path, allow: Allow) -> Copies:
        if signature not in self._databases:
            while len(self._databases) >= DATABASES_KEPT:
                old, copies = self._databases.popitem(last=False)
                copies.close()
                del self._refuters[old]
                for key in [key for key in self._tasks if key[0] == old]:
                    del self._tasks[key]
            allow("load", 10.0 + LOAD_SECONDS_PER_GIB * signature.size / 2**30)
            memory = self._settings.memory_bytes + 3 * signature.size
            limit_process(memory)
            apsw.hard_heap_limit(sum(key.size for key in self._databases) * 3 + memory)
            copies = self._databases[signature] = Copies(path, self._settings)
            self._refuters[signature] = Refuter(copies.instance, copies.indexed)
        self._databases.move_to_end(signature)
        return self._databases[signature]

    def _prepared(self, signature: Signature, copies: Copies, query: str, allow: Allow) -> Prepared:
        key = (signature, query)
        if key not in self._tasks:
            self._tasks[key] = prepare(copies, self._refuters[signature], query, self._settings, allow)
            while len(self._tasks) > 1 and (len(self._tasks) > TASKS_KEPT or self._rows_kept() > ROWS_KEPT):
                self._tasks.popitem(last=False)
        self._tasks.move_to_end(key)
        return self._tasks[key]

    def _rows_kept(self) -> int:
        return sum(len(task.reference.rows) for task in self._tasks.values() if task.reference is not None)


def _times(ratio: float) -> str:
    return f"{ratio:.2f}" if ratio >= 0.1 else f"{ratio:.1g}"


def _columns(script: Script) -> str:
    return f"{script.columns} {'column' if script.columns == 1 else 'columns'}"


def _ended(outcome: str, reason: str) -> dict[str, Any]:
    return {"outcome": outcome, "reason": reason}
