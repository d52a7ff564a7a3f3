"""Small databases made for one pair of queries, on which a wrong rewrite shows itself.

Most instances stage a scenario: rows that fulfil the conditions of one of the queries together, copied, shared and
with one condition broken at a time. The others are drawn at random from values near the queries' literals. Rows
repeat each other in part, keys dangle or are shared, NULL stands wherever the schema allows, tables are empty, single
or in groups, and beyond each LIMIT. Nothing here runs a query: what a constraint refuses is left out at loading.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from .compare import Value
from .draft import Draft, Mood, Plans
from .literals import Literals
from .reading import Reading
from .scenario import Assignment, Scenario, Sieve
from .shape import TableShape
from .values import Pool, pool_for

Rows: TypeAlias = dict[str, list[tuple[Value, ...]]]  # by table name, parents before their children

_SIZES = (0, 1, 2, 3, 4, 6, 10)
_LARGE_SIZES = (12, 20, 30)
_LITERAL_SHARES = (0.0, 0.5, 0.8, 0.97)
_NULL_RATES = (0.0, 0.1, 0.3, 0.6)
_COPIES = (1, 1, 2, 2, 3, 4)
_LARGEST_LIMIT = 1000  # LIMITs and OFFSETs beyond it are not filled
_COMMON_LIMIT = 20  # up to here they are filled often, beyond it twice in a hundred instances


class Instances:
    """The instances of a pair (or of one query); the same `queries` and seed give the same rows."""

    def __init__(self, tables: Sequence[TableShape], queries: Sequence[str]) -> None:
        literals = Literals(queries, tables)
        self._tables = tables
        self._pools: dict[tuple[str, str], Pool] = {
            (table.name, column.name): pool_for(column, literals) for table in tables for column in table.columns
        }
        sieve = Sieve(self._pools)
        for table in tables:
            sieve.check(table)
        readings = [Reading(tables, query) for query in dict.fromkeys(queries)]
        self._scenarios = [Scenario(reading, sieve, self._pools) for reading in readings]
        self._plans = Plans(tables, self._pools, literals.names, sieve.allows)
        self._counts = sorted({n + d for reading in readings for n in reading.counts for d in (-1, 0, 1)} - {-1, 0})
        self._limits = sorted(size for size in literals.sizes if size <= _LARGEST_LIMIT)

    def make(self, number: int, seed: int) -> Rows:
        """Instance `number`: 0 is empty, the next ones hold few rows, the others are drawn."""
        state = np.random.SeedSequence([seed, number]).generate_state(2)
        rng = random.Random(int(state[0]) << 32 | int(state[1]))
        draft = Draft(self._plans, rng, self._mood(rng))
        if number == 0:
            return draft.rows
        if number % 3 == 2 and number > 3:
            self._scatter(draft, rng)
        else:
            self._stage(draft, rng, number)
        return draft.rows

    def _mood(self, rng: random.Random) -> Mood:
        return Mood(rng.choice(_LITERAL_SHARES), rng.choice(_NULL_RATES), rng.choice((0.0, 0.25, 0.6)))

    def _scatter(self, draft: Draft, rng: random.Random) -> None:
        """Rows at random, up to a size for each table."""
        beyond = rng.choice(self._limits) + rng.randrange(3) if self._limits else 0
        if beyond > _COMMON_LIMIT or rng.random() < 0.5:
            beyond = 0
        for table in self._tables:
            size = max(beyond, rng.choice(_LARGE_SIZES if rng.random() < 0.15 else _SIZES))
            for _ in range(size):
                draft.add_random(table)

    def _stage(self, draft: Draft, rng: random.Random, number: int) -> None:
        """Copies of one query's scenario, each with its own differences, among a few random rows."""
        scenario = self._scenarios[number % len(self._scenarios)]
        copies = 1 if number <= 3 else self._copies(rng, number)
        crowd = copies > max(_COPIES)  # it must be that many rows in the end
        keep = rng.choice((0.0, 0.3)) if crowd else rng.choice((0.0, 0.5, 0.8, 0.95))
        breaks = 0.0 if crowd or number <= 2 else rng.choice((0.0, 0.3, 0.6))
        sums = self._sums(scenario, rng, copies)
        before: Assignment = {}
        for copy in range(copies):
            breaking = rng.randrange(1000) if rng.random() < breaks else -1
            present, found = scenario.solve(rng, draft.next_number(), breaking, before, keep if copy else 0.0)
            if copy < len(sums):
                cell, share = sums[copy]
                found[cell] = share
            self._put(draft, scenario, present, found)
            before = found
        if number > 3 and rng.random() < 0.4:
            for table in self._tables:
                for _ in range(rng.randrange(3)):
                    draft.add_random(table)

    def _put(self, draft: Draft, scenario: Scenario, present: list[int], found: Assignment) -> None:
        given: dict[int, dict[int, Value]] = {occurrence: {} for occurrence in present}
        for (occurrence, column), value in found.items():
            if occurrence in given:
                given[occurrence][column] = value
        places = {table.name: i for i, table in enumerate(self._tables)}
        occurrences = scenario.reading.occurrences
        for occurrence in sorted(present, key=lambda i: places[occurrences[i].table.name]):
            draft.add(occurrences[occurrence].table, given[occurrence])

    def _copies(self, rng: random.Random, number: int) -> int:
        if self._limits and number % 5 == 4:
            beyond = rng.choice(self._limits)
            if beyond <= _COMMON_LIMIT or number % 50 in (4, 34):
                return beyond * 2 + rng.randrange(1, 4)  # some of them share their rows
        if self._counts and rng.random() < 0.5:
            return rng.choice(self._counts)
        return rng.choice(_COPIES)

    def _sums(self, scenario: Scenario, rng: random.Random, copies: int) -> list[tuple[tuple[int, int], Value]]:
        """Values that add up to what a sum is compared with, or just miss it."""
        if not scenario.reading.sums or rng.random() < 0.5:
            return []
        cell, target = rng.choice(scenario.reading.sums)
        total = target + rng.choice((0, 0, 1, -1))
        whole = scenario.column(cell).kind != "REAL"
        share = int(total) // copies if whole else total / copies
        shares = [share] * (copies - 1)
        return [(cell, value) for value in (*shares, (int(total) if whole else total) - sum(shares))]
