"""Small databases made for one pair of queries, on which a wrong rewrite shows itself.

Most instances stage a scenario: rows that fulfil the conditions of one of the queries together, copied, shared and
with one condition broken at a time. The others are drawn at random from values near the queries' literals. Rows
repeat each other in part, keys dangle or are shared, NULL stands wherever the schema allows, tables are empty, single
or in groups, and beyond each LIMIT. Nothing here runs a query: what a constraint refuses is left out at loading.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import lru_cache
from typing import TypeAlias

import numpy as np

from ..compare import Value
from ..shape import TableShape
from .checks import checks_by_column
from .draft import Draft, Mood
from .literals import LARGEST_LIMIT, Literals
from .plans import Plans
from .reading import Cell, Reading
from .scenario import Scenario, Sieve
from .staging import Staged
from .values import Pool, pool_for

Rows: TypeAlias = dict[str, list[tuple[Value, ...]]]  # by table name, parents before their children

_SIZES = (0, 1, 2, 3, 4, 6, 10)
_LARGE_SIZES = (12, 20, 30)
_LITERAL_SHARES = (0.0, 0.5, 0.8, 0.97)
_NULL_RATES = (0.0, 0.1, 0.3, 0.6)
_KIN = (0.0, 0.0, 0.5)  # how often a text shares a long beginning with others
_VARIETIES = ((0,), (0,), (1, 2, 5, 0), (1, 1, 2, 3, 0))
_COPIES = (1, 1, 2, 2, 3, 4)
_KEEPS = (0.0, 0.5, 0.8, 0.95)  # how often a copy has the values of the one before it
_GROUPED = 0.4  # how often all copies stand in one group
_COUNTED = 0.6  # the same where groups are counted
_WHOLE_ROWS = 0.75  # how often they share the rows that they are grouped by, not their values alone
_GROUP_KEEPS = (0.0, 0.3, 0.7)
_CROWD_KEEPS = (0.0, 0.3)
_MASS_PLACES = (9, 28)  # of forty instances, those that hold as many rows as a large count asks for
_CHAIN = 14
_SMALL_GROUP = 6
_LARGEST_CROWD = 200  # copies
_COMMON_LIMIT = 20  # up to here they are filled often, beyond it twice in a hundred instances


class Instances:
    """The instances of a pair (or of one query); the same `queries` and seed give the same rows."""

    def __init__(self, tables: Sequence[TableShape], queries: Sequence[str]) -> None:
        literals = Literals(queries, tables)
        self._tables = tables
        self._pools: dict[tuple[str, str], Pool] = {
            (table.name, column.name): pool_for(column, literals) for table in tables for column in table.columns
        }
        sieve, checks = Sieve(self._pools), checks_by_column(tables)
        for table in tables:
            sieve.check(table, checks)
        readings = [Reading(tables, query) for query in dict.fromkeys(queries)]
        self._scenarios = [Scenario(reading, sieve, self._pools) for reading in readings]
        self._plans = Plans(tables, self._pools, literals.names, {table.name: sieve.law(table) for table in tables})
        counts = {n + d for reading in readings for n in reading.counts for d in (-1, 0, 1)} - {-1, 0}
        self._counts = sorted(count for count in counts if count <= _COMMON_LIMIT)
        self._masses = sorted(count for count in counts if _COMMON_LIMIT < count <= LARGEST_LIMIT)
        self._limits = sorted(size for size in literals.sizes if size <= LARGEST_LIMIT)
        self._recursive = any("recursive" in query.lower() for query in queries)

    def make(self, number: int, seed: int) -> Rows:
        """Instance `number`: 0 is empty, the next ones hold few rows, the others are drawn."""
        rng = random.Random(_child_seed(seed, number))
        mass = bool(self._masses) and number % 40 in _MASS_PLACES
        copies = 1 if number <= 3 else self._mass(number) if mass else self._copies(rng, number)
        crowd = copies > max(_COPIES)  # it must be that many rows in the end
        draft = Draft(self._plans, rng, self._mood(rng, crowd))
        if number == 0:
            return draft.rows
        if number % 3 == 2 and number > 3 and not (crowd or mass):
            self._scatter(draft, rng)
        else:
            self._stage(draft, rng, number, copies, crowd, mass)
        if self._recursive and number % 6 == 5:
            self._chain(draft, rng)
        return draft.rows

    def _mood(self, rng: random.Random, crowd: bool) -> Mood:
        repeats, varieties = rng.choice((0.0, 0.25, 0.6)), (0,) if crowd else rng.choice(_VARIETIES)
        fresh_share = rng.choice((0.0, 0.6, 1.0)) if crowd else 0.0
        literals, nulls, kin = rng.choice(_LITERAL_SHARES), rng.choice(_NULL_RATES), rng.choice(_KIN)
        return Mood(literals, nulls, repeats, fresh_share, kin, varieties)

    def _scatter(self, draft: Draft, rng: random.Random) -> None:
        """Rows at random, up to a size for each table."""
        beyond = rng.choice(self._limits) + rng.randrange(3) if self._limits else 0
        if beyond > _COMMON_LIMIT or rng.random() < 0.5:
            beyond = 0
        for table in self._tables:
            size = max(beyond, rng.choice(_LARGE_SIZES if rng.random() < 0.15 else _SIZES))
            for _ in range(size):
                draft.add_random(table)

    def _stage(self, draft: Draft, rng: random.Random, number: int, copies: int, crowd: bool, mass: bool) -> None:
        """Copies of one query's scenario, each with its own differences, among a few random rows; as a `mass`, all
        of them in one group, or but for a few."""
        scenario = self._scenarios[number % len(self._scenarios)]
        keep = rng.choice(_CROWD_KEEPS if crowd else _KEEPS)
        breaks = 0.0 if crowd or number <= 2 else rng.choice((0.0, 0.3, 0.6))
        sums = self._sums(scenario, rng) if number > 3 else []
        if sums:  # one group, and perhaps a row too many
            copies, keep, breaks = len(sums) + rng.randrange(2), 1.0, 0.0
        group: frozenset[Cell] = frozenset()
        small = [count for count in self._counts if count <= _SMALL_GROUP]
        if mass:
            group = scenario.whole_rows(rng.choice(scenario.reading.groups or [frozenset()]))
        elif scenario.reading.groups and not (crowd or sums) and rng.random() < (_COUNTED if small else _GROUPED):
            copies = (
                max(copies, rng.choice([1, *small[-2:], *(size + 1 for size in small[-1:])])) if number > 3 else copies
            )
            group, keep = rng.choice(scenario.reading.groups), rng.choice(_GROUP_KEEPS)
            if rng.random() < _WHOLE_ROWS:
                group = scenario.whole_rows(group)
        staged = Staged(draft, scenario, rng, keep, group)
        run = rng.choice([1, *self._counts]) if crowd and not mass else 1  # so many copies in a row stand in one group
        for copy in range(min(copies * run, max(copies, _LARGEST_CROWD))):
            staged.keep = keep if run == 1 or copy % run == 0 else 0.95
            given = dict(sums[copy : copy + 1])
            breaking = rng.random() < breaks or (sums != [] and not given)
            staged.add(given, rng.randrange(1000) if breaking else -1)
        if number > 3 and rng.random() < 0.4:
            for table in self._tables:
                for _ in range(rng.randrange(3)):
                    draft.add_random(table)

    def _mass(self, number: int) -> int:
        """Each of the sizes that matter in turn."""
        turn = number // 40 * len(_MASS_PLACES) + _MASS_PLACES.index(number % 40)
        return self._masses[turn % len(self._masses)]

    def _chain(self, draft: Draft, rng: random.Random) -> None:
        """Rows that lead from one to the next, longer than most recursions are cut off at."""
        for table in self._tables:
            places = [i for i, column in enumerate(table.columns) if column.kind == "INTEGER"][:4]
            if len(places) >= 2:
                one, other = rng.sample(places, 2)
                start, step = rng.choice((0, 1, 1, 5)), rng.choice((1, 1, -1))
                for link in range(_CHAIN):
                    draft.add(table, {one: start + step * link, other: start + step * (link + 1)})

    def _copies(self, rng: random.Random, number: int) -> int:
        if self._limits and number % 5 == 4:
            beyond = rng.choice(self._limits)
            if beyond <= _COMMON_LIMIT or number % 50 in (4, 34):
                return beyond * 2 + rng.randrange(1, 4)  # some of them share their rows
        if self._counts and rng.random() < 0.5:
            count = rng.choice(self._counts)
            if count <= _SMALL_GROUP or rng.random() < 0.25:
                return count
        return rng.choice(_COPIES)

    def _sums(self, scenario: Scenario, rng: random.Random) -> list[tuple[Cell, Value]]:
        """Values that add up to what a sum is compared with, or just miss it."""
        if not scenario.reading.sums or rng.random() < 0.5:
            return []
        cell, target = rng.choice(scenario.reading.sums)
        total, copies = target + rng.choice((0, 0, 1, -1)), rng.choice((1, 2, 2, 3))
        whole = scenario.column(cell).kind != "REAL"
        share = int(total) // copies if whole else total / copies
        shares = [share] * (copies - 1)
        return [(cell, value) for value in (*shares, (int(total) if whole else total) - sum(shares))]


@lru_cache(maxsize=4096)
def _child_seed(seed: int, number: int) -> int:
    high, low = np.random.SeedSequence([seed, number]).generate_state(2)
    return int(high) << 32 | int(low)
