"""The worker's side of one evaluation: the order of the checks, from cheap to dear, readable top to bottom.

Each station either ends the trial with an outcome and a reason (Refusal) or hands on. Runs in a worker process.
"""

from __future__ import annotations

import logging
from dataclasses import asdict, replace
from typing import Any

import apsw

from .appraisal import Appraiser
from .equivalence.instances.literals import brings_literals
from .equivalence.limits import strange_limit
from .equivalence.ordering import is_ordered
from .equivalence.tiebreak import LESS_ORDER, in_an_order_of_its_own
from .equivalence.witness import Witness
from .measurement import figures, is_hopeless, longest, measured
from .preparation import Prepared, read_original
from .readability import counts
from .sqlite.connection import schema_text
from .sqlite.copies import Copy
from .sqlite.index_sets import IndexSet
from .sqlite.plan import explain
from .sqlite.script import Refusal, Script, one_line, read_script
from .sqlite.snapshot import Signature
from .sqlite.statistics import distinct_values
from .sqlite.timing import Comparison
from .survey import survey
from .types import Demands, Outcome, Settings, SqlOptError, Verdict
from .workbench import LOAD_SECONDS_PER_GIB, Changed, Effort, Place, Workbench
from .workers.host import Handler, Host

SCRIPT_SECONDS = 2.0
_DESCRIBED = 16  # databases whose schemas are kept with their statistics
_BY_HEART = "the same rows, but fast on these very data only: no certain gain"
LONGEST_WITNESS = 20_000  # characters of SQL
THOROUGH_SEED = 1  # other instances than the ones that a policy's feedback comes from


def make_handler(options: dict[str, Any]) -> Handler:
    """What a worker process runs: requests `{"op", "path", "signature", ...}`, where `op` is a method of Bench."""
    bench = Bench(Settings(**options))
    logging.getLogger("sqlglot").setLevel(logging.CRITICAL)  # what it cannot read is of no concern to anyone

    def handle(request: dict[str, Any], host: Host) -> dict[str, Any]:
        signature = Signature(*request["signature"])
        try:
            match request["op"]:
                case "brief":
                    return bench.brief(signature, request["query"], host)
                case "survey":
                    return bench.survey(signature, host)
                case "appraise":
                    good, indexes, demands = request["good"], tuple(request["indexes"]), Demands(**request["demands"])
                    return bench.appraise(signature, request["query"], good, indexes, demands, host)
            return bench.evaluate(signature, request["query"], request["script"], request["thorough"], host)
        except SqlOptError as error:
            return {"error": str(error)}
        # What comes here is not of the script, but of the database or of the task's query.
        except (MemoryError, apsw.NoMemError):
            return {"error": "the task needs more memory than a worker may use (memory_bytes)"}
        except (apsw.Error, OSError) as error:
            return {"error": one_line(f"the task cannot be prepared: {error}")}
        except Exception as error:  # a fault of the judge
            return {"error": one_line(f"the judge failed to prepare the task ({type(error).__name__}: {error})")}

    return handle


