"""The record of one candidate, and its JSON Lines file that is appended to as results come and read back to resume."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from .jsonlines import JsonLines, read_lines
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

    `turn` counts a candidate's answers to one task: from the second one on, the observation holds the judge's feedback
    on the one before. `shared` is True where the same text had been judged before in this run and its evaluation was
    taken over.
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
    turn: int = 0  # older records have none
    shared: bool = False
    versions: dict[str, str] = field(default_factory=dict)

    @property
    def key(self) -> tuple[int, str, int, int]:
        """(iteration, task id, candidate, turn): what the record is found by."""
        return self.iteration, self.task.id, self.candidate, self.turn

    def to_dict(self) -> dict[str, Any]:
        values = {name.name: getattr(self, name.name) for name in fields(self)}  # asdict copies ten times as long
        parts = {"task": asdict(self.task), "proposal": asdict(self.proposal), "evaluation": self.evaluation.to_dict()}
        return {**values, **parts}

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
    """A file of trajectories, each flushed before the next is judged. A context manager, with what JsonLines promises.

    An evaluation by another measure than those in the file is a SqlOptError: speedups by time and by steps are not
    comparable.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lines = JsonLines(path)
        self._deciding = threading.Lock()
        self._measure = ""  # of the evaluations in the file, once one is known

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lines.close()

    def append(self, trajectory: Trajectory) -> None:
        measure = trajectory.evaluation.measure
        with self._deciding:
            if not self._measure:
                first = next(self.read(), trajectory)
                self._measure = first.evaluation.measure
            if measure != self._measure:
                raise SqlOptError(
                    f"{self.path} holds figures by measure={self._measure!r}, not {measure!r}: use another file"
                )
            self._lines.append(trajectory.to_dict())

    def read(self) -> Iterator[Trajectory]:
        """All that the file holds."""
        return read_trajectories(self.path)


def read_trajectories(path: Path) -> Iterator[Trajectory]:
    """The trajectories of a file, in its order; a torn last line is passed over. Raises SqlOptError for other lines."""
    return read_lines(path, Trajectory.from_dict, "a trajectory of this version")
