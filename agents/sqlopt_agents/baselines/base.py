"""What baselines without chance share: one answer, however often they are asked."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from sqlopt_env.observation import Observation
from sqlopt_env.trajectory import Proposal


class Deterministic(ABC):
    """A policy that is its one answer."""

    @abstractmethod
    def greedy(self, observation: Observation) -> Proposal:
        """The answer to the task that the observation shows."""

    def propose(self, observation: Observation, n: int, rng: np.random.Generator) -> list[Proposal]:
        return [self.greedy(observation)] * n
