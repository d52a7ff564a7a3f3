"""Curricula that are made of others: which part handed a task out, so that its results find their way back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

import numpy as np

from sqlopt_env.curriculum import Curriculum, checked_curriculum
from sqlopt_env.tasks import TaskSource, load_tasks
from sqlopt_env.types import SqlOptError, Task

from .epochs import Epochs
from .saved import damaged, list_of
from .states import count_of

REMEMBERED = 10_000  # tasks that were handed out, the latest; what comes later than that is not waited for


class Handed:
    """Which part handed out a task, for the last `limit` different tasks; where several did, the latest of them.

    Bounded, so that a curriculum which never ends has a state that does.
    """

    def __init__(self, limit: int = REMEMBERED) -> None:
        self._limit = limit
        self._parts: dict[str, int] = {}  # by the task's id, the latest last

    def note(self, task: Task, part: int) -> Task:
        """Remembers it, and gives the task back."""
        self._parts.pop(task.id, None)
        self._parts[task.id] = part
        if len(self._parts) > self._limit:
            del self._parts[next(iter(self._parts))]
        return task

    def part_of(self, task: Task) -> int | None:
        """None for a task that was never handed out, or so long ago that it is forgotten."""
        return self._parts.get(task.id)

    def state(self) -> list[Any]:
        return [[name, part] for name, part in self._parts.items()]

    def read(self, state: Mapping[str, Any], parts: int, name: str = "handed") -> Handed:
        """One as `state` has it under `name`. Raises SqlOptError for anything else."""
        read = Handed(self._limit)
        for item in list_of(state, name):
            if not (isinstance(item, list | tuple) and len(item) == 2 and isinstance(item[0], str)):
                raise damaged(f"{name} must hold pairs of an id and a part")
            part = count_of({name: item[1]}, name)
            if part >= parts:
                raise damaged(f"{name} names part {part}, and there are {parts}")
            read._parts[item[0]] = part
        return read


def as_curriculum(source: Curriculum | TaskSource, seed: int = 0) -> Curriculum:
    """A curriculum as it is; tasks, or a file of them, as epochs. Raises SqlOptError for anything else."""
    if isinstance(source, Curriculum):
        return source
    if isinstance(source, str) or not isinstance(source, Sequence):
        return checked_curriculum(source)
    return Epochs(load_tasks(source), seed)


def checked_attempt(task: object, success: object, reward: object) -> bool:
    """Whether an attempt succeeded. Raises SqlOptError for what is no result of a task."""
    if isinstance(reward, bool) or not isinstance(reward, int | float | np.number) or not isfinite(reward):
        raise SqlOptError(f"a reward is a finite number, not {reward!r}")
    if not isinstance(task, Task):
        raise SqlOptError(f"a result is recorded for a Task, not for {type(task).__name__}")
    if not isinstance(success, bool | np.bool_):
        raise SqlOptError(f"success must be True or False, not {success!r}")
    return bool(success)


def restore_all(parts: Sequence[Curriculum], state: Mapping[str, Any], name: str = "parts") -> None:
    """Restores every part from the states of `state[name]`; or none, and raises what a part raised, a SqlOptError."""
    states = list_of(state, name)
    if len(states) != len(parts):
        raise damaged(f"it has {len(states)} {name}, here there are {len(parts)}")
    before = [part.state() for part in parts]
    try:
        for part, its in zip(parts, states, strict=True):
            part.restore(its)
    except Exception:
        for part, its in zip(parts, before, strict=True):
            part.restore(its)
        raise
