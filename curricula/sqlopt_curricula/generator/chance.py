"""Chance from one generator, so that a seed draws the same again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

Item = TypeVar("Item")


class Chance:
    """Draws of everyday kinds."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng

    def chance(self, probability: float) -> bool:
        return bool(self._rng.random() < probability)

    def whole(self, low: int, high: int) -> int:
        """Uniform in low .. high, both included."""
        return int(self._rng.integers(low, high + 1))

    def one(self, items: Sequence[Item]) -> Item:
        return items[int(self._rng.integers(len(items)))]

    def some(self, items: Sequence[Item], least: int, most: int) -> list[Item]:
        """Between `least` and `most` different items (all, where there are fewer), in any order."""
        most = min(most, len(items))
        count = self.whole(min(least, most), most)
        return [items[i] for i in self._rng.permutation(len(items))[:count]]

    def shuffled(self, items: Sequence[Item]) -> list[Item]:
        return [items[i] for i in self._rng.permutation(len(items))]
