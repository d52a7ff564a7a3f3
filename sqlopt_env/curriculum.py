"""The protocol of a curriculum: which task comes next, given how the last ones went.

Only the protocol stands here, so that the environment and the agents can take one; curricula are in
`sqlopt_curricula`. Any object with these four methods is one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import repeat
from typing import Any, Protocol, runtime_checkable

from .types import SqlOptError, Task

_PATIENCE = 10  # draws for each task of a batch, after which a smaller batch is taken


@runtime_checkable
class Curriculum(Protocol):
    """Hands out tasks without end.

    What it hands out depends on its arguments, on how often it was asked, and on what it was told, and on nothing
    else: the same calls give the same tasks. That is why a run can be resumed by telling a new one the same again.
    """

    def next_task(self) -> Task:
        """The task to try next. The same one may come again. Raises SqlOptError where there is none any more."""
        ...

    def record(self, task: Task, *, success: bool, reward: float) -> None:
        """How one attempt at a task went that was handed out earlier; a group of samples is told one by one.

        Results may come late, in any order, more than once a task, or never.
        """
        ...

    def state(self) -> dict[str, Any]:
        """All that was drawn and told, as JSON can hold it."""
        ...

    def restore(self, state: Mapping[str, Any]) -> None:
        """Goes on where `state` was taken. Raises SqlOptError for what is not a state of such a curriculum."""
        ...


def stream(curriculum: Curriculum, count: int | None = None) -> Iterator[Task]:
    """The next tasks as they come, `count` of them or without end: what a trainer's iterable dataset takes."""
    for _ in repeat(None) if count is None else repeat(None, count):
        yield curriculum.next_task()


def different_tasks(curriculum: Curriculum, count: int) -> list[Task]:
    """The next `count` tasks that differ, in the order in which they come first; fewer where no others come for long.

    A batch of an E-step: each of its tasks is sampled several times anyway.
    """
    found: dict[str, Task] = {}
    drawn = 0
    while len(found) < count and drawn < _PATIENCE * count:
        task = curriculum.next_task()
        found.setdefault(task.id, task)
        drawn += 1
    return list(found.values())


def checked_curriculum(value: object) -> Curriculum:
    """The curriculum that was given. Raises SqlOptError for anything else."""
    if not isinstance(value, Curriculum):
        raise SqlOptError(
            f"a curriculum has the methods next_task, record, state and restore; {type(value).__name__} lacks some of"
            " them"
        )
    return value
