"""What a ReST-EM run is told, and what it tells while it runs: its configuration, and a watcher's events."""

from __future__ import annotations

from dataclasses import dataclass

from sqlopt_env.reward import SUCCESS
from sqlopt_env.trajectory import Trajectory
from sqlopt_env.types import SqlOptError

from .curve import IterationMetrics
from .executors import EXECUTORS
from .m_steps import VARIANTS

__all__ = ["Config", "IterationMetrics", "Watcher"]


@dataclass(frozen=True, slots=True)
class Config:
    """`iterations` counts M-steps: there are `iterations + 1` E-steps, and iteration 0 is the untrained policy.

    Raises SqlOptError for a value that is none.
    """

    iterations: int = 10
    candidates: int = 8  # sampled for each task in an E-step
    threshold: float = SUCCESS  # the effective speedup from which an improved candidate is a success
    keep: int = 10  # at most so many distinct successes of a task are kept in an iteration
    validation: float = 0.25  # the share of each task's candidates that no M-step sees
    seed: int = 0
    variant: str = "rest-em"  # of the M-step, see m_steps.py
    patience: int | None = None  # iterations without a better validation rate, after which the run ends
    turns: int = 1  # answers of a candidate that does not succeed; from the second on, with the judge's feedback
    executor: str = "local"  # where is judged, see executors/; changes no result but times
    tasks: int = 20  # that a curriculum hands out for an E-step; of a list, all are taken

    def __post_init__(self) -> None:
        for name, least in (("iterations", 0), ("tasks", 1), ("candidates", 1), ("keep", 1), ("seed", 0), ("turns", 1)):
            value = getattr(self, name)
            if not isinstance(value, int) or value < least:
                raise SqlOptError(f"{name} must be a whole number of at least {least}, not {value!r}")
        if self.patience is not None and (type(self.patience) is not int or self.patience < 1):
            raise SqlOptError(f"patience must be a whole number of at least 1, not {self.patience!r}")
        if self.variant not in VARIANTS:
            raise SqlOptError(f"unknown variant {self.variant!r}: give one of {', '.join(VARIANTS)}")
        if self.executor not in EXECUTORS:
            raise SqlOptError(f"unknown executor {self.executor!r}; give one of {', '.join(EXECUTORS)}")
        if not self.threshold >= 1.0:
            raise SqlOptError(f"threshold must be a speedup of at least 1, not {self.threshold!r}")
        if not 0.0 <= self.validation < 1.0:
            raise SqlOptError(f"validation must be a share from 0 to below 1, not {self.validation!r}")

    @property
    def validation_candidates(self) -> int:
        """How many of a task's candidates are kept back; none where there is only one."""
        count = round(self.candidates * self.validation)
        return min(max(count, 1), self.candidates - 1) if self.validation else 0


class Watcher:
    """What a run tells of its progress; the methods do nothing here."""

    def choosing(self, iteration: int) -> None:
        """A curriculum is asked for the tasks of an iteration, which may have to be written first."""

    def iteration_begins(self, iteration: int, candidates: int) -> None: ...

    def candidate_judged(self, trajectory: Trajectory) -> None: ...

    def confirming(self, iteration: int) -> None: ...

    def iteration_ended(self, metrics: IterationMetrics) -> None: ...
