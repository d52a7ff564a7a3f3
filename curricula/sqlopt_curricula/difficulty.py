"""From easy to hard: tasks by their grade, in levels that open one after the other."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Mapping
from typing import Any

from sqlopt_env.curriculum import Curriculum, stream
from sqlopt_env.tasks import TaskSource
from sqlopt_env.types import SqlOptError, Task

from .epochs import Epochs
from .grades import Grade, Grader, grader
from .routing import Handed, as_curriculum, checked_attempt, restore_all
from .saved import damaged, list_of, saved_task, task_of
from .shares import Shares
from .states import checked, count_of
from .successes import SuccessWindow

_REVIEW = 0
_TRIES = 5  # batches in which a level is looked for, before a task of a neighbouring one is taken


class Difficulty:
    """A curriculum that begins with the easiest tasks and opens a harder level whenever the newest is mastered.

    `grade` says how hard a task is: a function or a table by id (`graded(tasks, judge)` makes one); a `Stage2` brings
    its own. Tasks are taken from `source` `batch` at a time, and graded as they come; the grades of the first batch,
    cut into `levels` equal parts, are where one level ends and the next begins. Equal grades are one level, so there
    may be fewer. A list of tasks stands for its `Epochs`, with all of it as the first batch if it is no longer.

    The next level opens when at least `promote` of the last `window` attempts at the newest level succeeded, or after
    `patience` attempts at it (None: never for that), so that a level that cannot be mastered does not end the
    training. Of the tasks, the share `review` comes from the levels before the newest, in turn, so that nothing is
    forgotten. Each level keeps at most `batch` tasks waiting; what comes to a full one is dropped.
    """

    def __init__(
        self,
        source: Curriculum | TaskSource,
        *,
        grade: Grader | None = None,
        levels: int = 5,
        promote: float = 0.8,
        window: int = 40,
        patience: int | None = 400,
        review: float = 0.2,
        batch: int = 100,
        seed: int = 0,
    ) -> None:
        for name, whole, least in (("levels", levels, 1), ("batch", batch, 1), ("seed", seed, 0)):
            if type(whole) is not int or whole < least:
                raise SqlOptError(f"{name} must be a whole number of at least {least}, not {whole!r}")
        if patience is not None and (type(patience) is not int or patience < 1):
            raise SqlOptError(f"patience must be a whole number of at least 1, or None, not {patience!r}")
        for name, rate in (("promote", promote), ("review", review)):
            if type(rate) not in (int, float) or not 0 <= rate <= 1:
                raise SqlOptError(f"{name} must be a share from 0 to 1, not {rate!r}")
        self._source = as_curriculum(source, seed)
        self._batch = min(batch, len(self._source)) if isinstance(self._source, Epochs) else batch
        self._grade = grader(grade, self._source)
        self._levels, self._promote, self._patience, self._review = levels, promote, patience, review
        self._window = SuccessWindow(window)
        self._attempts = 0  # at the newest level
        self._newest = 0
        self._turns = Shares([review, 1 - review])
        self._bounds: list[Grade] = []  # the lowest grades of all levels but the first
        self._queues: list[deque[Task]] = []  # by level; none before the first batch
        self._handed = Handed()

    @property
    def level(self) -> int:
        """The newest level that is open, from 0."""
        return self._newest

    def level_of(self, grade: Grade) -> int:
        """The level to which tasks of a grade belong; 0 for all before the first task was drawn."""
        return bisect_right(self._bounds, grade)

    def next_task(self) -> Task:
        if not self._queues:
            self._fill()
        turn = self._turns.turn() if self._newest else None
        wanted = self._turns.given[_REVIEW] % self._newest if turn == _REVIEW else self._newest
        level = self._stocked(wanted)
        task = self._queues[level].popleft()
        if turn is not None:
            self._turns.take(turn)
        return self._handed.note(task, level)

    def record(self, task: Task, *, success: bool, reward: float) -> None:
        """Is passed on to the source as well; a result for a task that was never handed out is left alone."""
        succeeded = checked_attempt(task, success, reward)
        level = self._handed.part_of(task)
        if level is None:
            return
        self._source.record(task, success=success, reward=reward)
        if level != self._newest:
            return
        self._window.tell(succeeded)
        self._attempts += 1
        patient = self._patience is None or self._attempts < self._patience
        if self._newest + 1 < len(self._queues) and (self._window.reached(self._promote) or not patient):
            self._newest += 1
            self._window.clear()
            self._attempts = 0

    def _stocked(self, wanted: int) -> int:
        """The wanted level if it has a task, or one comes within a few batches; else the nearest that has one."""
        for _ in range(_TRIES):
            if self._queues[wanted]:
                return wanted
            self._fill()
        return min((level for level, queue in enumerate(self._queues) if queue), key=lambda level: abs(level - wanted))

    def _fill(self) -> None:
        """Takes a batch of the source, and files its tasks by their levels. A source may end within a batch."""
        tasks: list[Task] = []
        try:
            tasks.extend(stream(self._source, self._batch))
        except SqlOptError:
            if not tasks:
                raise
        found = [(self._grade(task), task) for task in tasks]
        if not self._queues:
            grades = sorted(grade for grade, _ in found)
            cuts = {grades[len(grades) * level // self._levels] for level in range(1, self._levels)}
            self._bounds = sorted(cuts - {grades[0]})
            self._queues = [deque() for _ in range(len(self._bounds) + 1)]
        waiting = {task.id for queue in self._queues for task in queue}
        for grade, task in found:
            queue = self._queues[self.level_of(grade)]
            if len(queue) < self._batch and task.id not in waiting:
                queue.append(task)
                waiting.add(task.id)

    def state(self) -> dict[str, Any]:
        return {
            **self._agreed(),
            "newest": self._newest,
            "attempts": self._attempts,
            "results": self._window.state(),
            "turns": list(self._turns.given),
            "bounds": [[grade.techniques, grade.cost] for grade in self._bounds],
            "queues": [[saved_task(task) for task in queue] for queue in self._queues],
            "handed": self._handed.state(),
            "source": [self._source.state()],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        checked(state, self._agreed())
        newest, attempts = count_of(state, "newest"), count_of(state, "attempts")
        window, turns = self._window.read(state, "results"), self._turns.read(state, "turns")
        bounds = [_bound(item) for item in list_of(state, "bounds")]
        queues = [deque(map(task_of, list_of({"queues": queue}, "queues"))) for queue in list_of(state, "queues")]
        if bounds != sorted(bounds) or len(queues) not in ({len(bounds) + 1} if bounds else {0, 1}):
            raise damaged(f"{len(queues)} levels do not fit {len(bounds)} bounds")
        if newest >= max(1, len(queues)):
            raise damaged(f"newest is level {newest}, and there are {len(queues)}")
        handed = self._handed.read(state, max(1, len(queues)))
        restore_all([self._source], state, "source")
        self._newest, self._attempts, self._window, self._turns.given = newest, attempts, window, turns
        self._bounds, self._queues, self._handed = bounds, queues, handed

    def _agreed(self) -> dict[str, Any]:
        return {
            "curriculum": "Difficulty", "levels": self._levels, "promote": self._promote, "window": self._window.size,
            "patience": self._patience, "review": self._review, "batch": self._batch,
        }  # fmt: skip


def _bound(item: object) -> Grade:
    if not isinstance(item, list | tuple) or len(item) != 2:
        raise damaged("bounds must hold pairs of a number of techniques and a cost")
    try:
        return Grade(*item)
    except SqlOptError as error:
        raise damaged(f"bounds: {error}") from None
