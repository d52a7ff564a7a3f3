"""What `sqlopt train --stage` chooses from: the tasks of a run, the same ones each time or a curriculum's."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlopt_agents.validation import check_apart, hold_back
from sqlopt_curricula import Adaptive, Difficulty, Sequential, Stage1, Stage2, WeightedMix

from ..curriculum import Curriculum, different_tasks
from ..databases import TRAINING, held_out_name
from ..tasks import load_tasks
from ..types import SqlOptError, Task

STAGES = ("1", "2", "combined", "sequential", "adaptive", "difficulty")
MIX, EACH = 0.3, 20  # unless told otherwise
_MIXED = ("combined", "adaptive")
STREAM_VALIDATION = 20  # tasks by which the best iteration is chosen where each has new ones
_MOST = 10_000  # tasks an iteration


@dataclass(frozen=True, slots=True)
class Stage:
    """What was asked for. `each` is how many tasks an iteration has; `validation` a share of them or a file; on
    `databases` new queries are written."""

    name: str
    mix: float
    each: int
    seed: int
    databases: Sequence[str]
    validation: str | None = None
    file: Path | None = None  # of tasks, instead of the stage's

    def __post_init__(self) -> None:
        if self.name not in STAGES:
            raise SqlOptError(f"there is no stage {self.name}: give one of {', '.join(STAGES)}")
        if not 0.01 <= self.mix <= 0.99:
            raise SqlOptError(f"the mix is the share of stage 1, between 0.01 and 0.99, not {self.mix:g}")
        if self.mix != MIX and not self.is_mixed:
            raise SqlOptError(f"--mix is for the stages {' and '.join(_MIXED)}: stage {self.name} has no mix")
        if self.each != EACH and not self.is_stream:
            raise SqlOptError("--tasks-each is for stages with new queries: stage 1 has all of its tasks each time")
        if not 1 <= self.each <= _MOST:
            raise SqlOptError(f"an iteration has 1 to {_MOST:,} tasks, not {self.each}")
        if not self.is_stream and list(self.databases) != list(TRAINING):
            raise SqlOptError("stage 1 has the seeds' database: --domain and --database are for stages of new queries")
        if self.file is not None and self.is_stream:
            raise SqlOptError(f"choose one of --tasks and --stage {self.name}")

    @property
    def is_stream(self) -> bool:
        """Whether every iteration has tasks of its own."""
        return self.name != "1"

    @property
    def is_mixed(self) -> bool:
        """Whether a share of the tasks is stage 1's."""
        return self.name in _MIXED

    @property
    def variant(self) -> str:
        """The M-step that suits it: where each iteration has other tasks, one alone is little to learn from."""
        return "accumulate" if self.is_stream else "rest-em"

    def agreed(self) -> dict[str, Any]:
        """What must be the same when a run is resumed, beside the tasks that are known beforehand."""
        if not self.is_stream:
            return {"stage": self.name, "written_on": None}
        mix = self.mix if self.is_mixed else None
        return {
            "stage": self.name, "tasks_each": self.each, "mix": mix, "validation_tasks": self.validation,
            "written_on": list(self.databases),
        }  # fmt: skip


def fixed_tasks(stage: Stage) -> tuple[list[Task], list[Task]]:
    """(tasks to train on, tasks held back) that are known before the run begins; none of a stream's own.

    Raises SqlOptError for tasks that are none, that are in both, or that are on a held-out database.
    """
    chosen = [] if stage.is_stream else load_tasks(str(stage.file)) if stage.file else list(Stage1())
    held_back: list[Task] = []
    share = _share(stage.validation)
    if share is not None and not stage.is_stream:
        chosen, held_back = hold_back(chosen, share, stage.seed)
    elif share is None and stage.validation is not None:
        held_back = load_tasks(stage.validation)
        check_apart(chosen, held_back)
    for task in (*chosen, *held_back):
        if name := held_out_name(task.database):
            raise SqlOptError(f"task {task.id} is on {name}, which is held out: nothing is trained on it")
    return chosen, held_back


def streamed(stage: Stage, folder: Path, workers: int, stack: ExitStack) -> tuple[Curriculum, list[Task]]:
    """(curriculum, tasks held back) of a stage whose tasks are written as the run goes on; `stack` ends the writing.

    What is written is kept in the folder, so that a resumed run writes nothing twice.
    """
    batch = -(-stage.each // len(stage.databases))
    common: dict[str, Any] = {"databases": stage.databases, "workers": workers}
    new = stack.enter_context(Stage2(stage.seed, file=folder / "stage2.jsonl", batch=batch, **common))
    held_back: list[Task] = []
    share = _share(stage.validation)
    if stage.validation is None or share is not None:
        count = STREAM_VALIDATION if share is None else max(1, round(share * stage.each))
        with Stage2(stage.seed, split="validation", file=folder / "validation.jsonl", **common) as other:
            held_back = different_tasks(other, count)
    return _curriculum(stage, new), held_back


def _curriculum(stage: Stage, new: Stage2) -> Curriculum:
    mix = WeightedMix([(Stage1(stage.seed), stage.mix), (new, 1.0 - stage.mix)])
    made: dict[str, Any] = {
        "2": lambda: new,
        "combined": lambda: mix,
        "sequential": lambda: Sequential(Stage1(stage.seed), new),
        "adaptive": lambda: Adaptive(mix, seed=stage.seed),
        "difficulty": lambda: Difficulty(new),
    }
    curriculum: Curriculum = made[stage.name]()
    return curriculum


def _share(validation: str | None) -> float | None:
    """The share that was given; None for a file or nothing. Raises SqlOptError for a share that is none."""
    if validation is None:
        return None
    try:
        share = float(validation)
    except ValueError:
        return None
    if not 0.0 < share < 1.0:
        raise SqlOptError(f"the share of validation tasks must lie between 0 and 1, not {share!r}")
    return share
