"""The curve of a run: what the candidates of one iteration amount to, with intervals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from sqlopt_env.trajectory import Trajectory

from .scoring import intervals

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class IterationMetrics:
    """One line of the curve; all but the validation's figures are of the candidates for the training tasks.

    The success rate is the share of all candidates that are successes. The intervals are 95 % bootstrap intervals over
    tasks (see `scoring.intervals`); the bootstrap's seed is the iteration's number.
    """

    iteration: int
    success_rate: float
    success_interval: Interval
    mean_reward: float
    median_speedup: float | None  # effective, of the successes
    refuted_share: float
    mean_techniques: float  # in an answer
    unsound_share: float | None  # of the techniques in all answers; None in a run that has no unsound ones
    candidates: int
    kept: int
    validation_success_rate: float
    validation_interval: Interval
    seconds: float


def measured(
    iteration: int,
    trained: Sequence[Trajectory],
    validation: Sequence[Trajectory],
    *,
    kept: int,
    seconds: float,
    is_unsound: Callable[[str], bool] | None = None,
) -> IterationMetrics:
    """The metrics of an iteration: of its candidates for the training tasks, and of those that chose the policy.

    `is_unsound` says of a technique's name whether it is one that is not valid; None where no such take part.
    """
    speedups = [t.evaluation.effective_speedup for t in trained if t.success]
    names = [technique.partition("(")[0] for t in trained for technique in t.proposal.techniques]
    rate, interval = _success(trained, iteration)
    validation_rate, validation_interval = _success(validation, iteration)
    return IterationMetrics(
        iteration=iteration,
        success_rate=rate,
        success_interval=interval,
        mean_reward=fmean(t.reward for t in trained),
        median_speedup=median(s for s in speedups if s is not None) if speedups else None,
        refuted_share=fmean(t.evaluation.outcome == "refuted" for t in trained),
        mean_techniques=len(names) / len(trained),
        unsound_share=sum(map(is_unsound, names)) / max(1, len(names)) if is_unsound else None,
        candidates=len(trained),
        kept=kept,
        validation_success_rate=validation_rate,
        validation_interval=validation_interval,
        seconds=seconds,
    )


def _success(trajectories: Sequence[Trajectory], seed: int) -> tuple[float, Interval]:
    """The share of successes, and its interval: every task has as many candidates as any other."""
    by_task: dict[str, list[bool]] = {}
    for trajectory in trajectories:
        by_task.setdefault(trajectory.task.id, []).append(trajectory.success)
    score = intervals({"success": [fmean(found) for found in by_task.values()]}, seed)["success"]
    return score.value, (score.low, score.high)
