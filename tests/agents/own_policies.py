"""Policies as somebody else would write them; the tests name them on the command line."""

from __future__ import annotations

import os
import signal
from typing import Any

import numpy as np
from sqlopt_agents.policy import Proposal


class Unchanged:
    """Proposes the query as it is."""

    def propose(self, observation: dict[str, Any], n: int, rng: np.random.Generator) -> list[Proposal]:
        return [Proposal(observation["query"])] * n


class Greedy:
    """Gives fewer proposals than it is asked for."""

    def propose(self, observation: dict[str, Any], n: int, rng: np.random.Generator) -> list[Proposal]:
        return [Proposal(observation["query"])]


class Interrupting:
    """Behaves as if Ctrl-C were pressed at its fifth task."""

    calls = 0

    def propose(self, observation: dict[str, Any], n: int, rng: np.random.Generator) -> list[Proposal]:
        Interrupting.calls += 1
        if Interrupting.calls == 5:
            os.kill(os.getpid(), signal.SIGINT)
        return [Proposal(f"SELECT {i}; -- {observation['query']}") for i in range(n)]


class Speechless:
    """Has no method to propose with."""
