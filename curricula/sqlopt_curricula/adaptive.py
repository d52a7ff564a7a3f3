"""Tasks of which the policy solves about half: those from which a group of samples teaches most."""

from __future__ import annotations

from collections.abc import Mapping
from reprlib import repr as short
from typing import Any

import numpy as np

from sqlopt_env.curriculum import Curriculum
from sqlopt_env.tasks import TaskSource
from sqlopt_env.types import SqlOptError, Task

from .arms import Arm, faded, learnability
from .routing import as_curriculum, checked_attempt, restore_all
from .saved import damaged, list_of
from .shares import Shares
from .states import checked, count_of

_FRESH = 0
_DULL = 1 / 16  # a task leaves whose expected p (1 - p) is below a quarter of the most there is: 12 results, all alike
_TRIAL = 8  # results after which a task is compared with the others of the pool
_LATEST = 2**53  # more than anybody draws; beyond it floats are no longer exact


class Adaptive:
    """A curriculum that prefers tasks whose success rate p is near one half.

    A group of samples that all succeed, or all fail, has no variance: relative to its own mean it teaches nothing
    (DAPO, Yu et al. 2025, throws such groups away after they were paid for). The variance is p (1 - p), the
    learnability of Rutherford et al. 2024 ("No regrets"). So of a pool of tasks that were taken from `source`, the
    next is the one that maximises p (1 - p) where p ~ Beta(1 + successes, 1 + failures) is drawn for each (Thompson
    1933). Old results fade, because the policy learns: at every result that is told, those before it count `decay`
    times as much (the discounted Thompson sampling of Raj and Kalyani 2017).

    `fresh` is the share of draws that try a new task of the source; until there are `pool` tasks, all do, and none is
    drawn again before one of its results is there. A task leaves when p (1 - p) is surely small, or when the pool is
    full of better ones. What leaves can come again with the source: for a list of tasks, which stands for its `Epochs`,
    it does, so that what was too hard once is tried again later.
    """

    def __init__(
        self,
        source: Curriculum | TaskSource,
        *,
        pool: int = 40,
        fresh: float = 0.25,
        decay: float = 0.999,
        seed: int = 0,
    ) -> None:
        for name, whole, least in (("pool", pool, 1), ("seed", seed, 0)):
            if type(whole) is not int or whole < least:
                raise SqlOptError(f"{name} must be a whole number of at least {least}, not {whole!r}")
        if type(fresh) not in (int, float) or not 0 <= fresh <= 1:
            raise SqlOptError(f"fresh must be a share from 0 to 1, not {fresh!r}")
        if type(decay) not in (int, float) or not 0 < decay <= 1:
            raise SqlOptError(f"decay must be a number above 0 and at most 1, not {decay!r}")
        self._source = as_curriculum(source, seed)
        self._pool, self._fresh, self._decay, self._seed = pool, fresh, float(decay), seed
        self._turns = Shares([fresh, 1 - fresh])
        self._drawn = 0
        self._told = 0  # results of tasks in the pool: the clock by which they fade
        self._arms: dict[str, Arm] = {}  # by the task's id, the oldest first
        self._filling = True  # the pool has room, and the source has not repeated itself since it had

    def next_task(self) -> Task:
        turn = self._turns.turn()
        ready = [arm for arm in self._arms.values() if not arm.waiting]
        arm = self._new() if turn == _FRESH or self._filling or not ready else self._sampled(ready)
        arm.waiting = True
        self._turns.take(turn)
        self._drawn += 1
        return arm.task

    def record(self, task: Task, *, success: bool, reward: float) -> None:
        """Is passed on to the source as well; what is told of a task that has left the pool goes only there."""
        succeeded = checked_attempt(task, success, reward)
        self._source.record(task, success=success, reward=reward)
        arm = self._arms.get(task.id)
        if arm is None:
            return
        self._told += 1
        arm.tell(succeeded, self._told, self._decay)
        if self._worth(arm) < _DULL:
            del self._arms[task.id]
            self._filling = self._filling or len(self._arms) < self._pool
        self._shed(tried=True)

    def _new(self) -> Arm:
        """The source's next task, which joins the pool if it is not there."""
        task = self._source.next_task()
        if task.id in self._arms:
            self._filling = False
            return self._arms[task.id]
        arm = self._arms[task.id] = Arm(task)
        self._shed(tried=False)
        self._filling = len(self._arms) < self._pool
        return arm

    def _sampled(self, ready: list[Arm]) -> Arm:
        """The one of these that maximises p (1 - p), each p drawn as its results allow."""
        rng = np.random.default_rng(np.random.SeedSequence([self._seed, self._drawn]))
        counts = np.array([faded(arm, self._told, self._decay) for arm in ready])
        p = rng.beta(1.0 + counts[:, 0], 1.0 + counts[:, 1])
        return ready[int(np.argmax(p * (1.0 - p)))]

    def _shed(self, *, tried: bool) -> None:
        """Keeps `pool` of the tasks that were tried, the worst leaves, and as many on trial, the oldest leaves."""
        arms = [arm for arm in self._arms.values() if (arm.results >= _TRIAL) is tried]
        if len(arms) > self._pool:
            leaves = min(arms, key=self._worth) if tried else arms[0]
            del self._arms[leaves.task.id]

    def _worth(self, arm: Arm) -> float:
        return learnability(*faded(arm, self._told, self._decay))

    def state(self) -> dict[str, Any]:
        return {
            **self._agreed(),
            "drawn": self._drawn,
            "told": self._told,
            "turns": list(self._turns.given),
            "filling": self._filling,
            "tasks": [arm.state() for arm in self._arms.values()],
            "source": [self._source.state()],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        checked(state, self._agreed())
        drawn, told, filling = count_of(state, "drawn"), count_of(state, "told"), state.get("filling")
        if not isinstance(filling, bool):
            raise damaged(f"filling must be true or false, not {short(filling)}")
        if told > _LATEST:
            raise damaged(f"nobody tells {short(told)} results")
        turns = self._turns.read(state, "turns")
        arms = [Arm.read(item, told) for item in list_of(state, "tasks")]
        restore_all([self._source], state, "source")
        self._drawn, self._told, self._turns.given, self._filling = drawn, told, turns, filling
        self._arms = {arm.task.id: arm for arm in arms}

    def _agreed(self) -> dict[str, Any]:
        return {
            "curriculum": "Adaptive", "pool": self._pool, "fresh": self._fresh, "decay": self._decay,
            "seed": self._seed,
        }  # fmt: skip
