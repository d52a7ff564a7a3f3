"""Who writes queries: the protocol of an author, and the one that needs no language model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from sqlopt_env.sqlite.plan import WhatIf
from sqlopt_env.survey import Survey
from sqlopt_env.trees.draft import Draft, parse_draft
from sqlopt_env.trees.schema import read_schema

from ..diversity import Fold, fold_of_tree
from .catalogue import Catalogue
from .dress import dress
from .pen import Pen
from .pessimisers import PESSIMISERS
from .pessimisers.base import Pessimiser
from .shapes import SHAPES
from .shapes.base import Shape

_HOW_MANY = (0.1, 0.45, 0.35, 0.1)  # the chances of 0, 1, 2 and 3 pessimisers
_WAYS = 4  # of making one good query slow, before another one is drawn
# Those that apply to nearly every query would crowd out the others: of two that apply, such a one is tried later.
_COMMON = {"table_materialised": 0.1, "filter_by_key": 0.1, "text_through_concat": 0.3, "between_negated": 0.3}


@dataclass(frozen=True, slots=True)
class Candidate:
    """A query that wants to become a task. `good` should return the same rows faster; indexes are added to it.

    `pessimisers` are what made it slow. `proved` says that `good` is the same query by construction; what is only
    claimed is judged like any rewrite, and "" claims nothing.
    """

    query: str
    good: str
    shape: str = ""
    pessimisers: tuple[str, ...] = ()
    description: str = ""
    proved: bool = False


class Author(Protocol):
    """Writes queries over one database. `rng` is the only source of chance, so that a seed repeats the queries."""

    def write(self, shape: str, rng: np.random.Generator) -> Candidate | None:
        """A query of a shape, or None where this draw led to none. Any other name of a shape is the author's own."""
        ...

    @property
    def shapes(self) -> Sequence[str]:
        """The shapes that can be asked for, in the order in which they take turns."""
        ...


@runtime_checkable
class BatchAuthor(Protocol):
    """Writes several queries at one request, as a language model does: its requests are what is dear."""

    @property
    def shapes(self) -> Sequence[str]: ...

    @property
    def several(self) -> int:
        """How many queries a request is for."""
        ...

    @property
    def requests_at_once(self) -> int:
        """How many requests may be made at the same time."""
        ...

    def write_several(self, shape: str, rng: np.random.Generator) -> Sequence[Candidate]:
        """Queries of a shape, `several` or fewer; called by many threads."""
        ...


class GrammarAuthor:
    """Writes a good query of a shape, and makes it slow with up to three pessimisers, in other ways until its tree
    shape is of the fold."""

    def __init__(
        self,
        survey: Survey,
        fold: Fold,
        shapes: Sequence[Shape] = SHAPES,
        pessimisers: Sequence[Pessimiser] = PESSIMISERS,
    ) -> None:
        self._catalogue = Catalogue(survey)
        self._schema = read_schema(survey.schema, WhatIf(survey.schema).connection)
        self._fold = fold
        self._shapes = {shape.NAME: shape for shape in shapes}
        self._pessimisers = tuple(pessimisers)
        self._weights = np.array([_COMMON.get(pessimiser.NAME, 1.0) for pessimiser in self._pessimisers])

    @property
    def shapes(self) -> Sequence[str]:
        return tuple(self._shapes)

    def write(self, shape: str, rng: np.random.Generator) -> Candidate | None:
        sketch = self._shapes[shape].draw(Pen(self._catalogue, rng))
        good = parse_draft(sketch.sql, self._schema) if sketch else None
        if sketch is None or good is None:
            return None
        for _ in range(_WAYS):
            slow, names = self._slowed(good, int(rng.choice(len(_HOW_MANY), p=_HOW_MANY)), rng)
            if fold_of_tree(slow.query) == self._fold:
                query = dress(slow)
                return Candidate(query, dress(good) if names else query, shape, names, sketch.description, True)
        return None

    def _slowed(self, draft: Draft, times: int, rng: np.random.Generator) -> tuple[Draft, tuple[str, ...]]:
        """The draft after so many pessimisers, fewer where no more apply, none of them twice."""
        names: list[str] = []
        # The order of exponential draws with these rates: the first is any with a chance in proportion to its weight.
        for number in np.argsort(rng.exponential(size=len(self._weights)) / self._weights):
            if len(names) == times:
                break
            pessimiser = self._pessimisers[number]
            found = list(pessimiser.applications(draft, self._schema))
            if found:
                draft = found[int(rng.integers(len(found)))]
                names.append(pessimiser.NAME)
        return draft, tuple(names)
