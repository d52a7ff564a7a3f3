"""Looks for a small database on which a rewrite differs from the original, and makes it smaller."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, nullcontext, suppress
from dataclasses import dataclass, replace

import apsw

from ..sqlite.copies import Copy, failure
from ..sqlite.script import Refusal, Script
from .arena import Arena, OutOfTime
from .compare import Reference, Row
from .coverage import Coverage
from .determined import suspicious
from .distil import distilled
from .instances import Instances, Rows
from .mistakes import mistakes
from .shrink import smaller
from .witness import MOST_SHOWN, Witness, witness_of

_OBSERVED = 24  # instances on which the coverage is measured, and then on some: most branches are reached at once
_CANDIDATES = 4  # of so many instances, one is kept with a task
_MOST_MISTAKES = 40
_SHRINK_SECONDS = 0.5
_SAME_DIRECTION = 8  # instances in a row that are read in the same direction: turning round costs two compilations


@dataclass(frozen=True, slots=True)
class Search:
    """What a search found: on how many instances both agreed, and where they differ, if they do."""

    agreed: int
    difference: str = ""
    witness: Witness | None = None
    undetermined: int = 0  # instances that did not count: there the original contradicts itself
    finished: bool = True  # all instances were tried
    coverage: tuple[int, int] | None = None  # branches reached, and all of them
    never_switched: str = ""  # a condition on the whole database that only the rewrite has and that never changed


@dataclass(frozen=True, slots=True)
class Sample:
    """An instance with the original's answer on it, kept with a task. `backwards`: read the other way round."""

    rows: Rows
    reference: Reference
    backwards: bool


@dataclass(slots=True)
class _Case:
    """One instance that tells the two apart."""

    rows: Rows
    difference: str
    backwards: bool


class Refuter:
    """Compares pairs on instances. `copy` and `indexed` have the schema and no rows, and are left so.

    Originals run on `copy`; rewrites that bring indexes run on `indexed`.
    """

    def __init__(self, copy: Copy, indexed: Copy | None = None) -> None:
        self._plain = Arena(copy)
        self._indexed = Arena(indexed) if indexed is not None else self._plain
        self.tables = self._plain.tables

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
        pair = _Pair(original, rewrite, self._plain, self._indexed if rewrite.indexes else self._plain)
        queries = (original.query, rewrite.query)
        instances = Instances(self.tables, queries)
        coverage = Coverage(self._plain, queries) if observe else None
        tally = Search(0)
        with pair.within(start + seconds):
            for number in range(count):
                try:
                    observer = coverage if number < _OBSERVED or number % _SAME_DIRECTION == 0 else None
                    case = pair.tried(instances.make(number, seed), _is_backwards(number), observer)
                    if isinstance(case, _Case):
                        return self._found(pair, case, tally.agreed)
                except OutOfTime:
                    return replace(tally, finished=False)
                tally = replace(
                    tally, agreed=tally.agreed + (case is True), undetermined=tally.undetermined + (case is None)
                )
                if case is True and enough(tally.agreed):
                    break
        if coverage is None:
            return tally
        reached = (coverage.reached, coverage.branches)
        return replace(tally, coverage=reached, never_switched=coverage.never_switched())

    def samples(self, original: Script, count: int, seed: int, seconds: float) -> list[Sample]:
        """Up to `count` instances for the original alone: of several times as many, those that tell it from the most
        mistakes in it. Those on which it fails or contradicts itself are left out.
        """
        instances = Instances(self.tables, (original.query,))
        pair = _Pair(original, original, self._plain, self._plain)
        mutants = mistakes(original.query, _MOST_MISTAKES)
        found, told = [], []
        with pair.within(time.thread_time() + seconds), suppress(OutOfTime):
            for number in range(_CANDIDATES * count):
                sample = pair.sample(instances.make(number, seed), _is_backwards(number))
                if sample is not None:
                    found.append(sample)
                    told.append(pair.told_apart(sample, mutants))
        return [found[i] for i in distilled(told, count)]

    def compare(self, original: Script, rewrite: Script, samples: Sequence[Sample], seconds: float) -> Search:
        """Does the rewrite give the same answers on a task's samples? As `search` otherwise."""
        pair = _Pair(original, rewrite, self._plain, self._indexed if rewrite.indexes else self._plain)
        with pair.within(time.thread_time() + seconds):
            for agreed, sample in enumerate(samples):
                try:
                    case = pair.compared_with(sample)
                    if case is not None:
                        return self._found(pair, case, agreed)
                except OutOfTime:
                    return Search(agreed, finished=False)
        return Search(len(samples))

    def replay(self, original: Script, rewrite: Script, rows: Rows, seconds: float) -> Search:
        """Do they differ on rows that someone else suggests?"""
        pair = _Pair(original, rewrite, self._plain, self._indexed if rewrite.indexes else self._plain)
        with pair.within(time.thread_time() + seconds), suppress(OutOfTime):
            case = pair.tried({table.name: rows.get(table.name, []) for table in self.tables}, backwards=False)
            if isinstance(case, _Case):
                return self._found(pair, case, 0)
        return Search(0)

    def _found(self, pair: _Pair, case: _Case, agreed: int) -> Search:
        """The case made small, as a witness."""

        def differs(rows: Rows, backwards: bool) -> _Case | None:
            tried = pair.tried(rows, backwards)
            return tried if isinstance(tried, _Case) else None

        pair.prolong(_SHRINK_SECONDS)
        with suppress(OutOfTime):
            case = _forwards(case, differs)
            small = smaller(self.tables, case.rows, lambda rows: _kept(differs(rows, case.backwards)))
            case = differs(small, case.backwards) or case
        pair.prolong(_SHRINK_SECONDS)
        first, second = pair.both(case.rows, case.backwards)
        witness = witness_of(self.tables, case.rows, first, second, case.backwards)
        return Search(agreed, case.difference, witness)


