"""New contents for one column, drawn from what it holds.

The distribution, the share of NULLs, the range and the number of distinct values stay about the same; the rows that a
value stands in do not, nor do the sums, counts and extremes of the column: numbers are moved a little, a few texts
get a new letter, and the outermost of many different values is left out.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from ..compare import Value
from .documents import are_documents, is_document

Cells: TypeAlias = npt.NDArray[np.object_]
Picks: TypeAlias = npt.NDArray[np.int64]  # positions of rows

_DATE = re.compile(r"\d{4}-\d{2}(-\d{2}([ T]\d{2}:\d{2}.*)?)?\Z|\d{2}:\d{2}(:\d{2}.*)?\Z", re.DOTALL)
_LIKE_A_KEY = ("id", "key", "code", "no")  # ends of names; such numbers are names of things, not amounts
_FEW = 20  # distinct values, up to which they count as names rather than as measurements
_RARE = 0.05  # the share of rows up to which an extreme value may be left out
_JITTERED, _RESPELLED = 0.1, 0.1  # shares of the rows or, where they are fewer, of the distinct values
_SAMPLE = 100  # values that tell of what kind a column is
_LOOKED_AT = 64  # letters of a long text
_LARGEST, _MOST_DECIMALS = 2**63 - 1, 6


def cells(values: Sequence[Value]) -> Cells:
    """The values as an array of Python objects, which numpy can pick from."""
    found = np.empty(len(values), dtype=object)
    found[:] = values
    return found


class Resampled:
    """A column's values and what is known of them; `draw` gives other contents of the same character."""

    def __init__(self, name: str, values: Cells) -> None:
        self._values = values
        present = [value for value in values.tolist() if value is not None]
        self._distinct = set(present)
        kinds = set(map(type, present))
        self._flags = self._distinct <= {0, 1}
        self._like_a_key = name.lower().endswith(_LIKE_A_KEY)
        self._numbers = bool(present) and kinds <= {int, float}
        self._texts = kinds == {str}
        sample: list[Any] = present[:: len(present) // _SAMPLE + 1]
        self._dates = self._texts and all(_DATE.match(text) for text in sample)
        self._documents = self._texts and are_documents(sample)
        self._decimals = max(map(_decimals, sample), default=0) if self._numbers else 0
        self._pool = self._without_extremes(present)

    def draw(self, size: int, rng: np.random.Generator) -> Cells:
        """`size` values, a few of them new ones."""
        if not len(self._pool):
            return self._values[:size].copy()
        picks = rng.integers(len(self._pool), size=size)
        if len(self._distinct) * 2 > len(self._values):
            # Nearly all differ: drawing alone would lose more than a third of them.
            kept = rng.random(size) < 0.5
            order = np.resize(rng.permutation(len(self._pool)), size)
            picks = np.where(kept, order, picks)
        drawn = self._pool[picks]
        if self._numbers and not self._flags and not self._like_a_key:
            self._move(drawn, rng)
        elif self._texts and not self._dates and not self._documents:
            for place in self._some(drawn, _RESPELLED, rng).tolist():
                drawn[place] = respelled(drawn[place], self._values, rng)
        return drawn

    def _without_extremes(self, present: list[Any]) -> Cells:
        """The values to draw from: of many different ones, the smallest and the largest are never drawn."""
        if len(self._distinct) <= _FEW or not (self._numbers or self._texts):
            return self._values
        limit = _RARE * len(present)
        left_out = {extreme for extreme in (min(present), max(present)) if present.count(extreme) <= limit}
        return cells([value for value in self._values.tolist() if value not in left_out])

    def _move(self, drawn: Cells, rng: np.random.Generator) -> None:
        """Jitter: a few steps of the last decimal up or down, within the range of what may be drawn."""
        inside: list[Any] = [value for value in self._pool.tolist() if value is not None and math.isfinite(value)]
        places = self._some(drawn, _JITTERED, rng)
        if not inside:
            return
        low, high, step = min(inside), max(inside), 10.0**-self._decimals
        if len(self._distinct) <= _FEW:  # there is no room between so few: go one step beyond, but not below zero
            low, high = (low - 1 if low else low), high + 1
            drawn[rng.integers(len(drawn))] = min(high, _LARGEST) if isinstance(high, int) else high
        span = float(high) - float(low)
        for place, share in zip(places.tolist(), (rng.random(len(places)) * 2 - 1).tolist(), strict=True):
            value: Any = drawn[place]
            if not math.isfinite(value):
                continue
            width = min(0.02 * abs(float(value)), 0.01 * span) * share
            if isinstance(value, int):
                moved: Value = value + (round(width) or (1 if share > 0 else -1))
                moved = min(max(moved, math.ceil(low)), math.floor(high), _LARGEST)
                drawn[place] = max(moved, -_LARGEST - 1)
            else:
                width = width if abs(width) >= step else math.copysign(step, share)
                drawn[place] = min(max(round(value + width, self._decimals), float(low)), float(high))

    def _some(self, drawn: Cells, share: float, rng: np.random.Generator) -> Picks:
        """Places of a few values that are not NULL, at least one."""
        present = np.flatnonzero(drawn != None)  # noqa: E711 - element by element
        size = min(len(present), max(1, round(share * min(len(drawn), len(self._distinct)))))
        return rng.choice(present, size=size, replace=False) if size else present


def respelled(text: str, others: Cells, rng: np.random.Generator) -> str:
    """The text with one letter or digit changed: the form stays."""
    places = [i for i, letter in enumerate(text[:_LOOKED_AT]) if letter.isalnum()]
    if not places:
        return text
    place = places[rng.integers(len(places))]
    old = text[place]
    other = others[rng.integers(len(others))]
    letters = other[:_LOOKED_AT] if isinstance(other, str) else ""
    fitting = [new for new in letters if new != old and _sort(new) == _sort(old)] or [old.swapcase()]
    return text[:place] + fitting[rng.integers(len(fitting))] + text[place + 1 :]


def fresh(values: Cells, taken: set[Value], count: int, rng: np.random.Generator) -> list[Value]:
    """Up to `count` keys that are not taken: whole numbers in the gaps or just beyond the largest, respelled texts."""
    numbers: list[Any] = [value for value in values.tolist() if type(value) is int]
    if numbers and len(numbers) == len(values):
        low, high = min(numbers), min(max(numbers) + count + 1, _LARGEST)
        tried: Sequence[Value] = rng.integers(low, high, size=4 * count, endpoint=True).tolist()
    elif all(type(value) is str and not _DATE.match(value) for value in values.tolist()):
        tried = [respelled(values[i], values, rng) for i in rng.integers(len(values), size=2 * count).tolist()]
        if are_documents(values[:_SAMPLE].tolist()):
            tried = [text for text in tried if is_document(text)]
    else:
        return []
    return [key for key in dict.fromkeys(tried) if key not in taken][:count]


def _sort(letter: str) -> tuple[bool, bool, bool]:
    return letter.isdigit(), letter.isupper(), letter.islower()


def _decimals(value: Any) -> int:
    """Decimals that a number is written with; `_MOST_DECIMALS` where it is no round one."""
    if isinstance(value, int) or not math.isfinite(value):
        return 0
    return next((d for d in range(_MOST_DECIMALS) if round(value, d) == value), _MOST_DECIMALS)
