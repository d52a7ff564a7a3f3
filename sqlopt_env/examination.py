"""The worker's side of `verify`: the order of the checks, readable top to bottom. Runs in a worker process."""

from __future__ import annotations

import logging
from collections import OrderedDict
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import apsw

from .equivalence.bounded import COUNTEREXAMPLE, EQUAL, bounded
from .equivalence.instances.literals import unreachable_size
from .equivalence.limits import strange_limit
from .equivalence.ordering import is_ordered
from .equivalence.proof import prove
from .equivalence.refute import Refuter, Search
from .sqlite.copies import Copy
from .sqlite.schema import schema_connection
from .sqlite.script import Refusal, Script, read_script
from .types import Settings, SqlOptError, Verdict
from .workbench import Workbench
from .workers.host import Handler, Host
from .workers.limits import limit_process

INSTANCES = 200  # small databases for a pair that is not proved
INSTANCES_BESIDE_PROOF = 40  # the same for one that is: a proof adds to them, and never overrides one
SOLVER_ROWS = 2  # a table, in what the solver looks at
ENOUGH = 30  # with fewer on which both agreed, nothing is said
_SCHEMAS_KEPT = 16
_SCRIPT_SECONDS = 5.0
_PATIENCE = 4.0  # times the budget, which is CPU time, may pass on the clock of a busy machine
_GRACE = 1.0  # seconds beyond that after which the worker is killed


def make_handler(options: dict[str, Any]) -> Handler:
    """What a worker process runs: requests with the arguments of `verify`."""
    settings = Settings(**options)
    examiner = Examiner(settings)
    logging.getLogger("sqlglot").setLevel(logging.CRITICAL)  # what it cannot read is of no concern to anyone
    limit_process(settings.memory_bytes)

    def handle(request: dict[str, Any], host: Host) -> dict[str, Any]:
        try:
            verdict = examiner.examine(host=host, **request)
        except SqlOptError as error:
            verdict = Verdict("invalid", reason=str(error))
        except UnicodeEncodeError:
            verdict = Verdict("invalid", reason="the schema is not valid Unicode")
        except (apsw.CorruptError, apsw.NotADBError, OSError) as error:
            verdict = Verdict("invalid", reason=f"the data cannot be read: {error}")
        except (MemoryError, apsw.NoMemError):
            verdict = Verdict("unknown", reason="it needs more memory than a worker may use")
        except Exception as error:  # a fault of the library, which must not stop its user
            reason = f"the check failed on it ({type(error).__name__}: {error})".replace("\n", " ")
            verdict = Verdict("unknown", reason=reason)
        return asdict(verdict)

    return handle


class Examiner:
    """Keeps the schemas of the last requests, and their databases."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._schemas: OrderedDict[str, tuple[Copy, Refuter]] = OrderedDict()
        self._workbench = Workbench(settings)

    def examine(
        self,
        schema: str | None,
        original: str,
        rewrite: str,
        data: str | None,
        budget: float,
        seed: int,
        names: bool,
        smt: bool,
        host: Host,
    ) -> Verdict:
        """A verdict on one pair. Raises SqlOptError where an input is no such thing."""
        host("schema", _SCRIPT_SECONDS)
        if schema is None:
            assert data is not None
            place = self._workbench.place(host.signature(data), host)
            copy, refuter = place.copies.blank, place.refuter
        else:
            copy, refuter = self._place(schema)
        host("script", _SCRIPT_SECONDS)
        first, second = self._read(copy, original, "original"), self._read(copy, rewrite, "rewrite")
        if first.indexes:
            raise SqlOptError("the original must be one query without index statements")
        problem = _other_columns(first, second, names)
        if problem:
            return Verdict("refuted", reason=problem)
        host("instances", _PATIENCE * budget + _GRACE)
        verdict = _on_instances(refuter, first, second, budget, seed)
        if smt and verdict.status == "tested":
            host("solver", _PATIENCE * budget + _GRACE)
            verdict = _asked_solver(refuter, first, second, budget, seed, verdict)
        if data is None or verdict.status not in ("proved", "tested"):
            return verdict
        return self._on_data(Path(data), original, rewrite, verdict, host)

    def _place(self, schema: str) -> tuple[Copy, Refuter]:
        """Where scripts are read, and where pairs meet."""
        if schema not in self._schemas:
            while len(self._schemas) >= _SCHEMAS_KEPT:
                copy, refuter = self._schemas.popitem(last=False)[1]
                copy.close()
                refuter.close()
            copy, empty = (Copy(schema_connection(schema), self._settings) for _ in range(2))
            self._schemas[schema] = (copy, Refuter(empty))
        self._schemas.move_to_end(schema)
        return self._schemas[schema]

    def _read(self, copy: Copy, text: str, role: str) -> Script:
        try:
            return read_script(copy.connection, copy.authorizer, text, self._settings)
        except Refusal as refusal:
            raise SqlOptError(f"the {role}: {refusal.reason}") from None

    def _on_data(self, path: Path, original: str, rewrite: str, verdict: Verdict, host: Host) -> Verdict:
        """The verdict after both have been compared on the caller's database and its twin too."""
        seconds = self._settings.reference_timeout
        place = self._workbench.place(host.signature(path), host)
        self._read(place.copies.blank, original, "original, on the data")
        script = self._read(place.copies.blank, rewrite, "rewrite, on the data")
        try:
            prepared = self._workbench.prepared(place, original, host)
        except SqlOptError as error:
            return replace(verdict, status="unknown", reason=f"on the data: {error}")
        if prepared.reference is None:
            return replace(verdict, status="unknown", reason="the original takes too long on the data")
        host("data", 2 * seconds)
        try:
            self._workbench.nearby(place, prepared, host)
            host("data", 2 * seconds)
            copy = self._workbench.index_sets.get(place.copies.clean, script, seconds).copy
            host("data", seconds)
            problem, usual = self._workbench.difference_with_effort(copy, prepared.reference, script, seconds)
            if problem:
                return Verdict("refuted", verdict.instances, f"on the data, {problem}")
            changed = self._workbench.after_changes(copy, prepared, script, usual, host, each=True)
            if changed.problem:
                return Verdict("refuted", verdict.instances + 1, changed.problem)
            problem = self._workbench.difference_on_twin(place, prepared, script, host)
        except Refusal as refusal:
            return replace(verdict, status="unknown", reason=f"on the data: {refusal.reason}")
        if problem:
            return Verdict("refuted", verdict.instances + 1, f"on a twin of the data, with other contents, {problem}")
        reason = f"{verdict.reason}, on the data and on a twin of them"
        return replace(verdict, instances=verdict.instances + 2, reason=reason)


