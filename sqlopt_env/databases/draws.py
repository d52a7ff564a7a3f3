"""Chance for the rows of databases, the same on every machine.

It is drawn from PCG64's raw bits, whose stream NumPy guarantees, and turned into values with integer arithmetic and
exact comparisons alone.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import TypeVar

import numpy as np

T = TypeVar("T")


class Draws:
    """A stream of whole numbers drawn with PCG64's guaranteed bits."""

    def __init__(self, sequence: np.random.SeedSequence) -> None:
        self._bits = np.random.PCG64(sequence)
        self._buffer: list[int] = []

    def below(self, n: int) -> int:
        """Uniform in 0 .. n - 1, n small beside 2**63."""
        if not self._buffer:
            self._buffer = (self._bits.random_raw(8192) >> np.uint64(1)).tolist()
        return self._buffer.pop() % n

    def chance(self, per_mille: int) -> bool:
        return self.below(1000) < per_mille

    def one_of(self, values: Sequence[T]) -> T:
        return values[self.below(len(values))]

    def step(self) -> int:
        """From an id to the next one: more than 1 where rows have been deleted."""
        return 1 if self.below(20) else 1 + self.below(9)

    def shuffled(self, n: int) -> list[int]:
        """The numbers 0 .. n - 1 in any order."""
        numbers = list(range(n))
        for i in range(n - 1, 0, -1):
            j = self.below(i + 1)
            numbers[i], numbers[j] = numbers[j], numbers[i]
        return numbers


class Skewed:
    """Draws an index with weight 1 / (index + shift), in whole numbers."""

    def __init__(self, n: int, shift: int) -> None:
        self._bounds = list(accumulate(10_000_000 // (i + shift) for i in range(n)))

    def draw(self, draws: Draws) -> int:
        return bisect_right(self._bounds, draws.below(self._bounds[-1]))
