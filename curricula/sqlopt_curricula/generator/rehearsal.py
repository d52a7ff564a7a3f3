"""A stand-in for the language model of `SlowQueryWriter`, to try the whole way with no key and no cost.

It answers the same prompt in the same form with what the grammar author writes. `examples/serve_queries.py` puts it
behind a server.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sqlopt_env.judge import Judge

from ..diversity import Fold
from .author import Candidate, GrammarAuthor
from .slow_query_prompt import MARK

_FOLDS: tuple[Fold, ...] = ("even", "odd", "heldout")  # a model knows nothing of folds
_ASKED = re.compile(r"^Write (?:(\d+) queries|one query)", re.MULTILINE)
_TABLE = re.compile(r"^Table (.*): [\d,]+ rows$", re.MULTILINE)
_DRAWS = 40  # for each query that is asked for


class Rehearsal:
    """Answers prompts about these databases. May be shared by threads."""

    def __init__(self, judge: Judge, databases: Sequence[str]) -> None:
        surveys = [judge.survey(database) for database in databases]
        self._authors = [
            (frozenset(table.name for table in survey.tables), [GrammarAuthor(survey, fold) for fold in _FOLDS])
            for survey in surveys
        ]

    def answer(self, messages: Sequence[Mapping[str, str]], seed: int | Sequence[int] | None) -> str | None:
        """The text of an answer; None where the prompt is not that of slow queries, or about another database.

        Equal seeds give equal answers.
        """
        system, user = messages[0]["content"], messages[-1]["content"]
        asked = _ASKED.search(user)
        named = frozenset(_TABLE.findall(user))
        authors = next((authors for tables, authors in self._authors if named and named <= tables), None)
        if MARK not in system or asked is None or authors is None:
            return None
        rng = np.random.default_rng(seed)
        return json.dumps({"queries": _written(authors, int(asked[1] or 1), rng)}, ensure_ascii=False)


def _written(authors: Sequence[GrammarAuthor], count: int, rng: np.random.Generator) -> list[dict[str, Any]]:
    found: list[Candidate] = []
    for _ in range(_DRAWS * count):
        author = authors[int(rng.integers(len(authors)))]
        candidate = author.write(author.shapes[int(rng.integers(len(author.shapes)))], rng)
        if candidate is not None:
            found.append(candidate)
        if len(found) == count:
            break
    return [{"question": each.description, "query": each.query, "better": each.good} for each in found]