def _other_columns(original: Script, rewrite: Script, names: bool) -> str:
    if original.columns != rewrite.columns:
        some = f"{rewrite.columns} {'column' if rewrite.columns == 1 else 'columns'}"
        return f"the rewrite returns {some}, the original {original.columns}"
    for i, (one, other) in enumerate(zip(original.names, rewrite.names, strict=True), 1):
        if names and one != other:
            return f"column {i} is named {other} in the rewrite, and {one} in the original"
    return ""


def _on_instances(refuter: Refuter, original: Script, rewrite: Script, budget: float, seed: int) -> Verdict:
    """The verdict of small databases, and of the proof."""
    proof = ""

    def enough(agreed: int) -> bool:
        nonlocal proof
        if agreed == INSTANCES_BESIDE_PROOF:
            proof = prove(refuter.tables, original.query, rewrite.query)
        return proof != ""

    try:
        search = refuter.search(original, rewrite, INSTANCES, seed, budget, enough=enough, observe=True)
    except Refusal as refusal:
        return Verdict("unknown" if refusal.outcome == "timeout" else "invalid", reason=refusal.reason)
    verdict = Verdict("tested", search.agreed, coverage=search.coverage)
    if search.witness is not None:
        return _refuted(search)
    if proof:
        return replace(verdict, status="proved", reason=f"{proof}; equal results on {search.agreed} small databases")
    doubt = _doubt(search, original, rewrite)
    if doubt:
        return replace(verdict, status="unknown", reason=doubt)
    return replace(verdict, reason=f"equal results on {search.agreed} small databases")


def _refuted(search: Search) -> Verdict:
    witness = search.witness
    assert witness is not None
    return Verdict(
        "refuted", search.agreed, search.difference, witness.sql, witness.original_rows, witness.rewrite_rows
    )


def _asked_solver(
    refuter: Refuter, original: Script, rewrite: Script, budget: float, seed: int, verdict: Verdict
) -> Verdict:
    """The verdict after a solver has looked at all databases of a few rows a table; what it finds is replayed."""
    found = bounded(refuter.tables, original.query, rewrite.query, rows=SOLVER_ROWS, seconds=budget, seed=seed)
    if found.status == COUNTEREXAMPLE:
        search = refuter.replay(original, rewrite, found.rows, budget)
        return replace(_refuted(search), instances=verdict.instances) if search.witness is not None else verdict
    if found.status == EQUAL:
        reason = f"{verdict.reason}; a solver finds no difference with up to {SOLVER_ROWS} rows a table"
        return replace(verdict, reason=reason)
    return verdict


def _doubt(search: Search, original: Script, rewrite: Script) -> str:
    """Why equal results on these instances say too little, or ""."""
    if not search.finished:
        return f"the budget ended after {search.agreed} small databases"
    if search.agreed < ENOUGH:
        why = "contradicts itself: its own answer is not determined" if search.undetermined else "fails"
        return f"only {search.agreed} small databases could be compared: on others the original {why}"
    if search.never_filled:
        return f"no legal row of the table {search.never_filled} could be made: its constraints are too hard to guess"
    if search.never_switched:
        return f"small databases say too little: {search.never_switched} on any of them"
    if search.most_rows > 1 and is_ordered(original.query) and not is_ordered(rewrite.query):
        return "the rewrite has no ORDER BY: its rows came in the right order, but SQLite does not promise that"
    size = unreachable_size(original.query, rewrite.query)
    if size:
        return f"small databases do not reach a LIMIT or OFFSET of {size}, which only one of the two has"
    strange = strange_limit(original.query, rewrite.query)
    return f"of the rewrite, {strange}" if strange else ""
