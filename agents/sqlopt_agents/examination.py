"""What is asked of a policy that is put to the test, and the asking."""

from __future__ import annotations

import time
from dataclasses import dataclass
from math import isfinite
from threading import Lock
from zlib import crc32

import numpy as np

from sqlopt_env.judge import Judge
from sqlopt_env.observation import Observation, observe
from sqlopt_env.reward import SUCCESS
from sqlopt_env.trajectory import Proposal
from sqlopt_env.types import SqlOptError, Task

from .evaluation_log import Proposed
from .policy import GreedyPolicy, Policy, failures_told, greedy_of, proposals_of

GREEDY, SAMPLED = "greedy", "sampled"


@dataclass(frozen=True, slots=True)
class Examination:
    """What is asked of the policy for each task: `candidates` samples, and with `greedy` its one best answer too.

    `threshold` is the effective speedup from which an improved answer is a success. With `thorough`, every answer is
    judged on the many small databases of one that is about to be kept.
    """

    candidates: int = 1
    greedy: bool = False
    seed: int = 0
    threshold: float = SUCCESS
    thorough: bool = False

    def __post_init__(self) -> None:
        for name, least in (("candidates", 0), ("seed", 0)):
            value = getattr(self, name)
            if type(value) is not int or value < least:
                raise SqlOptError(f"{name} must be a whole number of at least {least}, not {value!r}")
        if not self.threshold >= 1.0:
            raise SqlOptError(f"threshold must be a speedup of at least 1, not {self.threshold!r}")
        if not self.candidates and not self.greedy:
            raise SqlOptError("nothing is asked of the policy: give at least one candidate, or --greedy")

    @property
    def modes(self) -> tuple[str, ...]:
        return (GREEDY,) * self.greedy + (SAMPLED,) * bool(self.candidates)

    @property
    def answers(self) -> int:
        """That a task gets, equal ones counted each."""
        return self.greedy + self.candidates


class Examinee:
    """The policy, asked as the examination says. Its `think` may be called from `concurrency` threads.

    Raises SqlOptError for a policy that has no best answer to give where one is asked for.
    """

    def __init__(self, policy: Policy, judge: Judge, examination: Examination) -> None:
        if examination.greedy and not isinstance(policy, GreedyPolicy):
            raise SqlOptError(
                f"the policy {type(policy).__name__} has no method greedy(observation): leave out --greedy"
            )
        self._policy, self._judge, self._examination = policy, judge, examination
        self.concurrency: int = getattr(policy, "concurrency", 1)
        if type(self.concurrency) is not int or self.concurrency < 1:
            raise SqlOptError(f"a policy's concurrency must be a whole number above 0, not {self.concurrency!r}")
        self._accounting = Lock()
        self._accounted = self._spent()

    def think(self, task: Task, modes: tuple[str, ...]) -> dict[str, Proposed]:
        """What the policy proposes for the task in each of the modes."""
        observation = observe(self._judge.prepare(task))
        found = {}
        for mode in modes:
            start = time.perf_counter()
            proposals = self._asked(task, observation, mode)
            found[mode] = Proposed(tuple(proposals), time.perf_counter() - start, self._dollars())
        return found

    def stop(self) -> None:
        """Ends the waiting of a policy that waits for a server."""
        close = getattr(self._policy, "close", None)
        if callable(close):
            close()

    def _asked(self, task: Task, observation: Observation, mode: str) -> list[Proposal]:
        with failures_told(f"at task {task.id}"):
            if mode == GREEDY:
                return [greedy_of(self._policy, observation)]
            seeds = [self._examination.seed, crc32(task.id.encode("utf-8", "surrogatepass"))]
            rng = np.random.default_rng(np.random.SeedSequence(seeds))
            return proposals_of(self._policy, observation, self._examination.candidates, rng)

    def _dollars(self) -> float:
        """What was spent since it was last asked. Of several tasks at a time it is the sum that is exact."""
        with self._accounting:
            spent, before = self._spent(), self._accounted
            self._accounted = spent
        return spent - before

    def _spent(self) -> float:
        spent: object = getattr(self._policy, "spent", 0.0)
        if not isinstance(spent, int | float) or not isfinite(spent):
            raise SqlOptError(f"what a policy has spent must be a number of dollars, not {spent!r}")
        return float(spent)