def _is_backwards(number: int) -> bool:
    return number // _SAME_DIRECTION % 2 == 1


def _kept(case: _Case | None) -> Rows | None:
    return case.rows if case is not None else None


def _forwards(case: _Case, differs: Callable[[Rows, bool], _Case | None]) -> _Case:
    """The same difference where rows are read as usual, if it shows itself there: it is easier to repeat."""
    if not case.backwards:
        return case
    turned = {name: rows[::-1] for name, rows in case.rows.items()}
    return differs(case.rows, False) or differs(turned, False) or case


class _Pair:
    """Two queries and the arenas that they run in."""

    def __init__(self, original: Script, rewrite: Script, plain: Arena, indexed: Arena) -> None:
        self._original, self._rewrite = original, rewrite
        self._plain, self._indexed = plain, indexed

    def within(self, deadline: float) -> ExitStack:
        stack = ExitStack()
        stack.enter_context(self._plain.within(deadline))
        if self._indexed is not self._plain:
            stack.enter_context(self._indexed.within(deadline, self._rewrite.indexes))
        return stack

    def prolong(self, seconds: float) -> None:
        self._plain.prolong(seconds)
        self._indexed.prolong(seconds)

    def tried(self, rows: Rows, backwards: bool, coverage: Coverage | None = None) -> _Case | bool | None:
        """How they differ on these rows; True where they agree, False where the original fails, None where it
        contradicts itself."""
        self._read(backwards)
        with self._plain.holding(rows) as accepted:
            try:
                reference = self._plain.reference(self._original)
            except (apsw.Error, Refusal, UnicodeDecodeError):
                return False
            found = self._compared(accepted, reference)
            if not found:
                if coverage is not None:
                    coverage.observe()
                return True
            if not self._agrees_with_itself(reference, backwards):
                return None
        return _Case(accepted, found, backwards) if self._is_determined(accepted, reference) else None

    def sample(self, rows: Rows, backwards: bool) -> Sample | None:
        """The original's answer on these rows, where it has one."""
        self._read(backwards)
        with self._plain.holding(rows) as accepted:
            try:
                reference = self._plain.reference(self._original)
                if not self._agrees_with_itself(reference, backwards):
                    return None
            except (apsw.Error, Refusal, UnicodeDecodeError):
                return None
        return Sample(accepted, reference, backwards) if self._is_determined(accepted, reference) else None

    def told_apart(self, sample: Sample, mutants: list[str]) -> frozenset[int]:
        """Which of these queries give another answer than the original's."""
        self._read(sample.backwards)
        told = set()
        with self._plain.holding(sample.rows):
            for i, mutant in enumerate(mutants):
                try:
                    if self._plain.difference(sample.reference, mutant):
                        told.add(i)
                except (apsw.Error, Refusal, UnicodeDecodeError):
                    continue
        return frozenset(told)

    def compared_with(self, sample: Sample) -> _Case | None:
        """Where the rewrite differs from a known answer."""
        self._read(sample.backwards)
        if self._indexed is not self._plain:
            found = self._compared(sample.rows, sample.reference)
        else:
            with self._plain.holding(sample.rows):
                found = self._compared(sample.rows, sample.reference)
        return _Case(sample.rows, found, sample.backwards) if found else None

    def _read(self, backwards: bool) -> None:
        self._plain.read_backwards(backwards)
        self._indexed.read_backwards(backwards)

    def _compared(self, rows: Rows, reference: Reference) -> str:
        try:
            with self._indexed.holding(rows) if self._indexed is not self._plain else nullcontext(rows) as held:
                if held != rows and self._indexed.refusal is not None:
                    raise self._indexed.refusal
                return self._indexed.difference(reference, self._rewrite.query)
        except UnicodeDecodeError:
            raise Refusal("invalid", "the rewrite returns text that is not UTF-8") from None
        except Refusal as refusal:
            reason = refusal.reason
            raise Refusal(refusal.outcome, f"on a small database, {reason}") from None
        except apsw.Error as error:
            raise failure(error) from None

    def _agrees_with_itself(self, reference: Reference, backwards: bool) -> bool:
        """Whether the original gives the same answer when rows are read the other way round."""
        self._plain.read_backwards(not backwards)
        try:
            return not self._plain.difference(reference, self._original.query)
        finally:
            self._plain.read_backwards(backwards)

    def _is_determined(self, rows: Rows, reference: Reference) -> bool:
        """Whether the original gives the same answer when rows were inserted the other way round, or are indexed."""
        if not suspicious(self._original.query, self._plain.tables):
            return True
        turned = {name: members[::-1] for name, members in rows.items()}
        with self._plain.holding(turned) as accepted:
            # (A row may refer to one before it in the same table: then they cannot be turned.)
            if all(len(accepted[name]) == len(members) for name, members in rows.items()) and (
                self._plain.difference(reference, self._original.query)
            ):
                return False
        for way in (0, 1):
            with self._plain.holding(rows):
                self._plain.copy.read_otherwise(self._original.reads, way)
                if self._plain.difference(reference, self._original.query):
                    return False
        return True

    def both(self, rows: Rows, backwards: bool) -> tuple[list[Row], list[Row]]:
        """What each returns on these rows, as far as a witness shows it."""
        self._read(backwards)
        with self._plain.holding(rows):
            first = self._plain.rows(self._original.query, MOST_SHOWN + 1)
        with self._indexed.holding(rows):
            return first, self._indexed.rows(self._rewrite.query, MOST_SHOWN + 1)