class Bench:
    """Judges rewrites, one after the other."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._workbench = Workbench(settings)
        self._appraiser = Appraiser(settings)
        self._schemas: dict[Signature, str] = {}

    def brief(self, signature: Signature, query: str, host: Host) -> dict[str, Any]:
        """What may be known of a task before any rewrite."""
        place = self._workbench.place(signature, host)
        script, plan = read_original(place.copies, place.refuter, query, self._settings)
        return {
            "schema": self._described(signature, place),
            "plan": asdict(plan),
            "columns": script.columns,
            "row_counts": place.copies.row_counts,
        }

    def _described(self, signature: Signature, place: Place) -> str:
        """The schema with rows and distinct values in comments, kept for the last databases."""
        if signature not in self._schemas:
            if len(self._schemas) >= _DESCRIBED:
                self._schemas.clear()
            connection, counts = place.copies.clean.connection, place.copies.row_counts
            self._schemas[signature] = schema_text(connection, counts, distinct_values(connection, counts))
        return self._schemas[signature]

    def survey(self, signature: Signature, host: Host) -> dict[str, Any]:
        """What is in the database."""
        place = self._workbench.place(signature, host)
        host("survey", 10.0 + LOAD_SECONDS_PER_GIB * signature.size / 2**30)
        return asdict(survey(place.copies.clean.connection, place.copies.schema))

    def appraise(
        self, signature: Signature, query: str, good: str, indexes: tuple[str, ...], demands: Demands, host: Host
    ) -> dict[str, Any]:
        """Is the query a good task?"""
        place = self._workbench.place(signature, host)
        return self._appraiser.appraise(place, query, good, indexes, demands, host)

    def evaluate(self, signature: Signature, query: str, text: str, thorough: bool, host: Host) -> dict[str, Any]:
        """One trial, from the text of a script to an outcome."""
        place = self._workbench.place(signature, host)
        prepared = self._workbench.prepared(place, query, host)
        apsw.hard_heap_limit(apsw.memory_used() + self._settings.memory_bytes)
        trial = Trial(self._settings, self._workbench, place, prepared, thorough, host)
        try:
            trial.run(text)
        except Refusal as refusal:
            trial.end(refusal.outcome, refusal.reason)
        except (MemoryError, apsw.NoMemError):
            trial.end("memory", "it needs more memory than a worker may use")
        except Exception as error:  # a fault of the judge, which must neither stop a run nor be paid
            trial.end("crashed", one_line(f"the judge failed on it ({type(error).__name__}: {error})"))
        return trial.found


class Trial:
    """One rewrite on its way through the checks; `found` is what the evaluation will say."""

    def __init__(
        self, settings: Settings, workbench: Workbench, place: Place, prepared: Prepared, thorough: bool, host: Host
    ) -> None:
        self._settings, self._workbench, self._place = settings, workbench, place
        self._prepared, self._thorough, self._host = prepared, thorough, host
        self._instances = 0  # small databases on which both agreed
        self.found: dict[str, Any] = {"plan_before": asdict(prepared.plan)}

    def run(self, text: str) -> None:
        """The checks in their order. Raises Refusal where one of them ends the trial."""
        prepared, settings = self._prepared, self._settings
        script = self._read(text)
        novel = brings_literals(prepared.script.query, script)
        doubt = self._compare_on_small_databases(script, novel)
        indexes = self._indexed(script)
        copy = indexes.copy
        effort = self._compare_on_the_real_one(copy, script)
        # What is certainly slower is never paid: nothing more need be known of it.
        sure = self._thorough or (novel and not is_hopeless(prepared, effort.amount, settings))
        if sure:
            self._compare_on_twin(script)
        self.found["plan_after"] = asdict(explain(copy.connection, script.query))
        if settings.measure != "steps":
            self._host("time", longest(settings))
        clean, yardstick = self._place.copies.clean, self._workbench.yardstick
        comparison = measured(prepared, clean, copy, script, effort.amount, settings, yardstick)
        outcome = figures(prepared, comparison, indexes, settings)
        if sure or outcome["outcome"] == "improved":
            changed = self._after_changes(copy, script, effort, each=sure)
            if changed.comparison is not None and changed.comparison.speedup < comparison.speedup:
                outcome = figures(prepared, changed.comparison, indexes, settings)
            if changed.far_slower:
                outcome |= {"outcome": "equivalent", "reason": _BY_HEART}
        doubt = doubt or strange_limit(prepared.script.query, script.query)
        if doubt:  # only now: a difference that is found says more
            self.found["verdict"] = asdict(Verdict("unknown", self._instances, one_line(doubt)))
            raise Refusal("unverified", doubt)
        self.found |= outcome

    def end(self, outcome: Outcome, reason: str) -> None:
        self.found |= {"outcome": outcome, "reason": reason}

    def _read(self, text: str) -> Script:
        """Is it index statements and one query, and does it return so many columns?"""
        self._host("script", SCRIPT_SECONDS)
        blank, original = self._place.copies.blank, self._prepared.script
        script = read_script(blank.connection, blank.authorizer, text, self._settings)
        self.found |= {"indexes": script.indexes, "query": script.query, "counts": counts(script.query)}
        if script.columns != original.columns:
            raise self._refuted(f"the rewrite returns {_columns(script)}, the original {original.columns}", 0)
        if self._prepared.reference is None:
            seconds = f"{self._settings.reference_timeout:g} s"
            raise Refusal("unverified", f"the original's rows could not be had within {seconds}, even with indexes")
        return script

    def _compare_on_small_databases(self, script: Script, novel: bool) -> str:
        """The same rows on small databases? What none of them can tell, or "".

        Those that were made for the original do where the rewrite says nothing that the original does not say.
        """
        settings, refuter, prepared = self._settings, self._place.refuter, self._prepared
        original, seconds = prepared.script, settings.timeout
        self._host("instances", seconds)
        search = refuter.compare(original, script, prepared.samples, seconds)
        self._instances = search.agreed
        if search.witness is None and search.finished and (self._thorough or novel):
            self._host("instances", seconds)
            if self._thorough:
                search = refuter.search(original, script, settings.thorough_instances, THOROUGH_SEED, seconds)
            else:
                count = 2 * settings.instances
                search = refuter.probe(original, script, prepared.samples, count, THOROUGH_SEED, seconds)
            self._instances += search.agreed
        if search.witness is not None:
            raise self._refuted(f"on a small database, {search.difference}", 0, search.witness)
        if not search.finished:
            raise Refusal("timeout", f"on small databases the rewrite runs longer than {seconds:g} s")
        if not (novel or prepared.blind):
            return ""
        self._host("instances", seconds)
        return refuter.doubt(original, script, prepared.samples, prepared.blind, novel, seconds)

    def _indexed(self, script: Script) -> IndexSet:
        """A copy of the real database with the rewrite's indexes, and what they cost."""
        source, sets = self._place.copies.clean, self._workbench.index_sets
        if not sets.knows(source, script):
            self._host("index", self._settings.timeout)
        indexes = sets.get(source, script, self._settings.timeout)
        self.found |= {"index_seconds": indexes.cost.amount, "index_bytes": indexes.cost.bytes}
        return indexes

    def _compare_on_the_real_one(self, copy: Copy, script: Script) -> Effort:
        """The same rows on the real database? The effort that it took to see."""
        reference = self._prepared.reference
        assert reference is not None
        self._host("check", self._settings.timeout)
        problem, effort = self._workbench.difference_with_effort(copy, reference, script)
        if len(reference.rows) > 1 and is_ordered(self._prepared.script.query) and not is_ordered(script.query):
            problem = problem or "the rewrite has no ORDER BY, as the original has: the order of its rows is chance"
        if problem:
            raise self._refuted(problem, 0)
        self._tested(1, f"equal results on the real database and {self._instances} small ones")
        return effort

    def _compare_on_twin(self, script: Script) -> None:
        """The same rows on a database as large as the real one, but with other contents?"""
        problem = self._workbench.difference_on_twin(self._place, self._prepared, script, self._host)
        if problem:
            raise self._refuted(f"on a twin of the database, of its size but with other contents, {problem}", 1)
        self._tested(2, f"equal results on the real database, its twin and {self._instances} small ones")

    def _check_order(self, copy: Copy, script: Script) -> None:
        """Does the rewrite's own ORDER BY ask for the order, or is it the luck of an index?"""
        reference = self._prepared.reference
        assert reference is not None
        for descending in (True, False):
            self._host("order", self._settings.timeout)
            ordered = in_an_order_of_its_own(reference, script, descending=descending)
            if ordered and self._workbench.luck(copy, reference, ordered)[0]:
                raise self._refuted(LESS_ORDER, 1)

    def _after_changes(self, copy: Copy, script: Script, usual: Effort, *, each: bool) -> Changed:
        """Does the rewrite know its answer by heart? On the real database, a little changed, it is wrong then, or does
        more than `usual`, which is then measured. And does it ask for the order of its rows?
        """
        prepared, settings = self._prepared, self._settings
        nearby = self._workbench.nearby(self._place, prepared, self._host)
        if self._thorough or not nearby.shows_order:
            self._check_order(copy, script)

        def measured_there(taken: Effort) -> Comparison:
            self._host("time", longest(settings))
            clean, yardstick = self._place.copies.clean, self._workbench.yardstick
            return measured(prepared, clean, copy, script, taken.amount, settings, yardstick)

        changed = self._workbench.after_changes(copy, prepared, script, usual, self._host, measured_there, each=each)
        if changed.problem:
            raise self._refuted(changed.problem, 1)
        return changed

    def _tested(self, more: int, reason: str) -> None:
        self.found["verdict"] = asdict(Verdict("tested", self._instances + more, reason))

    def _refuted(self, problem: str, more: int, witness: Witness | None = None) -> Refusal:
        """What to raise; `more` databases agreed beside the small ones."""
        problem = one_line(problem)
        verdict = Verdict("refuted", self._instances + more, problem)
        if witness is not None:
            sql = witness.sql if len(witness.sql) <= LONGEST_WITNESS else ""  # it becomes a policy's feedback
            verdict = replace(
                verdict, witness=sql, original_rows=witness.original_rows, rewrite_rows=witness.rewrite_rows
            )
        self.found["verdict"] = asdict(verdict)
        return Refusal("refuted", problem)


def _columns(script: Script) -> str:
    return f"{script.columns} {'column' if script.columns == 1 else 'columns'}"
