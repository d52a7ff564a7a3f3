"""The reward functions: an evaluation becomes a number.

Any callable `Evaluation -> float` may stand in for these.
"""

from __future__ import annotations

from collections.abc import Callable
from math import log10

from .types import Evaluation, Outcome, SqlOptError

RewardFunction = Callable[[Evaluation], float]

_CORRECT: tuple[Outcome, ...] = ("improved", "equivalent")


class LogReward:
    """log10 of the effective speedup: 0.3 for twice as fast, 1 for ten times, at most 3 (a thousand times).

    No gain shown is worth 0, and so is what could not be verified. What is refuted, forbidden, invalid or crashed
    costs 1; what used up its time or memory costs 0.5. The range from 2x to 100x, where people work, is unsaturated.
    """

    PENALTIES: dict[Outcome, float] = {  # noqa: RUF012 - a table, never changed
        "refuted": -1.0,
        "forbidden": -1.0,
        "invalid": -1.0,
        "crashed": -1.0,
        "timeout": -0.5,
        "memory": -0.5,
    }

    def __call__(self, evaluation: Evaluation) -> float:
        if evaluation.outcome == "improved" and evaluation.effective_speedup:
            return min(3.0, max(0.0, log10(evaluation.effective_speedup)))
        return self.PENALTIES.get(evaluation.outcome, 0.0)


class QuillReward:
    """min(1, log10(speedup + 1)) for a correct rewrite, else 0: the formula of earlier results, for comparison.

    It saturates at 9x, and pays 0.3 for no gain at all.
    """

    def __call__(self, evaluation: Evaluation) -> float:
        if evaluation.outcome in _CORRECT and evaluation.speedup:
            return min(1.0, log10(evaluation.speedup + 1.0))
        return 0.0


class RVesReward:
    """The tiers of BIRD's reward-based valid efficiency score (bird-bench/mini_dev, evaluation_ves.py).

    1.25 from twice as fast, 1 from as fast, 0.75 from half, 0.5 from a quarter, 0.25 below, 0 when it is wrong.
    BIRD's published R-VES is the mean of 100 * sqrt(reward) over all questions.
    """

    TIERS = ((2.0, 1.25), (1.0, 1.0), (0.5, 0.75), (0.25, 0.5), (0.0, 0.25))

    def __call__(self, evaluation: Evaluation) -> float:
        speedup = evaluation.speedup
        if evaluation.outcome not in _CORRECT or speedup is None:
            return 0.0
        return next(reward for least, reward in self.TIERS if speedup >= least)


REWARDS: dict[str, type[LogReward] | type[QuillReward] | type[RVesReward]] = {
    "log": LogReward,
    "quill": QuillReward,
    "r-ves": RVesReward,
}


def reward_function(reward: str | RewardFunction) -> RewardFunction:
    """The reward function of that name, or the callable itself; raises SqlOptError for anything else."""
    if callable(reward):
        return reward
    if reward in REWARDS:
        return REWARDS[reward]()
    raise SqlOptError(f"unknown reward {reward!r}: it must be one of {', '.join(REWARDS)}, or a callable")
