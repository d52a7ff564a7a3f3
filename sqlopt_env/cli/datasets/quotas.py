"""How many examples of each kind fit into a set of which no optimization type and no technique may hold too much.

Quotas are shares of the set itself, so that its size and what fits into it depend on each other. F(n) is the largest
number of examples with at most `optimization_type * n` of a type and `technique * n` of a leading technique: a maximum
flow from types to techniques. F never falls, so that n, F(n), F(F(n)) ... from all examples on ends at the largest n
with F(n) = n (Tarski's greatest fixed point), which is the size of the largest set.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import floor

from ...types import SqlOptError

Pair = tuple[str, str]  # an optimization type, and a leading technique or "", which is none and has no quota
_Node = tuple[str, str]  # ("type", a type) or ("technique", a technique)


@dataclass(frozen=True, slots=True)
class Quotas:
    """The largest shares of a set that one optimization type and one leading technique may hold."""

    optimization_type: float = 0.4
    technique: float = 0.2

    def __post_init__(self) -> None:
        for name in ("optimization_type", "technique"):
            value = getattr(self, name)
            if not 0.0 < value <= 1.0:
                raise SqlOptError(f"the quota of {name.replace('_', ' ')}s must be above 0 and at most 1, not {value}")


def at_most(share: float, size: int) -> int:
    """The largest whole number that is not above the share, whose last digit may be lost: 0.29 * 100 is 28.99..."""
    return floor(share * size + 1e-9)


def largest(available: Mapping[Pair, int], quotas: Quotas) -> dict[Pair, int]:
    """How many of each pair make the largest set that keeps the quotas, as even over techniques as that size allows."""
    size = sum(available.values())
    while size:
        flow = _Flow(available, quotas, size)
        flow.fill()
        if flow.size == size:
            even = _Flow(available, quotas, size)
            even.rise()
            even.fill()
            return {pair: count for pair, count in even.taken.items() if count}
        size = flow.size
    return {}


class _Flow:
    """So many of each pair, within what there is and what a set of that size may hold of a type and of a technique."""

    def __init__(self, available: Mapping[Pair, int], quotas: Quotas, size: int) -> None:
        of_type, of_technique = at_most(quotas.optimization_type, size), at_most(quotas.technique, size)
        self._available = available
        self._room: dict[_Node, int] = {("type", kind): of_type for kind, _ in available}
        self._room |= {("technique", name): of_technique if name else size for _, name in available}
        self.taken = dict.fromkeys(available, 0)

    @property
    def size(self) -> int:
        return sum(self.taken.values())

    def rise(self) -> None:
        """One by one, always of the technique, and then the type, that has the fewest, while that is possible."""
        of: Counter[_Node] = Counter()
        while possible := [pair for pair in self.taken if self._is_open(pair)]:
            kind, name = min(possible, key=lambda pair: (of["technique", pair[1]], of["type", pair[0]], pair))
            self._move([(kind, name)], 1)
            of.update([("technique", name), ("type", kind)])

    def fill(self) -> None:
        """To the maximum, along shortest augmenting paths (Edmonds and Karp 1972); no technique gets fewer by it."""
        while path := self._path():
            forth, back = path[::2], path[1::2]
            amount = min(
                self._room["type", path[0][0]],
                self._room["technique", path[-1][1]],
                *(self._available[pair] - self.taken[pair] for pair in forth),
                *(self.taken[pair] for pair in back),
            )
            self._move(path, amount)

    def _is_open(self, pair: Pair) -> bool:
        room = min(self._room["type", pair[0]], self._room["technique", pair[1]])
        return room > 0 and self.taken[pair] < self._available[pair]

    def _move(self, path: Sequence[Pair], amount: int) -> None:
        """Takes more of the first, third ... pair of the path, and less of those in between."""
        for number, pair in enumerate(path):
            self.taken[pair] += -amount if number % 2 else amount
        self._room["type", path[0][0]] -= amount
        self._room["technique", path[-1][1]] -= amount

    def _path(self) -> list[Pair]:
        """From a type that has room to a technique that has; [] where there is none."""
        paths: dict[_Node, list[Pair]] = {node: [] for node, room in self._room.items() if node[0] == "type" and room}
        queue = deque(paths)
        while queue:
            node = queue.popleft()
            for pair in self.taken:
                forth = node == ("type", pair[0]) and self.taken[pair] < self._available[pair]
                back = node == ("technique", pair[1]) and self.taken[pair] > 0
                other = ("technique", pair[1]) if forth else ("type", pair[0])
                if not (forth or back) or other in paths:
                    continue
                paths[other] = [*paths[node], pair]
                if forth and self._room[other]:
                    return paths[other]
                queue.append(other)
        return []
