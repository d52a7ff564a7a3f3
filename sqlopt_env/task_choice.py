"""Which task an episode has: one of a list, as the seed says, or the next of a curriculum."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from .curriculum import Curriculum, checked_curriculum
from .types import SqlOptError, Task

_REMEMBERED = 10_000  # of a curriculum's tasks, the latest
_SHOWN = 5


class ListedTasks:
    """Tasks that are all known; any of them may be asked for."""

    def __init__(self, tasks: list[Task]) -> None:
        self.tasks = tasks

    def draw(self, rng: np.random.Generator) -> Task:
        return self.tasks[int(rng.integers(len(self.tasks)))]

    def find(self, name: str) -> Task:
        """Raises SqlOptError where there is none of this id."""
        task = next((task for task in self.tasks if task.id == name), None)
        if task is None:
            raise SqlOptError(f"there is no task {name!r}; the tasks are: {_some(task.id for task in self.tasks)}")
        return task

    def ended(self, task: Task, *, success: bool, reward: float) -> None:
        """What comes next does not depend on it."""


class CurriculumTasks:
    """A curriculum's tasks as they come, and the latest of them again by their ids.

    It is a curriculum itself, so that several environments can share one and what it has handed out.
    """

    def __init__(self, curriculum: Curriculum) -> None:
        self._curriculum = checked_curriculum(curriculum)
        self._handed: dict[str, Task] = {}  # by id, the latest last

    @classmethod
    def sharing(cls, curriculum: Curriculum) -> CurriculumTasks:
        """The one that is given, if it is one already."""
        return curriculum if isinstance(curriculum, CurriculumTasks) else cls(curriculum)

    @property
    def curriculum(self) -> Curriculum:
        """The one that was given."""
        return self._curriculum

    @property
    def tasks(self) -> list[Task]:
        """Those that were handed out."""
        return list(self._handed.values())

    def draw(self, rng: np.random.Generator) -> Task:
        """The curriculum has a seed of its own: `rng` is left alone."""
        return self.next_task()

    def find(self, name: str) -> Task:
        """Raises SqlOptError where none of this id was handed out lately."""
        task = self._handed.get(name)
        if task is None:
            handed = f"lately: {_some(reversed(self._handed))}" if self._handed else "nothing yet"
            raise SqlOptError(
                f"the curriculum has handed out no task {name!r}, and only those that it has can be asked for"
                f" ({handed})"
            )
        return task

    def ended(self, task: Task, *, success: bool, reward: float) -> None:
        self.record(task, success=success, reward=reward)

    def next_task(self) -> Task:
        task = self._curriculum.next_task()
        if not isinstance(task, Task):
            raise SqlOptError(f"a curriculum hands out a Task, not {type(task).__name__}")
        self._handed.pop(task.id, None)
        self._handed[task.id] = task
        if len(self._handed) > _REMEMBERED:
            del self._handed[next(iter(self._handed))]
        return task

    def record(self, task: Task, *, success: bool, reward: float) -> None:
        self._curriculum.record(task, success=success, reward=reward)

    def state(self) -> dict[str, Any]:
        return self._curriculum.state()

    def restore(self, state: Mapping[str, Any]) -> None:
        self._curriculum.restore(state)


def _some(names: Iterable[str]) -> str:
    shown = [name for _, name in zip(range(_SHOWN + 1), names, strict=False)]
    return ", ".join(shown[:_SHOWN]) + (", ..." if len(shown) > _SHOWN else "")
