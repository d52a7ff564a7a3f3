"""The record of one candidate, and its JSON Lines file that is appended to as results come and read back to resume."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from .types import Evaluation, SqlOptError, Task


@dataclass(frozen=True, slots=True)
class Proposal:
    """A policy's action: `text` is what the judge gets; the rest says how it came about."""

    text: str
    techniques: tuple[str, ...] = ()  # "technique(target)" in the order of their application
    explanation: str = ""
    optimization_type: str = ""


@dataclass(frozen=True, slots=True)
class Trajectory:
    """One evaluated candidate: what the policy saw, what it proposed, what the judge found, and what it was worth.

    `shared` is True where the same text had been judged before in this run and its evaluation was taken over.
    """

    task: Task
    observation: dict[str, str]  # the texts of the observation
    proposal: Proposal
    evaluation: Evaluation
    reward: float
    success: bool
    policy: str
    iteration: int
    candidate: int
    seed: int
    shared: bool = False
    versions: dict[str, str] = field(default_factory=dict)

    @property
    def key(self) -> tuple[int, str, int]:
        """(iteration, task id, candidate): what the record is found by."""
        return self.iteration, self.task.id, self.candidate

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "evaluation": self.evaluation.to_dict()}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Trajectory:
        values = dict(data)
        proposal = dict(values["proposal"])
        proposal["techniques"] = tuple(proposal["techniques"])
        values["task"] = Task(**values["task"])
        values["proposal"] = Proposal(**proposal)
        values["evaluation"] = Evaluation.from_dict(values["evaluation"])
        return cls(**values)


class TrajectoryLog:
    """Appends trajectories to a JSON Lines file, each flushed before the next is judged. A context manager.

    A line that a kill cut off is removed when the file is opened again. One process at a time may write; a second one
    gets a SqlOptError, and so does an evaluation by another measure than those in the file: speedups by time and by
    steps are not comparable.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("a+b")
        self._writing = threading.Lock()
        try:
            _lock(self._file.fileno(), path)
        except SqlOptError:
            self._file.close()
            raise
        self._cut_torn_line()
        self._measure = ""  # of the evaluations in the file, once one is known

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def append(self, trajectory: Trajectory) -> None:
        line = json.dumps(trajectory.to_dict())
        measure = trajectory.evaluation.measure
        with self._writing:
            if not self._measure:
                first = next(self.read(), trajectory)
                self._measure = first.evaluation.measure
            if measure != self._measure:
                raise SqlOptError(
                    f"{self.path} holds figures by measure={self._measure!r}, not {measure!r}: use another file"
                )
            self._file.write(line.encode() + b"\n")
            self._file.flush()

    def read(self) -> Iterator[Trajectory]:
        """All that the file holds."""
        return read_trajectories(self.path)

    def _cut_torn_line(self) -> None:
        size = self._file.seek(0, os.SEEK_END)
        position = size
        while position:
            step = min(position, 1 << 16)
            self._file.seek(position - step)
            block = self._file.read(step)
            end = block.rfind(b"\n")
            if end >= 0:
                position += end + 1 - step
                break
            position -= step
        if position < size:
            self._file.truncate(position)


def read_trajectories(path: Path) -> Iterator[Trajectory]:
    """The trajectories of a file, in its order; a torn last line is passed over. Raises SqlOptError for other lines."""
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n"):
                return
            try:
                yield Trajectory.from_dict(json.loads(line))
            except (ValueError, KeyError, TypeError) as error:
                raise SqlOptError(f"{path}, line {number}: not a trajectory of this version ({error})") from None


def _lock(descriptor: int, path: Path) -> None:
    try:
        import fcntl
    except ImportError:  # Windows has no such lock
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise SqlOptError(f"another process is writing to {path}") from None
