"""The file that an evaluation is appended to as it goes: what was proposed, then what the judge said of each text.

Its first line says what is evaluated. A proposal that is in it is never asked for again, so that nothing is paid twice.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sqlopt_env.jsonlines import JsonLines, read_lines
from sqlopt_env.trajectory import Proposal
from sqlopt_env.types import Evaluation, SqlOptError

_FORMAT = "sqlopt evaluation log 1"


@dataclass(frozen=True, slots=True)
class Proposed:
    """What a policy proposed for a task at once, the seconds and the dollars that it took."""

    proposals: tuple[Proposal, ...]
    seconds: float
    dollars: float


@dataclass(frozen=True, slots=True)
class Judged:
    """What the judge said of a text, and the seconds that it took."""

    evaluation: Evaluation
    seconds: float


class EvaluationLog:
    """Open for writing while it is entered; `proposed` is by task and mode, `judged` by task and text.

    Raises SqlOptError for a file that is no such log, for one that holds an evaluation when `resume` is False, and for
    one of other settings.
    """

    def __init__(self, path: Path, settings: Mapping[str, Any], *, resume: bool) -> None:
        self.path = path
        self._header: dict[str, Any] | None = {"format": _FORMAT, "settings": json.loads(json.dumps(settings))}
        self.proposed: dict[tuple[str, str], Proposed] = {}
        self._judged: dict[tuple[str, str], Judged] = {}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._lines = JsonLines(path)
        except OSError as error:
            raise SqlOptError(f"the log {path} cannot be written: {error.strerror}") from None
        try:
            self._read_back(self._header, resume)
        except BaseException:
            self._lines.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lines.close()

    def judged(self, task: str, text: str) -> Judged | None:
        return self._judged.get((task, _digest(text)))

    def add_proposed(self, task: str, mode: str, proposed: Proposed) -> None:
        self._append({"task": task, "mode": mode, **asdict(proposed)})
        self.proposed[task, mode] = proposed

    def add_judged(self, task: str, text: str, judged: Judged) -> None:
        record = {"text": _digest(text), "seconds": judged.seconds, "evaluation": judged.evaluation.to_dict()}
        self._append({"task": task, **record})
        self._judged[task, _digest(text)] = judged

    def _append(self, record: dict[str, Any]) -> None:
        if self._header is not None:  # written with the first record, so that what fails at once leaves nothing behind
            self._lines.append(self._header)
            self._header = None
        self._lines.append(record)

    def _read_back(self, header: dict[str, Any], resume: bool) -> None:
        records = read_lines(self.path, dict, "of an evaluation's log")
        first = next(records, None)
        if first is None:
            return
        self._header = None
        if first.get("format") != _FORMAT:
            raise SqlOptError(f"{self.path} is not the log of an evaluation of this version: choose another --out")
        if not resume:
            raise SqlOptError(f"{self.path} holds an evaluation: go on with --resume, or choose another --out")
        then, now = first["settings"], header["settings"]
        differ = [name for name in {**then, **now} if then.get(name) != now.get(name)]
        if differ:
            raise SqlOptError(
                f"{self.path} holds an evaluation that differs in {', '.join(differ)}: choose another --out"
            )
        for number, record in enumerate(records, 2):
            try:
                self._take(record)
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                raise SqlOptError(f"{self.path}, line {number}: not of an evaluation's log ({error})") from None

    def _take(self, record: dict[str, Any]) -> None:
        if "mode" in record:
            proposals = tuple(
                Proposal(**{**values, "techniques": tuple(values["techniques"])}) for values in record["proposals"]
            )
            self.proposed[record["task"], record["mode"]] = Proposed(proposals, record["seconds"], record["dollars"])
        else:
            evaluation = Evaluation.from_dict(record["evaluation"])
            self._judged[record["task"], record["text"]] = Judged(evaluation, record["seconds"])


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
