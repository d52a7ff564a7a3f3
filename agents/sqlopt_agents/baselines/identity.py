"""The query as it is: what every answer is measured against, and a check of the judge (nothing may be improved)."""

from __future__ import annotations

from sqlopt_env.observation import Observation
from sqlopt_env.trajectory import Proposal

from .base import Deterministic


class Identity(Deterministic):
    """The baseline of this module."""

    def greedy(self, observation: Observation) -> Proposal:
        return Proposal(observation["query"])
