"""Which examples of many make a set in which nothing dominates: the largest that keeps the quotas, evenly spread."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Sequence
from heapq import heapify, heappop, heapreplace
from math import ceil
from typing import NamedTuple

from .quotas import Pair, Quotas, at_most, largest

_ROUNDS = 50  # of choosing an answer for every query; it mostly comes to rest within five


class Candidate(NamedTuple):
    """What the choice knows of an example. "" as technique is none, and has no quota."""

    query: str
    type: str
    technique: str


def chosen(candidates: Sequence[Candidate], quotas: Quotas, *, one_a_query: bool = False) -> list[int]:
    """The places of the largest set that keeps the quotas, in rising order; [] where none does.

    It spreads evenly over techniques as far as the size allows, and within them over queries. With `one_a_query`, one
    example is first chosen for every query, by what is scarce (see `one_of_each`), and the set is the largest of these.
    """
    places = one_of_each(candidates, quotas) if one_a_query else range(len(candidates))
    groups: dict[Pair, list[int]] = defaultdict(list)
    for place in places:
        groups[candidates[place].type, candidates[place].technique].append(place)
    counts = largest({pair: len(group) for pair, group in sorted(groups.items())}, quotas)
    found: list[int] = []
    taken: Counter[str] = Counter()
    for pair in sorted(counts, key=lambda pair: (counts[pair], pair)):
        found += _evenly(groups[pair], counts[pair], candidates, taken)
    return sorted(found)


def one_of_each(candidates: Sequence[Candidate], quotas: Quotas) -> list[int]:
    """For every query the place of one of its examples: the one whose type and technique the others take least.

    Those with the fewest examples choose first; then every query chooses again, until none would choose otherwise.
    That is a rule of thumb: to find the best set of all is three-dimensional matching, which is NP-hard.
    """
    options: dict[str, list[int]] = defaultdict(list)
    for place, candidate in enumerate(candidates):
        options[candidate.query].append(place)
    taken: Counter[tuple[str, str]] = Counter()
    current: dict[str, int] = {}

    def load(place: int) -> tuple[float, float]:
        """How much of their quotas the others' answers take of its type and its technique, the larger one first."""
        _, kind, technique = candidates[place]
        of_type = taken["type", kind] / quotas.optimization_type
        of_technique = taken["technique", technique] / quotas.technique if technique else 0.0
        return max(of_type, of_technique), min(of_type, of_technique)

    for _ in range(_ROUNDS):
        before = dict(current)
        for query in sorted(options, key=lambda query: len(options[query])):
            old = current.get(query)
            if old is not None:
                _count(taken, candidates[old], -1)
            # Of equally good ones it keeps what it has, else takes the first.
            current[query] = min(options[query], key=lambda place: (load(place), place != old, place))
            _count(taken, candidates[current[query]], 1)
        if current == before:
            break
    return sorted(current.values())


def missing(candidates: Sequence[Candidate], size: int, quotas: Quotas) -> str:
    """What is missing for a set of that size that keeps the quotas, as the end of a sentence."""
    named = (
        ("optimization type", quotas.optimization_type, Counter(candidate.type for candidate in candidates)),
        ("leading technique", quotas.technique, Counter(c.technique for c in candidates if c.technique)),
    )
    for what, quota, counts in named:
        free = len(candidates) - counts.total()
        most = at_most(quota, size)
        if sum(min(count, most) for count in counts.values()) + free >= size:
            continue
        full = sorted(name for name, count in counts.items() if count >= most)
        if len(counts) * quota < 1 - 1e-9 and not free:
            return (
                f"when no {what} may hold more than {quota:.0%}, a set has at least {ceil(1 / quota - 1e-9)} of them,"
                f" and there are only {len(counts)}: {', '.join(sorted(counts))}"
            )
        others = len(candidates) - sum(counts[name] for name in full)
        if not full:
            return f"there are only {others} examples"
        return (
            f"{size} need {size - most * len(full)} or more of another {what} than {', '.join(full)}, of which each may"
            f" have {most}, and there are {others}"
        )
    return "the quotas of types and of techniques together allow no more"


def _count(taken: Counter[tuple[str, str]], candidate: Candidate, change: int) -> None:
    taken["type", candidate.type] += change
    taken["technique", candidate.technique] += change


def _evenly(group: Sequence[int], count: int, candidates: Sequence[Candidate], taken: Counter[str]) -> list[int]:
    """So many of the group, always of the query that has the fewest in the set; `taken` counts them."""
    queues: dict[str, deque[int]] = defaultdict(deque)
    for place in group:
        queues[candidates[place].query].append(place)
    heap = [(taken[query], queue[0], query) for query, queue in queues.items()]
    heapify(heap)
    found: list[int] = []
    while len(found) < count:
        _, place, query = heap[0]
        found.append(place)
        taken[query] += 1
        queues[query].popleft()
        if queues[query]:
            heapreplace(heap, (taken[query], queues[query][0], query))
        else:
            heappop(heap)
    return found
