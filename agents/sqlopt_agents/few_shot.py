"""Which of the kept rewrites a language model is shown as examples, and how: like the task, unlike one another.

Maximal marginal relevance (Carbonell & Goldstein 1998): one after the other, the example e that maximises
`RELEVANCE * sim(task, e) - (1 - RELEVANCE) * max over those chosen of sim(e, s)`. The similarity is Jaccard's, of the
kinds of node in the query's tree and the words of its plan.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any, Self

import sqlglot
from sqlglot.errors import SqlglotError

from sqlopt_env.fingerprint import normal_form
from sqlopt_env.observation import PLAN_WORDS, observation_to_messages
from sqlopt_env.trajectory import Trajectory

RELEVANCE = 0.7
_REMEMBERED = 2**16  # examples of a pool that are read once only
LONGEST = 8_000  # characters of an example's query, plan and answer; longer ones are not shown


@dataclass(frozen=True, slots=True)
class Example:
    """A task as a policy saw it, and a rewrite of it that was kept."""

    schema: str
    query: str
    plan: str
    rewrite: str  # the script that the judge read in the answer
    explanation: str = ""
    optimization_type: str = ""

    @classmethod
    def of(cls, trajectory: Trajectory) -> Self:
        seen, rewrite, proposal = trajectory.observation, trajectory.evaluation.rewrite, trajectory.proposal
        return cls(
            schema=seen["schema"],
            query=seen["query"],
            plan=seen["plan"],
            rewrite=rewrite.script,
            explanation=proposal.explanation or rewrite.explanation,
            optimization_type=proposal.optimization_type or rewrite.optimization_type,
        )

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`; raises TypeError for anything else."""
        made = cls(**data)
        if not all(isinstance(value, str) for value in made.to_dict().values()):
            raise TypeError("an example is made of texts")
        return made

    def to_dict(self) -> dict[str, str]:
        return asdict(self)

    @property
    def length(self) -> int:
        """Characters, without the schema."""
        return len(self.query) + len(self.plan) + len(self.rewrite) + len(self.explanation)

    def messages(self, schema: str) -> list[dict[str, str]]:
        """The example as a question and its answer, before a task on `schema`, which is not told twice."""
        told = "-- the schema of the last task below" if self.schema == schema else self.schema
        asked = {"schema": told, "query": self.query, "plan": self.plan, "feedback": ""}
        answer = {
            "optimized_query": self.rewrite,
            "explanation": self.explanation,
            "optimization_type": self.optimization_type,
        }
        return [
            observation_to_messages(asked)[-1],
            {"role": "assistant", "content": json.dumps(answer, ensure_ascii=False)},
        ]


def chosen(pool: Sequence[Example], observation: Mapping[str, Any], count: int) -> list[Example]:
    """At most `count` examples for the task, the most useful first; one of a query, and none of the task's own.

    Of equally good ones the first in the pool.
    """
    own = _form(observation["query"])
    task = features(observation["query"], observation["plan"])
    left = [example for example in pool if example.length <= LONGEST and _form(example.query) != own]
    taken: list[Example] = []
    while left and len(taken) < count:
        near = [features(example.query, example.plan) for example in taken]
        best = max(left, key=lambda example: _relevance(features(example.query, example.plan), task, near))
        taken.append(best)
        left = [example for example in left if _form(example.query) != _form(best.query)]
    return taken


@lru_cache(maxsize=_REMEMBERED)
def features(query: str, plan: str) -> frozenset[str]:
    """The kinds of node in the query's tree and the words of its plan; these alone where sqlglot cannot read it."""
    words = {name for name, word in PLAN_WORDS.items() if word in plan}
    try:
        kinds = {type(node).__name__ for node in sqlglot.parse_one(query, dialect="sqlite").walk()}
    except (SqlglotError, RecursionError):
        kinds = set()
    return frozenset(kinds | words)


@lru_cache(maxsize=_REMEMBERED)
def _form(query: str) -> str:
    return normal_form(query)


def similarity(one: frozenset[str], other: frozenset[str]) -> float:
    """Jaccard's: what both have in what either has."""
    either = len(one | other)
    return len(one & other) / either if either else 1.0


def _relevance(example: frozenset[str], task: frozenset[str], taken: Sequence[frozenset[str]]) -> float:
    repeated = max((similarity(example, other) for other in taken), default=0.0)
    return RELEVANCE * similarity(task, example) - (1 - RELEVANCE) * repeated
