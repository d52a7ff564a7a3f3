"""The examination of many rule policies, task by task: what they share is worked out once.

For one task, most of what a rule policy does is to expand drafts, which do not depend on its weights (the board of
sqlopt_agents/drafting.py), and many policies write the same text. So a process takes a task, asks all policies for
their answers, and judges each text once. What an answer is worth is counted in figures.py.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeAlias

from sqlopt_agents.evaluation_log import EvaluationLog, Judged, Proposed
from sqlopt_agents.examination import GREEDY, SAMPLED, Examination, Examinee
from sqlopt_agents.executors import Failure
from sqlopt_agents.executors.local import LocalExecutor
from sqlopt_agents.rule_policy import RulePolicy

from sqlopt_env import Judge, SqlOptError
from sqlopt_env.reward import is_success
from sqlopt_env.types import Evaluation, Task
from sqlopt_env.version import versions

Key: TypeAlias = tuple[str, int]  # an arm and a seed of chance
METRICS = ("greedy", "sample", "best", "greedy refuted", "sample refuted")
Scores: TypeAlias = dict[str, list[float]]  # of a policy: by metric, a share for each task
Told: TypeAlias = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A policy that is examined. `seed` is that of its samples; equal ones draw the same chance at a task."""

    policy: RulePolicy
    seed: int

    @property
    def name(self) -> str:
        """For the log: another policy or seed has another one."""
        weights = json.dumps([float(weight) for weight in self.policy.weights])
        return f"{hashlib.sha256(weights.encode()).hexdigest()[:16]}-{self.seed}"


@dataclass(frozen=True, slots=True)
class _Order:
    """What is wanted for a task: the answers of some candidates, and evaluations of these texts and of their answers',
    but for those that are known."""

    task: Task
    names: tuple[str, ...]
    texts: tuple[str, ...]
    known: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Found:
    proposed: dict[tuple[str, str], Proposed]  # by candidate and mode
    judged: dict[str, Judged]  # by text


class _Room:
    """Answers orders; it is sent to each process once, which has a judge of its own there."""

    def __init__(self, candidates: Mapping[str, Candidate], samples: int, judge: Judge) -> None:
        self._candidates, self._samples, self._judge = dict(candidates), samples, judge

    def __call__(self, order: _Order) -> _Found:
        proposed: dict[tuple[str, str], Proposed] = {}
        for name in order.names:
            candidate = self._candidates[name]
            examination = Examination(self._samples, greedy=True, seed=candidate.seed)
            answers = Examinee(candidate.policy, self._judge, examination).think(order.task, examination.modes)
            proposed |= {(name, mode): batch for mode, batch in answers.items()}
        texts = dict.fromkeys(order.texts)
        texts |= dict.fromkeys(proposal.text for batch in proposed.values() for proposal in batch.proposals)
        return _Found(proposed, {text: self._judged(order.task, text) for text in texts if text not in order.known})

    def _judged(self, task: Task, text: str) -> Judged:
        start = time.perf_counter()
        return Judged(self._judge.evaluate(task, text), time.perf_counter() - start)


def examine(
    candidates: Mapping[Key, Candidate],
    tasks: Sequence[Task],
    file: Path,
    *,
    samples: int,
    measure: str,
    workers: int,
    told: Told = lambda: None,
) -> dict[Key, Scores]:
    """The scores of every candidate on the tasks, in their order; each gives its best answer and `samples` samples.

    `file` is the log: what it has is neither asked nor judged again. `told` hears of each task that is done. Raises
    SqlOptError for a log of another examination, and for a task that kills the process that works on it.
    """
    with Judge(workers=1, measure=measure) as judge:  # its copies in the processes judge; this one starts none
        settings = {"candidates": samples, "judge": asdict(judge.settings), "versions": versions()}
        room = _Room({candidate.name: candidate for candidate in candidates.values()}, samples, judge)
        names = [candidate.name for candidate in candidates.values()]
        with EvaluationLog(file, settings, resume=file.exists()) as log:
            orders = [_order(task, names, log) for task in tasks]
            open_orders = [order for order in orders if order.names or order.texts]
            for _ in range(len(orders) - len(open_orders)):
                told()
            with LocalExecutor(workers) as executor:
                for order, found in executor.map_unordered(room, open_orders, retries=1):
                    if isinstance(found, Failure):
                        raise found.error or SqlOptError(f"at task {order.task.id}: {found.reason}")
                    _write(order.task, found, log)
                    told()
            return {key: _scores(candidate.name, tasks, log) for key, candidate in candidates.items()}


def _order(task: Task, names: Sequence[str], log: EvaluationLog) -> _Order:
    """Of the task, what the log does not have."""
    logged = [batch for name in names for mode in (GREEDY, SAMPLED) if (batch := _logged(task, name, mode, log))]
    texts = {proposal.text: None for batch in logged for proposal in batch.proposals}
    known = {text for text in texts if log.judged(task.id, text)}
    asked = (name for name in names if not all(_logged(task, name, mode, log) for mode in (GREEDY, SAMPLED)))
    unjudged = tuple(text for text in texts if text not in known)
    return _Order(task, tuple(dict.fromkeys(asked)), unjudged, frozenset(known))


def _logged(task: Task, name: str, mode: str, log: EvaluationLog) -> Proposed | None:
    return log.proposed.get((task.id, f"{name} {mode}"))


def _write(task: Task, found: _Found, log: EvaluationLog) -> None:
    for (name, mode), proposed in found.proposed.items():
        log.add_proposed(task.id, f"{name} {mode}", proposed)
    for text, judged in found.judged.items():
        log.add_judged(task.id, text, judged)


def _scores(name: str, tasks: Sequence[Task], log: EvaluationLog) -> Scores:
    scores: Scores = {metric: [] for metric in METRICS}
    for task in tasks:
        (best,) = _evaluations(task, name, GREEDY, log)
        samples = list(_evaluations(task, name, SAMPLED, log))
        successes = [is_success(evaluation) for evaluation in samples]
        of_task = {
            "greedy": is_success(best),
            "sample": sum(successes) / len(samples),
            "best": any(successes),
            "greedy refuted": best.outcome == "refuted",
            "sample refuted": sum(evaluation.outcome == "refuted" for evaluation in samples) / len(samples),
        }
        for metric, share in of_task.items():
            scores[metric].append(float(share))
    return scores


def _evaluations(task: Task, name: str, mode: str, log: EvaluationLog) -> Iterator[Evaluation]:
    batch = _logged(task, name, mode, log)
    assert batch is not None
    for proposal in batch.proposals:
        judged = log.judged(task.id, proposal.text)
        assert judged is not None
        yield judged.evaluation
