"""A policy put to the test: what it answers to every task, judged. Nothing is learnt here; scoring.py counts."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any

from sqlopt_env.judge import Judge
from sqlopt_env.reward import is_success
from sqlopt_env.types import Task

from .evaluation_log import EvaluationLog, Judged, Proposed
from .examination import Examination, Examinee
from .policy import Policy
from .scoring import Answer, Batch

Told = Callable[[int], None]


def examine(
    policy: Policy,
    tasks: Sequence[Task],
    judge: Judge,
    log: EvaluationLog,
    examination: Examination,
    told: Told = lambda answers: None,
) -> dict[str, dict[str, Batch]]:
    """The batches of every mode, by mode and then by task id, in the tasks' order.

    Equal texts of a task are judged once. What the log holds is taken from there. The policy thinks about the next
    task while the workers judge the answers to the last ones; about several at a time where it has an attribute
    `concurrency`. `told` hears how many answers have been judged since.

    Raises SqlOptError for a task that is none, and for a policy that fails or proposes what is no proposal.
    """
    examinee = Examinee(policy, judge, examination)
    with _Course(examinee, judge, log, examination, told) as course:
        course.run(tasks)
    return {mode: {task.id: _batch(task, mode, log, examination) for task in tasks} for mode in examination.modes}


class _Course:
    """What is under way: tasks that are thought about, and then texts that are judged. Only its own thread writes."""

    def __init__(
        self, examinee: Examinee, judge: Judge, log: EvaluationLog, examination: Examination, told: Told
    ) -> None:
        self._examinee, self._judge, self._log = examinee, judge, log
        self._examination, self._told = examination, told
        self._thinkers, self._judges = ThreadPoolExecutor(examinee.concurrency), ThreadPoolExecutor(judge.workers)
        self._thinking: dict[Future[dict[str, Proposed]], Task] = {}
        self._judging: dict[Future[Judged], tuple[Task, str, int]] = {}

    def __enter__(self) -> _Course:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        for threads in (self._thinkers, self._judges):
            threads.shutdown(wait=False, cancel_futures=True)
        if error is not None:
            self._judge.close()  # ends what is being judged, so that Ctrl-C does not wait for it
            self._examinee.stop()

    def run(self, tasks: Sequence[Task]) -> None:
        for task in tasks:
            while len(self._thinking) == self._examinee.concurrency:
                self._wait()
            self._begin(task)
        while self._thinking or self._judging:
            self._wait()

    def _wait(self) -> None:
        """For the next of what is under way, and ends all that has come."""
        under_way: list[Future[Any]] = [*self._thinking, *self._judging]
        for future in wait(under_way, return_when=FIRST_COMPLETED).done:
            self._end(future)

    def _begin(self, task: Task) -> None:
        missing = tuple(mode for mode in self._examination.modes if (task.id, mode) not in self._log.proposed)
        if missing:
            self._thinking[self._thinkers.submit(self._examinee.think, task, missing)] = task
        else:
            self._judge_all(task)

    def _end(self, future: Future[Any]) -> None:
        if future in self._thinking:
            task = self._thinking.pop(future)
            for mode, proposed in future.result().items():
                self._log.add_proposed(task.id, mode, proposed)
            self._judge_all(task)
        else:
            task, text, times = self._judging.pop(future)
            self._log.add_judged(task.id, text, future.result())
            self._told(times)

    def _judge_all(self, task: Task) -> None:
        """Of the task's texts, those that the log has not."""
        batches = (self._log.proposed[task.id, mode] for mode in self._examination.modes)
        for text, times in Counter(proposal.text for batch in batches for proposal in batch.proposals).items():
            if self._log.judged(task.id, text):
                self._told(times)
            else:
                future = self._judges.submit(_judged, self._judge, task, text, self._examination.thorough)
                self._judging[future] = task, text, times


def _judged(judge: Judge, task: Task, text: str, thorough: bool) -> Judged:
    start = time.perf_counter()
    evaluation = judge.evaluate(task, text, thorough=thorough)
    return Judged(evaluation, time.perf_counter() - start)


def _batch(task: Task, mode: str, log: EvaluationLog, examination: Examination) -> Batch:
    proposed = log.proposed[task.id, mode]
    answers = tuple(_answers(task, proposed, log, examination.threshold))
    return Batch(answers, proposed.seconds, proposed.dollars)


def _answers(task: Task, proposed: Proposed, log: EvaluationLog, threshold: float) -> Iterator[Answer]:
    for proposal in proposed.proposals:
        judged = log.judged(task.id, proposal.text)
        assert judged is not None
        evaluation = judged.evaluation
        yield Answer(
            evaluation.outcome,
            is_success(evaluation, threshold),
            evaluation.speedup,
            evaluation.effective_speedup,
            judged.seconds,
        )
