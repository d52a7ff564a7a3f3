"""Two queries, and where they meet: do they agree on an instance, and does the original agree with itself?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from typing import TypeAlias

import apsw

from ..sqlite.connection import set_clock
from ..sqlite.copies import failure
from ..sqlite.script import Refusal, Script
from .arena import Arena
from .compare import Reference, Row, difference
from .coverage import Coverage
from .determined import suspicious
from .instances import Rows
from .instances.constants import OTHER_DAY
from .tiebreak import tie_broken
from .witness import MOST_SHOWN

# How rows are put in order that the rewrite's own ORDER BY leaves open: rising (False), falling (True), or by chance.
Ties: TypeAlias = bool | None

_FAILURES = (apsw.Error, Refusal, UnicodeDecodeError)  # of a query on some rows
SAME_DIRECTION = 8  # instances in a row that are read in the same direction: turning round costs two compilations
_MOST_ROWS = 5000  # of the rewrite's that are compared with an original's other answers


@dataclass(frozen=True, slots=True)
class Sample:
    """An instance with the original's answer on it, kept with a task. `backwards`: read the other way round. `rank`: 0
    for the one that tells the most mistakes, and so on."""

    rows: Rows
    reference: Reference
    backwards: bool
    rank: int = 0


@dataclass(slots=True)
class Case:
    """One instance that tells the two apart."""

    rows: Rows
    difference: str
    backwards: bool
    is_open: bool = False  # the original's own answer is not determined there, but the rewrite's is none of those seen
    ties: Ties = None


class Pair:
    """Two queries and the arenas that they run in."""

    def __init__(self, original: Script, rewrite: Script, plain: Arena, indexed: Arena) -> None:
        self._original, self._rewrite = original, rewrite
        self._plain, self._indexed = plain, indexed
        self._suspicious: bool | None = None  # once it was asked for
        self.most_rows = 0  # that the original returned on an instance
        self.tries = 0  # instances on which the original gave an answer
        self.filled: Counter[str] = Counter()  # on how many instances a table, in lower case, held a row
        self.varies = False  # whether the original gave different answers
        self._answered: Sequence[Row] | None = None  # what it gave first

    def within(self, deadline: float) -> ExitStack:
        stack = ExitStack()
        stack.callback(set_clock, 0.0)
        stack.enter_context(self._plain.within(deadline))
        if self._indexed is not self._plain:
            stack.enter_context(self._indexed.within(deadline))
        return stack

    def prolong(self, seconds: float) -> None:
        self._plain.prolong(seconds)
        self._indexed.prolong(seconds)

    def tried(
        self, rows: Rows, backwards: bool, coverage: Coverage | None = None, ties: Ties = None
    ) -> Case | bool | None:
        """How they differ on these rows; True where they agree, False where the original fails, None where the
        rewrite's answer is one of several that the original gives."""
        self._read(backwards, self._plain, self._indexed)
        with self._plain.holding(rows) as accepted:
            try:
                reference = self._plain.reference(self._original)
            except _FAILURES:
                return False
            self.tries += 1
            self.most_rows = max(self.most_rows, len(reference.rows))
            self.filled.update(name.lower() for name, members in accepted.items() if members)
            self._answered = reference.rows if self._answered is None else self._answered
            self.varies = self.varies or reference.rows != self._answered
            query = self._query(reference, ties)
            found = self._compared(accepted, reference, query)
            if not found:
                if coverage is not None:
                    coverage.observe()
                return True
        given = self._rewritten(accepted, query)
        is_open = False
        for other in self._other_answers(accepted, backwards):
            if difference(reference, other.rows):
                is_open = True
                if not difference(other, given):
                    return None
        return Case(accepted, found, backwards, is_open, ties if query != self._rewrite.query else None)

    def _query(self, reference: Reference, ties: Ties) -> str:
        """What is run for the rewrite: where it must be in order, it may have to show that it asks for one."""
        if ties is None or reference.groups is None or reference.strict:
            return self._rewrite.query
        return tie_broken(self._rewrite.query, self._rewrite.columns, descending=ties) or self._rewrite.query

    def sample(self, rows: Rows, backwards: bool) -> Sample | None:
        """The original's answer on these rows, where it has one."""
        self._read(backwards, self._plain, self._indexed)
        with self._plain.holding(rows) as accepted:
            try:
                reference = self._plain.reference(self._original)
            except _FAILURES:
                return None
        if any(difference(reference, other.rows) for other in self._other_answers(accepted, backwards)):
            return None
        return Sample(accepted, reference, backwards)

    def watch(self, rows: Rows, backwards: bool, *coverages: Callable[[], None]) -> None:
        """Shows these rows to whatever watches them."""
        self._read(backwards, self._plain)
        with self._plain.holding(rows):
            for observe in coverages:
                observe()

    def told_apart(self, sample: Sample, mutants: list[str]) -> frozenset[int]:
        """Which of these queries give another answer than the original's."""
        self._read(sample.backwards, self._plain)
        told = set()
        with self._plain.holding(sample.rows):
            for i, mutant in enumerate(mutants):
                try:
                    if self._plain.difference(sample.reference, mutant):
                        told.add(i)
                except _FAILURES:
                    continue
        return frozenset(told)

    def compared_with(self, sample: Sample) -> Case | None:
        """Where the rewrite differs from a known answer."""
        self._read(sample.backwards, self._indexed)
        with _failing_as_refusal(), self._indexed.holding_known(sample.rows):
            found = self._indexed.difference(sample.reference, self._rewrite.query)
        return Case(sample.rows, found, sample.backwards) if found else None

    def _read(self, backwards: bool, *arenas: Arena) -> None:
        """Forwards on the usual day, backwards on another: what is said of today must hold then too."""
        set_clock(OTHER_DAY if backwards else 0.0)
        for arena in arenas:
            arena.read_backwards(backwards)

    def _compared(self, rows: Rows, reference: Reference, query: str) -> str:
        apart = self._indexed is not self._plain
        with _failing_as_refusal(), self._indexed.holding_known(rows) if apart else nullcontext():
            return self._indexed.difference(reference, query)

    def _rewritten(self, rows: Rows, query: str) -> list[Row]:
        with self._indexed.holding(rows):
            return self._indexed.rows(query, _MOST_ROWS)

    def _other_answers(self, rows: Rows, backwards: bool) -> Iterator[Reference]:
        """The original's answers when SQLite reads the same rows in other orders."""
        self._plain.read_backwards(not backwards)
        yield from self._answer(rows)
        self._plain.read_backwards(backwards)
        if self._suspicious is None:
            self._suspicious = suspicious(self._original.query, self._plain.tables)
        if self._suspicious:
            yield from self._answer({name: members[::-1] for name, members in rows.items()})
            for way in (0, 1):
                yield from self._answer(rows, way)

    def _answer(self, rows: Rows, way: int | None = None) -> Iterator[Reference]:
        with self._plain.holding(rows) as accepted:
            # (A row may refer to one before it in the same table: then they cannot be turned round.)
            if all(len(accepted[name]) == len(members) for name, members in rows.items()):
                if way is not None:
                    self._plain.copy.read_otherwise(self._original.reads, way)
                with suppress(*_FAILURES):
                    yield self._plain.reference(self._original)

    def both(self, case: Case) -> tuple[list[Row], list[Row]]:
        """What each returns there, as far as a witness shows it."""
        self._read(case.backwards, self._plain, self._indexed)
        query = self._rewrite.query
        if case.ties is not None:
            query = tie_broken(query, self._rewrite.columns, descending=case.ties)
        with self._plain.holding(case.rows):
            first = self._plain.rows(self._original.query, MOST_SHOWN + 1)
        with self._indexed.holding(case.rows):
            return first, self._indexed.rows(query, MOST_SHOWN + 1)


def is_backwards(number: int) -> bool:
    """Whether the instance of this number is read the other way round."""
    return number // SAME_DIRECTION % 2 == 1


@contextmanager
def _failing_as_refusal() -> Iterator[None]:
    """What a rewrite fails with ends its trial."""
    try:
        yield
    except UnicodeDecodeError:
        raise Refusal("invalid", "the rewrite returns text that is not UTF-8") from None
    except Refusal as refusal:
        raise Refusal(refusal.outcome, f"on a small database, {refusal.reason}") from None
    except apsw.Error as error:
        raise failure(error) from None
