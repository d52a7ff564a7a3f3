"""The tasks of an adaptive curriculum's pool, each with what is known of its success rate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from reprlib import repr as short
from typing import Any

from sqlopt_env.types import Task

from .saved import damaged, number_of, saved_task, task_of
from .states import count_of


@dataclass(slots=True)
class Arm:
    """A task and its results: `successes` and `failures` are faded counts, as they stood at `at`, which is a number of
    results told; `results` counts them unfaded. `waiting` is whether it was drawn and nothing was heard of it since.
    """

    task: Task
    successes: float = 0.0
    failures: float = 0.0
    at: int = 0
    results: int = 0
    waiting: bool = False

    def tell(self, success: bool, at: int, decay: float) -> None:
        """One result, the `at`-th of all."""
        self.successes, self.failures = faded(self, at, decay)
        self.successes += success
        self.failures += not success
        self.at, self.waiting = at, False
        self.results += 1

    def state(self) -> dict[str, Any]:
        return {
            "task": saved_task(self.task), "successes": self.successes, "failures": self.failures, "at": self.at,
            "results": self.results, "waiting": self.waiting,
        }  # fmt: skip

    @classmethod
    def read(cls, state: object, told: int) -> Arm:
        """The inverse of `state`, where so many results have been told. Raises SqlOptError for anything else."""
        if not isinstance(state, Mapping):
            raise damaged(f"a task of the pool must be an object, not {short(state)}")
        arm = cls(
            task_of(state.get("task")), number_of(state, "successes"), number_of(state, "failures"),
            count_of(state, "at"), count_of(state, "results"),
        )  # fmt: skip
        if not isinstance(state.get("waiting"), bool):
            raise damaged("waiting must be true or false")
        if arm.at > told or arm.results > told or max(arm.successes, arm.failures) > arm.results:
            raise damaged(f"task {short(arm.task.id)} has more results than have been told")
        arm.waiting = state["waiting"]
        return arm


def faded(arm: Arm, at: int, decay: float) -> tuple[float, float]:
    """Its successes and failures as they count at the `at`-th result."""
    left = decay ** (at - arm.at)
    return arm.successes * left, arm.failures * left


def learnability(successes: float, failures: float) -> float:
    """The mean of p (1 - p) for p ~ Beta(1 + successes, 1 + failures): a b / ((a + b) (a + b + 1)); at most 1/4."""
    a, b = 1.0 + successes, 1.0 + failures
    return a * b / ((a + b) * (a + b + 1.0))
