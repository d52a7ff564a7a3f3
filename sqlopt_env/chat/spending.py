"""What requests cost: the price table, and an account that is never overdrawn by requests in flight."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..types import SqlOptError
from .errors import CostReached

_TABLE = Path(__file__).with_name("prices.json")
_VERSION = (
    r"(-\d{4}-\d{2}-\d{2})?(:.*)?"  # what may follow a name of the table: a date, the suffix of a fine-tuned model
)


@dataclass(frozen=True, slots=True)
class Price:
    """Dollars for a million tokens."""

    prompt: float
    completion: float

    def of(self, prompt_tokens: int, completion_tokens: int) -> float:
        """Dollars."""
        return (prompt_tokens * self.prompt + completion_tokens * self.completion) / 1e6


@dataclass(frozen=True, slots=True)
class Spent:
    """Requests that were answered, what they used, and dollars; None where one was for a model without a price."""

    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    dollars: float | None = 0.0


def price_of(model: str, prices: Mapping[str, Sequence[float]] | Path | None = None) -> Price | None:
    """The price of a model, by the longest name of the table that it begins with; None where there is none.

    `prices` (names to dollars for a million tokens of prompt and answer, or a file of the form of `prices.json`) come
    before the shipped table. Raises SqlOptError for a table that is none.
    """
    own = _read(prices) if isinstance(prices, Path) else dict(prices or {})
    for table in (own, _read(_TABLE)):
        names = [name for name in table if re.fullmatch(re.escape(name) + _VERSION, model)]
        if names:
            return _price(max(names, key=len), table[max(names, key=len)])
    return None


def _read(path: Path) -> dict[str, Any]:
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        return dict(table.get("dollars_per_million_tokens", table))
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise SqlOptError(f"{path} is not a table of prices: {error}") from None


def _price(name: str, value: Any) -> Price:
    try:
        prompt, completion = (float(part) for part in value)
    except (TypeError, ValueError):
        prompt = completion = -1.0
    if not (0 <= prompt < float("inf") and 0 <= completion < float("inf")):
        raise SqlOptError(
            f"the price of {name} must be two numbers, dollars for a million tokens in and out, not {value!r}"
        )
    return Price(prompt, completion)


class Account:
    """Counts what was spent and what requests in flight may still cost. Shared by threads.

    A request reserves the most that it can cost before it is sent, and settles when its answer is there. One that does
    not fit waits for those in flight, which may turn out cheaper, and is refused when none is left.
    """

    def __init__(self, max_cost: float | None) -> None:
        self.max_cost = max_cost
        self._changed = threading.Condition()
        self._reserved = 0.0
        self._flying = 0
        self._requests = self._prompt_tokens = self._completion_tokens = 0
        self._dollars = 0.0
        self._priced = True

    @property
    def spent(self) -> Spent:
        with self._changed:
            dollars = self._dollars if self._priced else None
            return Spent(self._requests, self._prompt_tokens, self._completion_tokens, dollars)

    def reserve(self, bound: float) -> None:
        """Raises CostReached where `bound` dollars more could pass the limit."""
        with self._changed:
            while self.max_cost is not None and self._dollars + self._reserved + bound > self.max_cost:
                if not self._flying:
                    raise CostReached(
                        f"stopped before max_cost: ${self._dollars:.4f} of ${self.max_cost:g} are spent and the next"
                        f" request could cost ${bound:.4f}; to go on, resume with a higher max_cost"
                    )
                self._changed.wait()
            self._reserved += bound
            self._flying += 1

    def release(self, bound: float) -> None:
        """Ends a reservation; call `pay` first, so that nothing slips between."""
        with self._changed:
            self._flying -= 1
            self._reserved = self._reserved - bound if self._flying else 0.0  # without the rounding of sums
            self._changed.notify_all()

    def pay(self, dollars: float | None, prompt_tokens: int = 0, completion_tokens: int = 0, requests: int = 0) -> None:
        """Counts `requests` answered ones; none where an attempt was lost that may have to be paid. `dollars` is None
        where there is no price."""
        with self._changed:
            self._priced = self._priced and dollars is not None
            self._requests += requests
            self._prompt_tokens += prompt_tokens
            self._completion_tokens += completion_tokens
            self._dollars += dollars or 0.0
