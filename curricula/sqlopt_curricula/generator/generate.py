"""The loop: an author writes, the appraiser accepts what is a good task and new.

Tasks are made slot by slot. A slot asks for one shape, again and again, and for the next shape when that one does not
come; what it draws depends on the seed, the slot and the attempt alone (drafts.py). Slots run side by side and are
closed in their order, so that the same seed gives the same tasks on any number of workers, and a run can be resumed at
any slot.
"""

from __future__ import annotations

import hashlib
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from sqlopt_env.databases import DOMAINS
from sqlopt_env.judge import Judge
from sqlopt_env.survey import Survey
from sqlopt_env.types import Demands, SqlOptError, Task

from ..diversity import Fold, fingerprints, fold_of_seed
from .author import Author, BatchAuthor, Candidate, GrammarAuthor
from .catalogue import FEWEST_ROWS, Catalogue
from .drafts import drafts_of
from .gate import Gate
from .indexing import index_pool
from .slow_query import SlowQuery, slow_query

GIVE_UP = 3  # slots one after the other without a query, after which no more are tried
IMPROVABLE = 2.0  # an effective speedup, by steps
_WANTED = 2.5  # the same, for a query to be accepted: by time it is less at times
_ANY = 16  # one slot of so many takes a query whose best known answer is not so much faster
_AHEAD = 2  # slots for each thread that run beyond the one that is to be closed next


@dataclass(slots=True)
class Slot:
    """What became of a slot: a query or none, and why candidates were refused. Times are kept apart from the query."""

    number: int
    query: SlowQuery | None = None
    refused: Counter[str] = field(default_factory=Counter)
    milliseconds: float | None = None  # that the query took when it was accepted


@dataclass(frozen=True, slots=True)
class _Found:
    """A candidate that a slot would take, and where to go on if it may not."""

    candidate: Candidate
    query: SlowQuery
    milliseconds: float
    attempt: int


class Known:
    """What new queries are held against: one is new where neither its literals nor its names fingerprint stands here,
    and no query to keep away from has its tree shape."""

    def __init__(self, away_from: Iterable[str] = ()) -> None:
        self._literals: set[str] = set()
        self._names: set[str] = set()
        self._shapes = {fingerprints(query).shape for query in away_from}

    def __contains__(self, query: str) -> bool:
        prints = fingerprints(query)
        return prints.literals in self._literals or prints.names in self._names or prints.shape in self._shapes

    def add(self, query: str) -> None:
        prints = fingerprints(query)
        self._literals.add(prints.literals)
        self._names.add(prints.names)


class Generator:
    """Makes slow queries over one database. `judge` must measure steps.

    Queries are of the fold of the seed, unless another one is asked for (see diversity.py), and differ from all that
    are in `known`, to which they are added.
    """

    def __init__(
        self,
        judge: Judge,
        database: str,
        seed: int,
        *,
        fold: Fold | None = None,
        known: Known | None = None,
        demands: Demands | None = None,
        author: Callable[[Survey, Fold], Author | BatchAuthor] = GrammarAuthor,
    ) -> None:
        if judge.settings.measure != "steps":
            raise SqlOptError('slow queries are chosen by steps: make the judge with measure="steps"')
        if type(seed) is not int or seed < 0:
            raise SqlOptError(f"seed must be a whole number of at least 0, not {seed!r}")
        self._judge, self._database, self._seed = judge, database, seed
        self._fold: Fold = fold or fold_of_seed(seed)
        self._known = known or Known()
        survey = judge.survey(database)
        if max((table.rows for table in survey.tables), default=0) < FEWEST_ROWS:
            raise SqlOptError(f"the database {database} has no table of {FEWEST_ROWS:,} rows: no query of it is slow")
        self._gate = Gate(judge, index_pool(Catalogue(survey)), demands or Demands())
        self._stopped = False  # nobody waits for what runs ahead
        self._name = database if database in DOMAINS else Path(database).stem
        entropy = int(hashlib.sha256(self._name.encode()).hexdigest()[:8], 16)
        self._drafts = drafts_of(author(survey, self._fold), (seed, entropy))
        self._threads = max(judge.workers, self._drafts.threads)

    def slots(self, count: int, closed: int = 0) -> Iterator[Slot]:
        """Slots `closed` to `count` - 1, in their order, fewer where the database yields nothing any more.

        What earlier ones accepted must be known.
        """
        empty, self._stopped = 0, False
        with ThreadPoolExecutor(self._threads) as threads:
            pending: deque[tuple[Slot, Future[_Found | None]]] = deque()
            numbers = iter(range(closed, count))
            try:
                while empty < GIVE_UP:
                    for number in islice(numbers, 1 + _AHEAD * self._threads - len(pending)):
                        slot = Slot(number)
                        pending.append((slot, threads.submit(self._search, slot, 0)))
                    if not pending:
                        return
                    slot = self._close(*pending.popleft())
                    empty = 0 if slot.query else empty + 1
                    yield slot
            finally:
                self._stopped = True
                for _, future in pending:
                    future.cancel()

    def _close(self, slot: Slot, future: Future[_Found | None]) -> Slot:
        """The slot with its query, which must be new beside those of all slots before it."""
        found = future.result()
        while found is not None and found.query.task.query in self._known:
            slot.refused["not new"] += 1
            found = self._search(slot, found.attempt + 1)
        if found is not None:
            self._known.add(found.query.task.query)
            slot.query, slot.milliseconds = found.query, found.milliseconds
        return slot

    def _search(self, slot: Slot, attempt: int) -> _Found | None:
        """The first candidate from this attempt on that is a good task."""
        for number in range(attempt, self._drafts.attempts):
            if self._stopped:
                return None
            candidate = self._drafts.candidate(slot.number, number)
            if candidate is None:
                continue
            refusal, found = self._looked_at(candidate, slot.number, number)
            if found is not None:
                return found
            slot.refused[refusal] += 1
        return None

    def _looked_at(self, candidate: Candidate, slot: int, attempt: int) -> tuple[str, _Found | None]:
        """Why the candidate is refused, or what it becomes."""
        if fingerprints(candidate.query).fold != self._fold:
            return "other fold", None
        if candidate.query in self._known:
            return "not new", None
        name = f"{self._name}-{self._seed}-{slot:04d}"
        task = Task(name, self._database, candidate.query)
        appraisal = self._gate.appraised(task, candidate)
        if appraisal.unfit:
            return appraisal.unfit, None
        query = slow_query(name, self._database, candidate, appraisal, self._judge.settings.amortize_over)
        if query.speedup < _WANTED and slot % _ANY:
            return "not improvable", None
        return "", _Found(candidate, query, appraisal.milliseconds, attempt)
