"""Chooses few instances of many: those that tell a query from the most mistakes in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

_OFTEN_ENOUGH = 3  # instances that tell one mistake apart; further ones add little


def distilled(told: Sequence[frozenset[int]], count: int) -> list[int]:
    """The places of `count` instances, the most telling first. `told[i]` holds the mistakes that instance i tells.

    Greedy set cover: each step takes the instance that tells the most mistakes not yet told often enough.
    """
    chosen: list[int] = []
    times: Counter[int] = Counter()
    left = list(range(len(told)))
    while left and len(chosen) < count:
        best = max(left, key=lambda i: (sum(1.0 / (1 + times[m]) for m in told[i] if times[m] < _OFTEN_ENOUGH), -i))
        left.remove(best)
        chosen.append(best)
        times.update(told[best])
    return chosen
