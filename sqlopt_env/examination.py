"""The worker's side of `verify`: the order of the checks, readable top to bottom. Runs in a worker process."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import asdict
from typing import Any

import apsw

from .equivalence.refute import Refuter
from .sqlite.copies import Copy
from .sqlite.sandbox import Allow, Handler, limit_process
from .sqlite.schema import schema_connection
from .sqlite.script import Refusal, Script, read_script
from .types import Settings, SqlOptError, Verdict

_SCHEMAS_KEPT = 16
_SCRIPT_SECONDS = 5.0
_GRACE = 5.0  # seconds beyond the budget after which the worker is killed


def make_handler(options: dict[str, Any]) -> Handler:
    """What a worker process runs: requests with the arguments of `verify`."""
    examiner = Examiner(Settings(**options))
    limit_process(Settings(**options).memory_bytes)

    def handle(request: dict[str, Any], allow: Allow) -> dict[str, Any]:
        try:
            verdict = examiner.examine(allow=allow, **request)
        except SqlOptError as error:
            verdict = Verdict("invalid", reason=str(error))
        except (MemoryError, apsw.NoMemError):
            verdict = Verdict("unknown", reason="it needs more memory than a worker may use")
        except Exception as error:  # a fault of the library, which must not stop its user
            reason = f"the check failed on it ({type(error).__name__}: {error})".replace("\n", " ")
            verdict = Verdict("unknown", reason=reason)
        return asdict(verdict)

    return handle


class Examiner:
    """Keeps the schemas of the last requests."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._schemas: OrderedDict[str, tuple[list[Copy], Refuter]] = OrderedDict()

    def examine(
        self,
        schema: str,
        original: str,
        rewrite: str,
        data: str | None,
        budget: float,
        seed: int,
        names: bool,
        allow: Allow,
    ) -> Verdict:
        """A verdict on one pair."""
        allow("schema", _SCRIPT_SECONDS)
        copy, refuter = self._place(schema)
        allow("script", _SCRIPT_SECONDS)
        try:
            first = self._read(copy, original, "original")
            second = self._read(copy, rewrite, "rewrite")
        except Refusal as refusal:
            return Verdict("invalid", reason=refusal.reason)
        if first.columns != second.columns:
            return Verdict(
                "refuted", reason=f"the rewrite returns {second.columns} columns, the original {first.columns}"
            )
        allow("instances", budget + _GRACE)
        search = refuter.search(first, second, 100, seed, budget)
        if search.witness:
            w = search.witness
            return Verdict("refuted", search.agreed, search.difference, w.sql, w.original_rows, w.rewrite_rows)
        if not search.finished:
            return Verdict("unknown", search.agreed, "out of time")
        return Verdict("tested", search.agreed, f"equal results on {search.agreed} small databases")

    def _place(self, schema: str) -> tuple[Copy, Refuter]:
        """Where scripts are read, and where pairs meet."""
        if schema not in self._schemas:
            while len(self._schemas) >= _SCHEMAS_KEPT:
                for copy in self._schemas.popitem(last=False)[1][0]:
                    copy.connection.close(True)
            copies = [Copy(schema_connection(schema), self._settings) for _ in range(2)]
            self._schemas[schema] = (copies, Refuter(*copies))
        self._schemas.move_to_end(schema)
        copies, refuter = self._schemas[schema]
        return copies[0], refuter

    def _read(self, copy: Copy, text: str, role: str) -> Script:
        try:
            return read_script(copy.connection, copy.authorizer, text, self._settings)
        except Refusal as refusal:
            raise Refusal(refusal.outcome, f"the {role}: {refusal.reason}") from None
