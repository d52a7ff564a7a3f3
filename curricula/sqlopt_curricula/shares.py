"""Turns: who comes next, where several are to have fixed shares, with nothing left to chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import ceil
from typing import Any

from sqlopt_env.types import SqlOptError

from .saved import damaged, list_of
from .states import count_of

_FINEST = 10**6  # shares are read as fractions of at most such a denominator: 0.3 is 3/10


class Shares:
    """Hands out turns so that after any n of them each part has had its share of n, to within less than 1.

    Part i may have its j-th turn from the first n on at which share_i * n > j - 1, and must have had it by
    n = ceil(j / share_i); of those who may, the one that must soonest comes next (Steiner and Yeomans 1993, "Level
    schedules for mixed-model, just-in-time processes"). Whoever has the largest deficit
    share_i * n - given_i would do with two parts; of many, such as 8 : 8 : 8 : 1 : 1 : 1, some would stray by over 1.
    """

    def __init__(self, weights: Sequence[float]) -> None:
        exact = [_fraction(weight) for weight in weights]
        if not any(exact):
            raise SqlOptError("at least one share must be above 0")
        self._shares = [weight / sum(exact) for weight in exact]
        self.given = [0] * len(exact)  # turns, by part

    def turn(self) -> int:
        """Which part comes next; it must be told by `take` once it has come."""
        n = sum(self.given) + 1
        may = [part for part, share in enumerate(self._shares) if self.given[part] < share * n]
        return min(may, key=lambda part: (ceil((self.given[part] + 1) / self._shares[part]), part))

    def take(self, part: int) -> None:
        """The part has had a turn."""
        self.given[part] += 1

    def texts(self) -> list[str]:
        """The shares as they were understood, for a state to agree in."""
        return [str(share) for share in self._shares]

    def read(self, state: Mapping[str, Any], name: str) -> list[int]:
        """The turns that a state has under `name`. Raises SqlOptError for anything else."""
        given = [count_of({name: value}, name) for value in list_of(state, name)]
        if len(given) != len(self.given):
            raise damaged(f"{name} must hold {len(self.given)} whole numbers")
        return given


def _fraction(weight: object) -> Fraction:
    if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight <= _FINEST:
        raise SqlOptError(f"a share must be a number from 0 to {_FINEST:,}, not {weight!r}")
    return Fraction(weight).limit_denominator(_FINEST)
