"""The same tasks again and again, in another order each time."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from sqlopt_env.tasks import TaskSource, load_tasks
from sqlopt_env.types import SqlOptError, Task

from .states import checked, count_of


class Epochs:
    """A curriculum that goes through all of `tasks` before one comes again; each epoch has an order of its own. They
    are whatever `load_tasks` reads.

    The order follows from the seed and the epoch's number, hashed together, so that neighbouring seeds have nothing in
    common. Iterated, it is the tasks in the order that they were given in.
    """

    def __init__(self, tasks: TaskSource, seed: int = 0) -> None:
        self._tasks = load_tasks(tasks)
        if type(seed) is not int or seed < 0:
            raise SqlOptError(f"seed must be a whole number of at least 0, not {seed!r}")
        self._seed = seed
        self._drawn = 0
        self._order: tuple[int, list[int]] = (-1, [])  # of one epoch, by its number

    def __iter__(self) -> Iterator[Task]:
        return iter(self._tasks)

    def __len__(self) -> int:
        return len(self._tasks)

    def next_task(self) -> Task:
        epoch, place = divmod(self._drawn, len(self._tasks))
        if self._order[0] != epoch:
            rng = np.random.default_rng(np.random.SeedSequence([self._seed, epoch]))
            self._order = epoch, [int(number) for number in rng.permutation(len(self._tasks))]
        self._drawn += 1
        return self._tasks[self._order[1][place]]

    def record(self, task: Task, *, success: bool, reward: float) -> None:
        """What comes next does not depend on it."""

    def state(self) -> dict[str, Any]:
        return {**self._agreed(), "drawn": self._drawn}

    def restore(self, state: Mapping[str, Any]) -> None:
        self._drawn = count_of(checked(state, self._agreed()), "drawn")

    def _agreed(self) -> dict[str, Any]:
        ids = "\n".join(task.id for task in self._tasks).encode("utf-8", "surrogatepass")
        tasks = hashlib.sha256(ids).hexdigest()[:16]
        return {"curriculum": type(self).__name__, "seed": self._seed, "tasks": tasks}
