"""A language model as the author of slow queries, behind any OpenAI-compatible server.

It is not trusted in anything: what it writes goes through the generator's gate, and the better form that it gives
beside each query is an answer only where the judge pays it.
"""

from __future__ import annotations

from collections.abc import Sequence

import apsw
import numpy as np

from sqlopt_env.chat import ChatClient
from sqlopt_env.sqlite.plan import WhatIf
from sqlopt_env.survey import Survey
from sqlopt_env.trees.draft import Draft, parse_draft
from sqlopt_env.trees.schema import read_schema
from sqlopt_env.types import SqlOptError

from ..diversity import Fold, fingerprints, fold_of_tree
from .author import Candidate
from .dress import dress
from .pessimisers import PESSIMISERS
from .pessimisers.base import Pessimiser
from .slow_query_answers import Written, queries_of
from .slow_query_prompt import SCHEMA, THEMES, messages

QUERIES = 8  # of a request
_LARGEST_SEED = 2**31


class SlowQueryWriter:
    """Writes slow queries over one database, `queries` of them a request. An `Author` and a `BatchAuthor`.

    The shapes are the names of THEMES. A query whose tree shape belongs to another fold is made slower by one
    pessimiser that brings it into this one, with what the model wrote as its good form, so that what was paid for is
    not lost; where none does, it is left as it is, for the generator to refuse.

    With the client's request log, equal seeds write equal queries, and nothing is paid twice.
    """

    def __init__(self, survey: Survey, fold: Fold, client: ChatClient, *, queries: int = QUERIES) -> None:
        if type(queries) is not int or not 1 <= queries <= 50:
            raise SqlOptError(f"queries, those of one request, must be a whole number from 1 to 50, not {queries!r}")
        if not survey.tables:
            raise SqlOptError("the database has no table to write queries about")
        self._survey, self._fold, self._client = survey, fold, client
        self._schema = read_schema(survey.schema, WhatIf(survey.schema).connection)
        self.several = queries

    @property
    def shapes(self) -> Sequence[str]:
        return tuple(THEMES)

    @property
    def requests_at_once(self) -> int:
        return self._client.concurrency

    def write(self, shape: str, rng: np.random.Generator) -> Candidate | None:
        """One query of a theme, or None where the answer held none. Raises SqlOptError as the client does."""
        return next(iter(self._asked(shape, 1, rng)), None)

    def write_several(self, shape: str, rng: np.random.Generator) -> Sequence[Candidate]:
        """`several` queries of a theme, fewer where the answer held fewer. Raises SqlOptError as the client does."""
        return self._asked(shape, self.several, rng)

    def _asked(self, theme: str, count: int, rng: np.random.Generator) -> list[Candidate]:
        chat = messages(self._survey, theme, count, rng, apsw.sqlite_lib_version())
        seed = int(rng.integers(_LARGEST_SEED))
        (answer,) = self._client.ask(chat, schema=SCHEMA, seed=seed)
        return [self._candidate(theme, written, rng) for written in queries_of(answer)[:count]]

    def _candidate(self, theme: str, written: Written, rng: np.random.Generator) -> Candidate:
        if fingerprints(written.query).fold != self._fold:
            moved = self._moved(theme, written, rng)
            if moved is not None:
                return moved
        return Candidate(written.query, written.better, theme, description=written.question)

    def _moved(self, theme: str, written: Written, rng: np.random.Generator) -> Candidate | None:
        """The query after one pessimiser that brings it into the fold."""
        draft = parse_draft(written.query, self._schema)
        if draft is None:
            return None
        for number in rng.permutation(len(PESSIMISERS)):
            for slower in self._slowed(draft, PESSIMISERS[number]):
                if fold_of_tree(slower.query) == self._fold and fingerprints(query := dress(slower)).fold == self._fold:
                    good = written.better or written.query
                    return Candidate(query, good, theme, (PESSIMISERS[number].NAME,), written.question)
        return None

    def _slowed(self, draft: Draft, pessimiser: Pessimiser) -> list[Draft]:
        """What the pessimiser makes of it; nothing where it fails: it was made for queries of the grammar, and one odd
        query must not end a run that was paid for."""
        try:
            return list(pessimiser.applications(draft, self._schema))
        except Exception:
            return []
