"""The reward functions: an evaluation becomes a number.

Any callable `Evaluation -> float` may stand in for these. One that asks a language model is in `reader.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from math import log2, log10

from .types import Evaluation, Outcome, Size, SizeChange, SqlOptError

RewardFunction = Callable[[Evaluation], float]

SUCCESS = 1.5  # the effective speedup from which an improved rewrite is called a success, unless told otherwise

_CORRECT: tuple[Outcome, ...] = ("improved", "equivalent")


def is_success(evaluation: Evaluation, threshold: float = SUCCESS) -> bool:
    """Improved, and by at least `threshold` when the building of the indexes is charged."""
    effective = evaluation.effective_speedup
    return evaluation.outcome == "improved" and effective is not None and effective >= threshold


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


class ReadableReward:
    """Another reward, less for a rewrite that is larger than its original: reward * (1 - weight * growth) where the
    reward is above 0, and unchanged where it is not.

    `growth` is log2 of the burden after over the burden before, from 0 (no larger) to 1 (twice as large, or more). The
    burden of a Size is its nodes and five for each level of parentheses, join, subquery and index.

    So the sign of a reward never changes, nothing but size is charged, and for a weight below 1 what is paid stays
    paid. Whether a candidate is a success is no matter of any reward. By name, `log+size` is this with weight 0.2.
    """

    def __init__(self, base: str | RewardFunction = "log", weight: float = 0.2) -> None:
        if type(weight) not in (int, float) or not 0 <= weight < 1:
            raise SqlOptError(f"weight must be a number from 0 to below 1, not {weight!r}")
        self._base = reward_function(base)
        self._weight = weight

    def __call__(self, evaluation: Evaluation) -> float:
        worth = self._base(evaluation)
        if worth > 0 and evaluation.size is not None:
            return worth * (1 - self._weight * growth(evaluation.size))
        return worth


def growth(size: SizeChange) -> float:
    """How much larger a rewrite is than its original, from 0 to 1 (see ReadableReward)."""
    return min(1.0, max(0.0, log2(_burden(size.after) / _burden(size.before))))


def _burden(size: Size) -> int:
    return max(1, size.nodes) + 5 * (size.depth + size.joins + size.subqueries + size.indexes)


REWARDS: dict[str, type[LogReward] | type[QuillReward] | type[RVesReward]] = {
    "log": LogReward,
    "quill": QuillReward,
    "r-ves": RVesReward,
}
_SIZE = "+size"


def reward_function(reward: str | RewardFunction) -> RewardFunction:
    """The reward function of that name, or the callable itself; `NAME+size` is ReadableReward over NAME.

    Raises SqlOptError for anything else.
    """
    if callable(reward):
        return reward
    if isinstance(reward, str):
        name = reward.removesuffix(_SIZE)
        if name in REWARDS:
            return ReadableReward(REWARDS[name]()) if reward.endswith(_SIZE) else REWARDS[name]()
    raise SqlOptError(
        f"unknown reward {reward!r}: it must be one of {', '.join(REWARDS)}, each also with {_SIZE}, or a callable"
    )
