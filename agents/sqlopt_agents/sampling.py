"""What a process does for the E-step: proposes for a task where the policy can be sent there, and judges.

An `Order` is of one task, so that its preparation (the original's rows and times, the small databases) is done once for
all of its candidates; the judge, with the databases and tasks that it has prepared, stays in the process for the next
orders.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from sqlopt_env.judge import Judge
from sqlopt_env.observation import TEXTS, observe
from sqlopt_env.trajectory import Proposal
from sqlopt_env.types import Evaluation, Settings, Task

from .policy import Policy, failures_told, proposals_of

_judges: dict[Settings, Judge] = {}  # of this process; their own workers end with it


@dataclass(frozen=True, slots=True)
class Ask:
    """One call of the policy: for these candidates, after this feedback, with chance from this seed."""

    candidates: tuple[int, ...]
    feedback: str
    seed: tuple[int, ...]
    proposals: tuple[Proposal, ...] = ()  # where they are made already


@dataclass(frozen=True, slots=True)
class Order:
    """What is wanted for a task: the proposals of all asks, and evaluations of one of `parts` of their texts.

    `observation` is what the policy saw, where the proposals are made already. Texts whose digest is in `known` are
    not judged.
    """

    task: Task
    asks: tuple[Ask, ...]
    known: frozenset[bytes] = frozenset()
    part: int = 0
    parts: int = 1
    thorough: bool = False
    observation: dict[str, str] | None = None

    @property
    def candidates(self) -> int:
        return sum(len(ask.candidates) for ask in self.asks)

    def parted(self, parts: int) -> Iterator[Order]:
        """The same in so many orders, at most one for each candidate."""
        parts = min(parts, self.candidates)
        return (replace(self, part=self.part + self.parts * i, parts=self.parts * parts) for i in range(parts))


@dataclass(frozen=True, slots=True)
class Answer:
    """`proposals` by candidate; `evaluations` by text, of the part that was ordered."""

    observation: dict[str, str]
    proposals: dict[int, Proposal]
    evaluations: dict[str, Evaluation]


class Work:
    """Answers orders. Picklable if its policy is; one that is sent to another process has a judge of one worker there.

    `policy` may be left out where all proposals are made; with `judge`, that one is used in this process.
    """

    def __init__(self, settings: Settings, policy: Policy | None, judge: Judge | None = None) -> None:
        self._settings, self._policy, self._judge = settings, policy, judge

    def __getstate__(self) -> dict[str, Any]:
        return {"_settings": self._settings, "_policy": self._policy, "_judge": None}

    def __call__(self, order: Order) -> Answer:
        judge = self._judge or _judge_of_this_process(self._settings)
        if order.observation is None and self._policy is not None:
            order = proposed(order, self._policy, judge)
        proposals = {
            number: proposal
            for ask in order.asks
            for number, proposal in zip(ask.candidates, ask.proposals, strict=True)
        }
        texts = dict.fromkeys(
            proposal.text for proposal in proposals.values() if digest(proposal.text) not in order.known
        )
        evaluations = {
            text: judge.evaluate(order.task, text, thorough=order.thorough)
            for text in list(texts)[order.part :: order.parts]
        }
        return Answer(order.observation or {}, proposals, evaluations)


def proposed(order: Order, policy: Policy, judge: Judge) -> Order:
    """The order with the policy's proposals. Raises SqlOptError for a task that is none, or proposals that are none."""
    brief = judge.prepare(order.task)
    asks = []
    for ask in order.asks:
        observation = observe(brief, ask.feedback)
        rng = np.random.default_rng(np.random.SeedSequence(ask.seed))
        with failures_told(f"at task {order.task.id}"):
            proposals = proposals_of(policy, observation, len(ask.candidates), rng)
        asks.append(replace(ask, proposals=tuple(proposals)))
    seen = observe(brief)
    return replace(order, asks=tuple(asks), observation={name: seen[name] for name in TEXTS})


def digest(text: str) -> bytes:
    """A short name for a text."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _judge_of_this_process(settings: Settings) -> Judge:
    if settings not in _judges:
        _judges[settings] = Judge(workers=1, **asdict(settings))
    return _judges[settings]
