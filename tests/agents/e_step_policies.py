"""Policies for the E-step's tests, in a module that the executors' processes can import."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from sqlopt_agents.policy import Proposal

INDEX = "CREATE INDEX i ON t (a); "


class Mixed:
    """The query as it is, wrong ones, and faster ones, by chance."""

    def propose(self, observation: dict[str, Any], n: int, rng: np.random.Generator) -> list[Proposal]:
        return [Proposal(self._text(observation["query"], int(rng.integers(4)))) for _ in range(n)]

    def _text(self, query: str, kind: int) -> str:
        return (query, f"{INDEX}{query}", f"{query} LIMIT 0", f"/* again */ {INDEX}{query}")[kind]


class Portable(Mixed):
    portable = True


class Threads(Mixed):
    """Counts how many of its calls are in flight; later ones end earlier."""

    concurrency = 3

    def __init__(self) -> None:
        self.most = self._now = self._calls = 0
        self._lock = threading.Lock()

    def propose(self, observation: dict[str, Any], n: int, rng: np.random.Generator) -> list[Proposal]:
        with self._lock:
            self._now += 1
            self._calls += 1
            self.most = max(self.most, self._now)
            calls = self._calls
        time.sleep(0.3 / calls)
        with self._lock:
            self._now -= 1
        return super().propose(observation, n, rng)


class Failing(Threads):
    """The call that comes second fails at once, while the first one is under way."""

    def propose(self, observation: dict[str, Any], n: int, rng: np.random.Generator) -> list[Proposal]:
        with self._lock:
            self._calls += 1
            if self._calls == 2:
                raise ValueError("out of money")
        time.sleep(0.3)
        return Distinct().propose(observation, n, rng)


class Learning:
    """Wrong at first; right once it has been told so. The candidates with an odd number are right at once."""

    def __init__(self) -> None:
        self.feedbacks: list[str] = []
        self.asked: list[int] = []

    def propose(self, observation: dict[str, Any], n: int, rng: np.random.Generator) -> list[Proposal]:
        self.feedbacks.append(observation["feedback"])
        self.asked.append(n)
        right, wrong = Proposal(INDEX + observation["query"]), Proposal("SELECT 1, 2, 3")
        return [right] * n if observation["feedback"] else [right if i % 2 else wrong for i in range(n)]


class Stubborn:
    """Wrong, whatever it is told."""

    def propose(self, observation: dict[str, Any], n: int, rng: np.random.Generator) -> list[Proposal]:
        return [Proposal("SELECT 1, 2, 3")] * n


class Distinct:
    """Candidates of one query in different dress, of which only the words differ; at some task it does something."""

    def __init__(self, sign: str = "never", then: Callable[[], None] = lambda: None) -> None:
        self.sign, self.then = sign, then

    def propose(self, observation: dict[str, Any], n: int, rng: np.random.Generator) -> list[Proposal]:
        if self.sign in observation["query"]:
            self.then()
        return [Proposal(f"{INDEX}{observation['query']} -- {i}") for i in range(n)]


class Deadly(Distinct):
    """Kills its process at one task."""

    portable = True

    def __init__(self, sign: str) -> None:
        super().__init__(sign, abort)


def abort() -> None:
    os._exit(9)


def out_of_money() -> None:
    raise ValueError("out of money")
