"""What a generation came to: shapes, pessimisers, costs, diversity, and why candidates were refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..diversity import Diversity, diversity
from .generate import IMPROVABLE, Slot

QUANTILES = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0)


@dataclass(frozen=True, slots=True)
class Summary:
    """`improvable` is the share whose best known answer is twice as fast by steps; quantiles are those of QUANTILES."""

    count: int
    slots: int
    shapes: Counter[str]
    pessimisers: Counter[str]
    difficulties: Counter[int]
    steps: tuple[float, ...]
    milliseconds: tuple[float, ...]
    speedups: tuple[float, ...]
    improvable: float
    diversity: Diversity
    refused: Counter[str]

    @property
    def two_largest(self) -> float:
        """The share of the two most frequent shapes together."""
        return sum(n for _, n in self.shapes.most_common(2)) / max(1, self.count)


def summarise(slots: Iterable[Slot]) -> Summary:
    """The summary of these slots."""
    all_slots = list(slots)
    closed = [slot.query for slot in all_slots if slot.query is not None]
    refused: Counter[str] = Counter()
    for slot in all_slots:
        refused.update(slot.refused)
    return Summary(
        count=len(closed),
        slots=len(all_slots),
        shapes=Counter(query.shape for query in closed),
        pessimisers=Counter(name for query in closed for name in query.pessimisers),
        difficulties=Counter(query.difficulty for query in closed),
        steps=quantiles([query.steps for query in closed]),
        milliseconds=quantiles([slot.milliseconds for slot in all_slots if slot.milliseconds is not None]),
        speedups=quantiles([query.speedup for query in closed]),
        improvable=sum(query.speedup >= IMPROVABLE for query in closed) / max(1, len(closed)),
        diversity=diversity(query.task.query for query in closed),
        refused=refused,
    )


def quantiles(values: Sequence[float]) -> tuple[float, ...]:
    """The values at QUANTILES, () of nothing."""
    ordered = sorted(values)
    return tuple(ordered[round(share * (len(ordered) - 1))] for share in QUANTILES) if ordered else ()
