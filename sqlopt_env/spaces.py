"""A Gymnasium space of texts that takes any Unicode, as SQL and names need.

`gymnasium.spaces.Text` wants its alphabet listed, and in an AsyncVectorEnv with shared memory it returns stale
observations without a word. This space is no subclass of it, so that there Gymnasium raises a clear error instead.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium.spaces import Space

_WORDS = ("SELECT", "FROM", "WHERE", "CREATE INDEX", "ON", "a", "b", "t", "(", ")", ",", "=", "1", "'x'", "é", ";")


class SQLText(Space[str]):
    """Texts of at most `max_length` characters. Samples are short runs of SQL words, seldom valid SQL."""

    def __init__(self, max_length: int = 1_000_000, seed: int | np.random.Generator | None = None) -> None:
        self.max_length = max_length
        super().__init__(shape=None, dtype=None, seed=seed)

    @property
    def is_np_flattenable(self) -> bool:
        return False

    def sample(self, mask: Any = None, probability: Any = None) -> str:
        if mask is not None or probability is not None:
            raise ValueError("SQLText samples without mask and probability")
        # It begins with a symbol that begins no statement: its evaluation carries no measured time.
        words = self.np_random.choice(_WORDS, size=int(self.np_random.integers(1, 9)))
        return ", " + " ".join(str(word) for word in words)

    def contains(self, x: Any) -> bool:
        return isinstance(x, str) and len(x) <= self.max_length

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SQLText) and self.max_length == other.max_length

    def __hash__(self) -> int:
        return hash((SQLText, self.max_length))

    def __repr__(self) -> str:
        return f"SQLText({self.max_length})"
