"""The last so many attempts, and how many of them succeeded."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from reprlib import repr as short
from typing import Any

from sqlopt_env.types import SqlOptError

from .saved import damaged


class SuccessWindow:
    """Holds the last `size` results."""

    def __init__(self, size: int) -> None:
        if type(size) is not int or size < 1:
            raise SqlOptError(f"window must be a whole number of at least 1, not {size!r}")
        self._results: deque[bool] = deque(maxlen=size)

    def tell(self, success: bool) -> None:
        self._results.append(success)

    def reached(self, rate: float) -> bool:
        """Whether the window is full and at least this share of it succeeded."""
        full = len(self._results) == self._results.maxlen
        return full and sum(self._results) >= rate * len(self._results)

    def clear(self) -> None:
        self._results.clear()

    @property
    def size(self) -> int:
        return self._results.maxlen or 0

    def state(self) -> str:
        """A digit for each result, the latest last."""
        return "".join("1" if success else "0" for success in self._results)

    def read(self, state: Mapping[str, Any], name: str) -> SuccessWindow:
        """One as `state` has it under `name`. Raises SqlOptError for anything else."""
        value = state.get(name)
        if not isinstance(value, str) or not set(value) <= {"0", "1"} or len(value) > self.size:
            raise damaged(f"{name} must be at most {self.size} digits 0 and 1, not {short(value)}")
        read = SuccessWindow(self.size)
        read._results.extend(digit == "1" for digit in value)
        return read
