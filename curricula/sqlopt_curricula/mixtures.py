"""Several curricula at once, each with its share of the tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

from sqlopt_env.curriculum import Curriculum
from sqlopt_env.tasks import TaskSource
from sqlopt_env.types import SqlOptError, Task

from .routing import Handed, as_curriculum, checked_attempt, restore_all
from .shares import Shares
from .states import checked

STAGE_1 = 0.3  # its share in a mix of the two stages, unless told otherwise


class WeightedMix:
    """A curriculum that draws from several, in fixed shares: `parts` are pairs of a curriculum and its weight.

    Which part comes next is not left to chance: after any number of draws each part has had its share of them, to
    within less than 1 (see shares.py), so that of every 20 tasks at 30 % and 70 % exactly 6 and 14 are theirs. Weights
    need not add up to 1. A list of tasks stands for its `Epochs`.
    """

    def __init__(self, parts: Sequence[tuple[Curriculum | TaskSource, float]]) -> None:
        if not isinstance(parts, Sequence) or isinstance(parts, str) or not parts:
            raise SqlOptError("a mix needs at least one pair of a curriculum and its weight")
        for number, part in enumerate(parts, 1):
            if not isinstance(part, tuple | list) or len(part) != 2:
                raise SqlOptError(f"part {number} of a mix must be a pair of a curriculum and its weight")
        self._parts = [as_curriculum(part) for part, _ in parts]
        self._shares = Shares([weight for _, weight in parts])
        self._handed = Handed()

    @classmethod
    def of_stages(
        cls, stage1: Curriculum | TaskSource, stage2: Curriculum | TaskSource, *, mix: float = STAGE_1
    ) -> Self:
        """The mix of two stages: `mix` of the tasks are the first one's, the others the second one's."""
        if type(mix) not in (int, float) or not 0 <= mix <= 1:
            raise SqlOptError(f"mix must be a share from 0 to 1, that of stage 1, not {mix!r}")
        return cls([(stage1, mix), (stage2, 1 - mix)])

    def next_task(self) -> Task:
        part = self._shares.turn()
        task = self._parts[part].next_task()
        self._shares.take(part)
        return self._handed.note(task, part)

    def record(self, task: Task, *, success: bool, reward: float) -> None:
        """Goes to the part that handed the task out; a result for any other task is left alone."""
        checked_attempt(task, success, reward)
        part = self._handed.part_of(task)
        if part is not None:
            self._parts[part].record(task, success=success, reward=reward)

    def state(self) -> dict[str, Any]:
        return {
            **self._agreed(),
            "given": list(self._shares.given),
            "handed": self._handed.state(),
            "parts": [part.state() for part in self._parts],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        checked(state, self._agreed())
        given = self._shares.read(state, "given")
        handed = self._handed.read(state, len(self._parts))
        restore_all(self._parts, state)
        self._shares.given, self._handed = given, handed

    def _agreed(self) -> dict[str, Any]:
        return {"curriculum": "WeightedMix", "shares": self._shares.texts()}
