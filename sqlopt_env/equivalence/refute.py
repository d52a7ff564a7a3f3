"""Looks for a small database on which a rewrite differs from the original."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from ..sqlite.copies import Copy
from ..sqlite.script import Refusal, Script
from ..sqlite.words import outermost
from .arena import Arena, OutOfTime
from .compare import Reference
from .coverage import Coverage
from .distil import distilled
from .doubts import Doubts
from .instances import Instances, Rows
from .instances.novelty import novel_comparisons, novel_values
from .mistakes import mistakes
from .pair import SAME_DIRECTION, Case, Pair, Sample, Ties, is_backwards
from .planted import Planted
from .proof import prove
from .smaller_offsets import with_smaller_offsets
from .smallest import made_small
from .undecided import Blind, Deciding
from .witness import Witness

_OBSERVED = 24  # instances on which the coverage is measured, and then on some: most branches are reached at once
_CANDIDATES = 4  # of so many instances, one is kept with a task
_MOST_MISTAKES = 40
_INDEX_SETS_KEPT = 32
_DECIDING_SECONDS, _MOST_DECIDING = 0.5, 200  # looking for instances that decide the original's conditions
_OFTEN_ENOUGH = 0.05  # of the instances, on which a table is to hold a row
_NO_ROW = "both queries returned no row"
_NO_OTHER_ANSWER = "the original gave no other answer than to empty tables"
_SMALL = 40  # rows: what is watched is slow, so small instances come first


@dataclass(frozen=True, slots=True)
class Search:
    """What a search found: on how many instances both agreed, and where they differ, if they do."""

    agreed: int
    difference: str = ""
    witness: Witness | None = None
    undetermined: int = 0  # instances that did not count: there the original contradicts itself
    finished: bool = True  # all instances were tried
    coverage: tuple[int, int] | None = None  # branches reached, and all of them
    most_rows: int = 0  # that the original returned
    never_filled: str = ""  # a table that the queries read, and that never held a row
    never_switched: str = ""  # what was the same on all instances, as a sentence that ends "on any of them"


class Refuter:
    """Compares pairs on instances. `copy` has the schema and no rows; it is closed with the refuter."""

    def __init__(self, copy: Copy) -> None:
        self._plain = Arena(copy)
        self._indexed: OrderedDict[tuple[str, ...], Arena] = OrderedDict()
        self.tables = self._plain.tables
        self._planted = Planted(self.tables, self._plain)
        self._doubts = Doubts(self.tables, self._plain, self._planted)

    def close(self) -> None:
        for arena in (self._plain, *self._indexed.values()):
            arena.copy.close()

    def search(
        self,
        original: Script,
        rewrite: Script,
        count: int,
        seed: int,
        seconds: float,
        *,
        enough: Callable[[int], bool] = lambda agreed: False,
        observe: bool = False,
    ) -> Search:
        """Up to `count` instances, the same for the same seed, with the rewrite's indexes built on them.

        Ends early where the two differ, and where what they agree on is `enough`. `observe` measures the coverage.
        Raises Refusal where the rewrite fails; where `seconds` do not suffice, the search is not `finished`.
        """
        start = time.thread_time()
        pair = self._pair(original, rewrite, seconds)
        queries = (original.query, rewrite.query)
        instances = Instances(self.tables, queries)
        coverage = Coverage(self._plain, queries) if observe else None
        tally = Search(0)
        with pair.within(start + seconds):
            for number in range(count):
                try:
                    observer = coverage if number < _OBSERVED or number % SAME_DIRECTION == 0 else None
                    case = pair.tried(instances.make(number, seed), is_backwards(number), observer, _ties(number))
                    if isinstance(case, Case):
                        found = self._found(pair, case, tally.agreed)
                        if found is not None:
                            return found
                        case = None
                        pair.prolong(start + seconds - time.thread_time())
                except OutOfTime:
                    return replace(tally, finished=False)
                tally = replace(
                    tally, agreed=tally.agreed + (case is True), undetermined=tally.undetermined + (case is None)
                )
                if case is True and enough(tally.agreed):
                    break
        empty = [name for name in self._read(original, rewrite) if not pair.filled[name.lower()]]
        tally = replace(tally, most_rows=pair.most_rows, never_filled=min(empty, default=""))
        if coverage is None:
            return tally
        reached = (coverage.reached, coverage.branches)
        standstill = coverage.never_switched() or self._standstill(original, rewrite, pair)
        if standstill == _NO_ROW and self._agree_on_smaller_offsets(original, rewrite, count, seed, start + seconds):
            standstill = ""
        return replace(tally, coverage=reached, never_switched=standstill)

    def _agree_on_smaller_offsets(
        self, original: Script, rewrite: Script, count: int, seed: int, deadline: float
    ) -> bool:
        """Where an OFFSET leaves no row: do they agree when it is smaller in both?"""
        smaller = with_smaller_offsets(original.query, rewrite.query)
        if smaller is None:
            return False
        first, second = replace(original, query=smaller[0]), replace(rewrite, query=smaller[1])
        with suppress(Refusal):
            found = self.search(first, second, count, seed, deadline - time.thread_time(), observe=True)
            return found.finished and not (found.difference or found.never_switched)
        return False

    def _standstill(self, original: Script, rewrite: Script, pair: Pair) -> str:
        """What no instance changed, so that equal results say nothing; or ""."""
        least = _OFTEN_ENOUGH * pair.tries
        hardly = [name for name in self._read(original, rewrite) if pair.filled[name.lower()] < least]
        if hardly:
            return f"hardly a row of the table {min(hardly)} could be made"
        if pair.varies or not original.reads:
            return ""
        if pair.most_rows:
            return _NO_OTHER_ANSWER
        return "" if all(map(self._is_always_empty, (original.query, rewrite.query))) else _NO_ROW

    def _is_always_empty(self, query: str) -> bool:
        """Whether it says so itself, or that can be proved."""
        said = [word.text.upper() for word in outermost(query)]
        cuts_all = said[-2:] == ["LIMIT", "0"]
        return cuts_all or bool(prove(self.tables, query, f"SELECT * FROM ({query}) WHERE 0"))

    def _read(self, *scripts: Script) -> list[str]:
        """The tables that these read."""
        read = {table.lower() for script in scripts for table, _ in script.reads}
        return [table.name for table in self.tables if table.name.lower() in read]

    def samples(self, original: Script, count: int, seed: int, seconds: float) -> list[Sample]:
        """The samples that `study` finds."""
        return self.study(original, count, seed, seconds)[0]

    def study(self, original: Script, count: int, seed: int, seconds: float) -> tuple[list[Sample], tuple[str, ...]]:
        """Samples, and the original's conditions that none of the instances tried for them decides both ways.

        Up to `count` instances for the original alone: of several times as many, those that tell it from the most
        mistakes in it. Those on which it fails or contradicts itself are left out.
        """
        instances = Instances(self.tables, (original.query,))
        pair = Pair(original, original, self._plain, self._plain)
        mutants = mistakes(original.query, _MOST_MISTAKES)
        found: list[Sample] = []
        told: list[frozenset[int]] = []
        deciding = Deciding(self._plain, original.query)
        with pair.within(time.thread_time() + seconds), suppress(OutOfTime):
            for number in range(_CANDIDATES * count):
                sample = pair.sample(instances.make(number, seed), is_backwards(number))
                if sample is not None:
                    found.append(sample)
            for sample in found:  # only now: looking for other answers turns round, and all mistakes compile again
                told.append(pair.told_apart(sample, mutants))
            pair.prolong(_DECIDING_SECONDS)
            more = (instances.make(number, seed) for number in range(_CANDIDATES * count, _MOST_DECIDING))
            _decide(pair, deciding, found, more)
        sizes = [sum(map(len, sample.rows.values())) for sample in found]
        # Turning round costs two compilations: those that are read in the same direction stand together.
        chosen = [replace(found[i], rank=rank) for rank, i in enumerate(distilled(told, sizes, count))]
        conditions = (*self._never_held(original, found), *deciding.conditions())
        return sorted(chosen, key=lambda sample: sample.backwards), conditions

    def _never_held(self, original: Script, samples: Sequence[Sample]) -> list[str]:
        """That a table has rows, for each that never had any: like a condition that nothing decides. (It is written as
        no query's condition is when it is normalised: no rewrite says it.)"""
        filled = {name for sample in samples for name, rows in sample.rows.items() if rows}
        empty = [name for name in self._read(original) if name not in filled] if samples else []
        return [f"EXISTS (SELECT * FROM {name})" for name in empty]

    def compare(self, original: Script, rewrite: Script, samples: Sequence[Sample], seconds: float) -> Search:
        """Does the rewrite give the same answers on a task's samples? As `search` otherwise."""
        pair = self._pair(original, rewrite, seconds)
        with pair.within(time.thread_time() + seconds):
            for agreed, sample in enumerate(samples):
                try:
                    case = pair.compared_with(sample)
                    found = self._found(pair, case, agreed) if case is not None else None
                    if found is not None:
                        return found
                except OutOfTime:
                    return Search(agreed, finished=False)
        return Search(len(samples))

    def probe(
        self, original: Script, rewrite: Script, samples: Sequence[Sample], count: int, seed: int, seconds: float
    ) -> Search:
        """Does the rewrite give the same answers where what lies around its own literals stands? As `search` otherwise.

        The samples are planted with it; where a literal may be about more than a column, `count` instances are made.
        """
        start = time.thread_time()
        found = Search(0)
        literals = novel_comparisons(original.query, rewrite)
        values = novel_values(self.tables, original.query, rewrite.query) if literals is None else literals
        if values or literals is not None:
            planted = self._planted.samples(original, rewrite, values, samples, seed, seconds)
            if planted is None:
                return Search(0, finished=False)
            found = self.compare(original, rewrite, planted, start + seconds - time.thread_time())
            if literals is not None or found.witness is not None or not found.finished:
                return found
        more = self.search(original, rewrite, count, seed, start + seconds - time.thread_time())
        return replace(more, agreed=found.agreed + more.agreed)

    def doubt(
        self, original: Script, rewrite: Script, samples: Sequence[Sample], blind: Blind, novel: bool, seconds: float
    ) -> str:
        """Why equal results on small databases say too little, or "": see `Doubts.doubt`."""
        return self._doubts.doubt(original, rewrite, samples, blind, novel, seconds)

    def _pair(self, original: Script, rewrite: Script, seconds: float) -> Pair:
        """Raises Refusal where SQLite refuses one of the rewrite's indexes."""
        if not rewrite.indexes:
            return Pair(original, rewrite, self._plain, self._plain)
        key = rewrite.index_key or rewrite.indexes
        if key not in self._indexed:
            self._indexed[key] = self._plain.with_indexes(rewrite.indexes, max(0.1, seconds))
            if len(self._indexed) > _INDEX_SETS_KEPT:
                self._indexed.popitem(last=False)[1].copy.close()
        self._indexed.move_to_end(key)
        return Pair(original, rewrite, self._plain, self._indexed[key])

    def replay(self, original: Script, rewrite: Script, rows: Rows, seconds: float) -> Search:
        """Do they differ on rows that someone else suggests?"""
        pair = self._pair(original, rewrite, seconds)
        with pair.within(time.thread_time() + seconds), suppress(OutOfTime):
            case = pair.tried({table.name: rows.get(table.name, []) for table in self.tables}, backwards=False)
            if isinstance(case, Case):
                return self._found(pair, case, 0) or Search(0)
        return Search(0)

    def _found(self, pair: Pair, case: Case, agreed: int) -> Search | None:
        found = made_small(self.tables, pair, case)
        return Search(agreed, *found) if found is not None else None


def _ties(number: int) -> Ties:
    """Every second pair of directions, falling and rising in turn: an order by luck mostly rises."""
    pair = number // (2 * SAME_DIRECTION)
    return pair % 4 == 1 if pair % 2 == 1 else None


def _decide(pair: Pair, deciding: Deciding, found: Sequence[Sample], more: Iterable[Rows]) -> None:
    """Until all of the original's conditions were true once, and once not, or time is over."""
    small = sorted(found, key=lambda sample: sum(map(len, sample.rows.values())) > _SMALL)
    for observe in (deciding.observe, deciding.observe_eagerly):
        for sample in small:
            if deciding.is_over:
                return
            pair.watch(sample.rows, sample.backwards, observe)
    for rows in more:
        if deciding.is_over:
            return
        pair.watch(rows, False, deciding.observe, deciding.observe_eagerly)


def is_always_the_same(samples: Sequence[Sample], reference: Reference | None) -> bool:
    """Whether the original's answer on all of these is its answer on the real database."""
    return reference is not None and all(sample.reference.rows == reference.rows for sample in samples)
