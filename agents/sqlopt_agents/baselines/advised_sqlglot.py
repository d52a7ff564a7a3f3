"""sqlglot's optimizer, and SQLite's index advisor on what it wrote."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from sqlopt_env.observation import Observation
from sqlopt_env.trajectory import Proposal

from .advisor import Advisor
from .base import Deterministic
from .sqlglot_optimizer import SqlglotOptimizer


class AdvisedSqlglot(Deterministic):
    """Both baselines one after the other; the options are the advisor's."""

    def __init__(self, *, timeout: float = 10.0, program: Path | None = None) -> None:
        self._advisor = Advisor(timeout=timeout, program=program)
        self._optimizer = SqlglotOptimizer()

    def greedy(self, observation: Observation) -> Proposal:
        optimized = self._optimizer.greedy(observation)
        advised = self._advisor.greedy({**observation, "query": optimized.text})
        return replace(advised, explanation=f"{optimized.explanation}; {advised.explanation}")
