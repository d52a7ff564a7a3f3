"""Two queries, and where they meet: do they agree on an instance, and does the original agree with itself?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, nullcontext, suppress
from dataclasses import dataclass

import apsw

from ..sqlite.connection import set_clock
from ..sqlite.copies import failure
from ..sqlite.script import Refusal, Script
from .arena import Arena
from .compare import Reference, Row, difference
from .coverage import Coverage
from .determined import suspicious
from .instances import Rows
from .witness import MOST_SHOWN

_FAILURES = (apsw.Error, Refusal, UnicodeDecodeError)  # of a query on some rows
_OTHER_DAY = 200.37  # days from the usual one
_MOST_ROWS = 5000  # of the rewrite's that are compared with an original's other answers


@dataclass(frozen=True, slots=True)
class Sample:
    """An instance with the original's answer on it, kept with a task. `backwards`: read the other way round."""

    rows: Rows
    reference: Reference
    backwards: bool


@dataclass(slots=True)
class Case:
    """One instance that tells the two apart."""

    rows: Rows
    difference: str
    backwards: bool
    is_open: bool = False  # the original's own answer is not determined there, but the rewrite's is none of those seen


class Pair:
    """Two queries and the arenas that they run in."""

    def __init__(self, original: Script, rewrite: Script, plain: Arena, indexed: Arena) -> None:
        self._original, self._rewrite = original, rewrite
        self._plain, self._indexed = plain, indexed
        self.most_rows = 0  # that the original returned on an instance
        self.filled: set[str] = set()  # tables, in lower case, that held a row on an instance

    def within(self, deadline: float) -> ExitStack:
        stack = ExitStack()
        stack.callback(set_clock, 0.0)
        stack.enter_context(self._plain.within(deadline))
        if self._indexed is not self._plain:
            stack.enter_context(self._indexed.within(deadline, self._rewrite.indexes))
        return stack

    def prolong(self, seconds: float) -> None:
        self._plain.prolong(seconds)
        self._indexed.prolong(seconds)

    def tried(self, rows: Rows, backwards: bool, coverage: Coverage | None = None) -> Case | bool | None:
        """How they differ on these rows; True where they agree, False where the original fails, None where the
        rewrite's answer is one of several that the original gives."""
        self._read(backwards)
        with self._plain.holding(rows) as accepted:
            try:
                reference = self._plain.reference(self._original)
            except _FAILURES:
                return False
            self.most_rows = max(self.most_rows, len(reference.rows))
            self.filled.update(name.lower() for name, members in accepted.items() if members)
            found = self._compared(accepted, reference)
            if not found:
                if coverage is not None:
                    coverage.observe()
                return True
        given = self._rewritten(accepted)
        is_open = False
        for other in self._other_answers(accepted, backwards):
            if difference(reference, other.rows):
                is_open = True
                if not difference(other, given):
                    return None
        return Case(accepted, found, backwards, is_open)

    def sample(self, rows: Rows, backwards: bool) -> Sample | None:
        """The original's answer on these rows, where it has one."""
        self._read(backwards)
        with self._plain.holding(rows) as accepted:
            try:
                reference = self._plain.reference(self._original)
            except _FAILURES:
                return None
        if any(difference(reference, other.rows) for other in self._other_answers(accepted, backwards)):
            return None
        return Sample(accepted, reference, backwards)

    def told_apart(self, sample: Sample, mutants: list[str]) -> frozenset[int]:
        """Which of these queries give another answer than the original's."""
        self._read(sample.backwards)
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
        self._read(sample.backwards)
        if self._indexed is not self._plain:
            found = self._compared(sample.rows, sample.reference)
        else:
            with self._plain.holding(sample.rows):
                found = self._compared(sample.rows, sample.reference)
        return Case(sample.rows, found, sample.backwards) if found else None

    def _read(self, backwards: bool) -> None:
        """Forwards on the usual day, backwards on another: what is said of today must hold then too."""
        set_clock(_OTHER_DAY if backwards else 0.0)
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

    def _rewritten(self, rows: Rows) -> list[Row]:
        with self._indexed.holding(rows):
            return self._indexed.rows(self._rewrite.query, _MOST_ROWS)

    def _other_answers(self, rows: Rows, backwards: bool) -> Iterator[Reference]:
        """The original's answers when SQLite reads the same rows in other orders."""
        self._plain.read_backwards(not backwards)
        yield from self._answer(rows)
        self._plain.read_backwards(backwards)
        if suspicious(self._original.query, self._plain.tables):
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

    def both(self, rows: Rows, backwards: bool) -> tuple[list[Row], list[Row]]:
        """What each returns on these rows, as far as a witness shows it."""
        self._read(backwards)
        with self._plain.holding(rows):
            first = self._plain.rows(self._original.query, MOST_SHOWN + 1)
        with self._indexed.holding(rows):
            return first, self._indexed.rows(self._rewrite.query, MOST_SHOWN + 1)
