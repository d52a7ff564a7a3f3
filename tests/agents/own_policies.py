"""Policies as somebody else would write them; the tests name them on the command line."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
from sqlopt_agents.policy import Proposal
from sqlopt_agents.rule_policy import RulePolicy

from sqlopt_env.chat.errors import CostReached


class Unchanged:
    """Proposes the query as it is."""

    def propose(self, observation: dict[str, Any], n: int, rng: np.random.Generator) -> list[Proposal]:
        return [Proposal(observation["query"])] * n


class Greedy:
    """Gives fewer proposals than it is asked for."""

    def propose(self, observation: dict[str, Any], n: int, rng: np.random.Generator) -> list[Proposal]:
        return [Proposal(observation["query"])]


class Interrupting:
    """Behaves as if Ctrl-C were pressed at its third task."""

    calls = 0

    def propose(self, observation: dict[str, Any], n: int, rng: np.random.Generator) -> list[Proposal]:
        Interrupting.calls += 1
        if Interrupting.calls == 3:
            os.kill(os.getpid(), signal.SIGINT)
        return [Proposal(f"SELECT {i}; -- {observation['query']}") for i in range(n)]


class Broke:
    """Has money for so many calls, in a file that outlives the process."""

    def __init__(self, calls: Path, api_key: str = "") -> None:
        self.account = calls

    def propose(self, observation: dict[str, Any], n: int, rng: np.random.Generator) -> list[Proposal]:
        left = int(self.account.read_text())
        if not left:
            raise CostReached("stopped before max_cost: resume with more")
        self.account.write_text(str(left - 1))
        return [Proposal(observation["query"])] * n

    def fit(self, trajectories: Any) -> Broke:
        return self

    def save(self, path: Path) -> None:
        path.write_text("{}")

    @classmethod
    def load(cls, path: Path) -> Broke:
        return cls(path)


class Speechless:
    """Has no method to propose with."""


class Coin:
    """Some of its proposals have an index; each costs `price` dollars."""

    def __init__(self, share: float = 0.5, price: float = 0.25, api_key: str = "") -> None:
        self.share, self.price, self.spent = share, price, 0.0

    def propose(self, observation: dict[str, Any], n: int, rng: np.random.Generator) -> list[Proposal]:
        self.spent += n * self.price
        index = "CREATE INDEX i ON t (a); "
        return [Proposal(index * bool(rng.random() < self.share) + observation["query"]) for _ in range(n)]


class Server(Coin):
    """Waits as for a server, and may be asked by four threads at a time."""

    concurrency = 4
    lock = threading.Lock()
    under_way = most = 0

    def propose(self, observation: dict[str, Any], n: int, rng: np.random.Generator) -> list[Proposal]:
        with self.lock:
            Server.under_way += 1
            Server.most = max(Server.most, Server.under_way)
        time.sleep(0.05)
        with self.lock:
            Server.under_way -= 1
            return super().propose(observation, n, rng)


class Failing:
    """Divides by zero at a query that it does not like."""

    def propose(self, observation: dict[str, Any], n: int, rng: np.random.Generator) -> list[Proposal]:
        return [Proposal(f"{1 / ('4' not in observation['query'])}")] * n


class Spendthrift(Coin):
    """Says what it has spent in words."""

    def __init__(self) -> None:
        super().__init__()
        self.spent = "a lot"  # type: ignore[assignment]


class Unasked(Coin):
    """May be asked by no thread."""

    concurrency = 0


class Clumsy:
    """Proposes what is right, but fails: `at` is propose, fit, nothing (which fit returns) or save."""

    def __init__(self, at: str) -> None:
        self.at = at

    def propose(self, observation: dict[str, Any], n: int, rng: np.random.Generator) -> list[Proposal]:
        if self.at == "propose":
            raise KeyError("boo")
        return [*RulePolicy().propose(observation, n - 1, rng), RulePolicy().greedy(observation)]

    def fit(self, trajectories: object) -> Any:
        if self.at == "fit":
            raise KeyError("weights")
        return None if self.at == "nothing" else self

    def save(self, path: Path) -> None:
        if self.at == "save":
            raise ValueError("no room")
        path.write_text("{}")

    @classmethod
    def load(cls, path: Path) -> Any:
        return cls(path.stem)
