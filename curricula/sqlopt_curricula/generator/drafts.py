"""Which candidate a slot gets at which attempt, from an author who writes one query at a time, or several.

What is drawn depends on the seed, the slot and the attempt alone, so that a run can be resumed at any slot and threads
cannot disturb it. Several queries that come with one request are shared out among neighbouring slots: a slot that takes
its first query has paid for few others.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import Future
from threading import Lock
from typing import Protocol

import numpy as np

from sqlopt_env.types import SqlOptError

from .author import Author, BatchAuthor, Candidate

ATTEMPTS = 40  # at one shape in a slot, before the next one has its turn
REQUESTS = 6  # to an author who writes several queries at once, until a slot stays empty
CHANCES = 2  # queries for each slot in one such request
_KEPT = 1000  # requests whose queries are remembered; far more than slots that run ahead can need


class Drafts(Protocol):
    """`attempts`: how many candidates a slot may look at. `threads`: how many slots should be worked on at once, at
    least, so that the author is not kept waiting.
    """

    attempts: int
    threads: int

    def candidate(self, slot: int, attempt: int) -> Candidate | None:
        """None where this draw led to none. Raises SqlOptError where the author failed."""
        ...


def drafts_of(author: Author | BatchAuthor, entropy: Sequence[int]) -> Drafts:
    """The drafts of an author; `entropy` is what makes them those of one seed and one database."""
    if not author.shapes:
        raise SqlOptError("the author knows no shape")
    return _Batches(author, entropy) if isinstance(author, BatchAuthor) else _Singles(author, entropy)


class _Singles:
    """Every attempt is a draw of its own."""

    threads = 1

    def __init__(self, author: Author, entropy: Sequence[int]) -> None:
        self._author, self._entropy = author, entropy
        self._shapes = tuple(author.shapes)
        self.attempts = ATTEMPTS * len(self._shapes)

    def candidate(self, slot: int, attempt: int) -> Candidate | None:
        shape = self._shapes[(slot + attempt // ATTEMPTS) % len(self._shapes)]
        rng = np.random.default_rng(np.random.SeedSequence([*self._entropy, slot, attempt]))
        try:
            return self._author.write(shape, rng)
        except Exception as error:
            raise _failed(shape, error) from error


class _Batches:
    """`several // CHANCES` neighbouring slots share a request: each of them looks at every so manieth query of it."""

    def __init__(self, author: BatchAuthor, entropy: Sequence[int]) -> None:
        self._author, self._entropy = author, entropy
        self._shapes = tuple(author.shapes)
        self._sharing = max(1, author.several // CHANCES)
        self._each = max(1, author.several // self._sharing)  # queries of a request for each slot
        self.attempts = REQUESTS * self._each
        self.threads = self._sharing * max(1, author.requests_at_once)
        self._lock = Lock()
        self._asked: OrderedDict[tuple[int, int], Future[tuple[Candidate, ...]]] = OrderedDict()

    def candidate(self, slot: int, attempt: int) -> Candidate | None:
        group, place = divmod(slot, self._sharing)
        request, turn = divmod(attempt, self._each)
        written = self._written(group, request)
        position = turn * self._sharing + place
        return written[position] if position < len(written) else None

    def _written(self, group: int, request: int) -> tuple[Candidate, ...]:
        """What the author wrote at this request; slots that come later wait for the one that asked."""
        with self._lock:
            future = self._asked.get((group, request))
            mine = future is None
            if future is None:
                future = self._asked[group, request] = Future()
                if len(self._asked) > _KEPT:
                    self._asked.popitem(last=False)
        if mine:
            shape = self._shapes[(group + request) % len(self._shapes)]
            rng = np.random.default_rng(np.random.SeedSequence([*self._entropy, group, request]))
            try:
                future.set_result(tuple(self._author.write_several(shape, rng)))
            except Exception as error:
                future.set_exception(_failed(shape, error))
            except BaseException as error:  # who waits must not wait for ever
                future.set_exception(error)
        return future.result()


def _failed(shape: str, error: Exception) -> SqlOptError:
    """What an author has said in a sentence stays as it is."""
    if isinstance(error, SqlOptError):
        return error
    return SqlOptError(f"the author failed on the shape {shape!r}: {type(error).__name__}: {error}")
