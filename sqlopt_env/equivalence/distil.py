"""Chooses few instances of many: those that tell a query from the most mistakes in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

_OFTEN_ENOUGH = 3  # instances that tell one mistake apart; further ones add little
_FIXED_COST = 30  # of an instance, in rows


def distilled(told: Sequence[frozenset[int]], sizes: Sequence[int], count: int) -> list[int]:
    """The places of `count` instances, the most telling first. `told[i]` holds the mistakes that instance i tells, and
    `sizes[i]` its rows.

    Greedy weighted set cover: each step takes the instance that tells the most mistakes not yet told often enough, for
    what it costs to run.
    """
    chosen: list[int] = []
    times: Counter[int] = Counter()
    left = list(range(len(told)))
    while left and len(chosen) < count:
        best = max(left, key=lambda i: (_gain(told[i], times) / (_FIXED_COST + sizes[i]), -i))
        left.remove(best)
        chosen.append(best)
        times.update(told[best])
    return chosen


def _gain(mistakes: frozenset[int], times: Counter[int]) -> float:
    return sum(1.0 / (1 + times[mistake]) for mistake in mistakes if times[mistake] < _OFTEN_ENOUGH)
