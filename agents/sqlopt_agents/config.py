"""What a ReST-EM run is told, and what it tells: configuration, the curve's numbers, and a watcher's events."""

from __future__ import annotations

from dataclasses import dataclass

from sqlopt_env.trajectory import Trajectory
from sqlopt_env.types import SqlOptError


@dataclass(frozen=True, slots=True)
class Config:
    """`iterations` counts M-steps: there are `iterations + 1` E-steps, and iteration 0 is the untrained policy."""

    iterations: int = 10
    candidates: int = 8  # sampled for each task in an E-step
    threshold: float = 1.5  # the effective speedup from which an improved candidate is a success
    keep: int = 4  # at most so many distinct successes of a task are kept in an iteration
    validation: float = 0.25  # the share of each task's candidates that no M-step sees
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in (("iterations", 0), ("candidates", 1), ("keep", 1), ("seed", 0)):
            value = getattr(self, name)
            if not isinstance(value, int) or value < least:
                raise SqlOptError(f"{name} must be a whole number of at least {least}, not {value!r}")
        if not self.threshold >= 1.0:
            raise SqlOptError(f"threshold must be a speedup of at least 1, not {self.threshold!r}")
        if not 0.0 <= self.validation < 1.0:
            raise SqlOptError(f"validation must be a share from 0 to below 1, not {self.validation!r}")

    @property
    def validation_candidates(self) -> int:
        """How many of a task's candidates are kept back; none where there is only one."""
        count = round(self.candidates * self.validation)
        return min(max(count, 1), self.candidates - 1) if self.validation else 0


@dataclass(frozen=True, slots=True)
class IterationMetrics:
    """One line of the curve. The success rate is the share of all candidates that are successes."""

    iteration: int
    success_rate: float
    mean_reward: float
    median_speedup: float | None  # effective, of the successes
    refuted_share: float
    candidates: int
    kept: int
    validation_success_rate: float
    seconds: float


class Watcher:
    """What a run tells of its progress; the methods do nothing here."""

    def iteration_begins(self, iteration: int, candidates: int) -> None: ...

    def candidate_judged(self, trajectory: Trajectory) -> None: ...

    def confirming(self, iteration: int) -> None: ...

    def iteration_ended(self, metrics: IterationMetrics) -> None: ...
