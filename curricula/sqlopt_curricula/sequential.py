"""One curriculum after another: the second begins when the first is mastered, or after so many tasks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlopt_env.curriculum import Curriculum
from sqlopt_env.tasks import TaskSource
from sqlopt_env.types import SqlOptError, Task

from .routing import Handed, as_curriculum, checked_attempt, restore_all
from .saved import damaged
from .states import checked, count_of
from .successes import SuccessWindow

_FIRST, _SECOND = 0, 1


class Sequential:
    """A curriculum that hands out `first`'s tasks until they are mastered, and then `second`'s for ever.

    The switch comes when at least `switch_at` of the last `window` attempts at first's tasks succeeded (with None,
    never for that), or when `after` of its tasks have been handed out, whichever is earlier. It is for good: results
    of the first part that come later go to the first part and change nothing else. Three in a row are a Sequential
    whose second is a Sequential. A list of tasks stands for its `Epochs`.

    Raises SqlOptError for arguments with which it would never switch.
    """

    def __init__(
        self,
        first: Curriculum | TaskSource,
        second: Curriculum | TaskSource,
        *,
        switch_at: float | None = 0.9,
        window: int = 40,
        after: int | None = None,
    ) -> None:
        if switch_at is not None and (type(switch_at) not in (int, float) or not 0 <= switch_at <= 1):
            raise SqlOptError(f"switch_at must be a success rate from 0 to 1, or None, not {switch_at!r}")
        if after is not None and (type(after) is not int or after < 1):
            raise SqlOptError(f"after must be a whole number of at least 1, or None, not {after!r}")
        if switch_at is None and after is None:
            raise SqlOptError("with neither switch_at nor after the second part would never begin: give one of them")
        self._parts = as_curriculum(first), as_curriculum(second)
        self._switch_at, self._after = switch_at, after
        self._window = SuccessWindow(window)
        self._handed = Handed()
        self._drawn = 0  # from the first part
        self._switched = False

    @property
    def switched(self) -> bool:
        """Whether the second part's turn has come."""
        return self._switched

    def next_task(self) -> Task:
        part = _SECOND if self._switched else _FIRST
        task = self._handed.note(self._parts[part].next_task(), part)
        if part == _FIRST:
            self._drawn += 1
            self._switched = self._after is not None and self._drawn >= self._after
        return task

    def record(self, task: Task, *, success: bool, reward: float) -> None:
        """Goes to the part that handed the task out; a result for any other task is left alone."""
        succeeded = checked_attempt(task, success, reward)
        part = self._handed.part_of(task)
        if part is None:
            return
        self._parts[part].record(task, success=success, reward=reward)
        if not self._switched:
            self._window.tell(succeeded)
            self._switched = self._switch_at is not None and self._window.reached(self._switch_at)

    def state(self) -> dict[str, Any]:
        return {
            **self._agreed(),
            "drawn": self._drawn,
            "switched": self._switched,
            "results": self._window.state(),
            "handed": self._handed.state(),
            "parts": [part.state() for part in self._parts],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        checked(state, self._agreed())
        drawn, switched = count_of(state, "drawn"), state.get("switched")
        if not isinstance(switched, bool):
            raise damaged("switched must be true or false")
        window = self._window.read(state, "results")
        handed = self._handed.read(state, len(self._parts))
        restore_all(self._parts, state)
        self._drawn, self._switched, self._window, self._handed = drawn, switched, window, handed

    def _agreed(self) -> dict[str, Any]:
        return {
            "curriculum": "Sequential", "switch_at": self._switch_at, "window": self._window.size,
            "after": self._after,
        }  # fmt: skip
