"""What a candidate has to show before it becomes a task.

A good form that follows from the query by construction is only compared on the real database. One that somebody merely
claims, as a language model does, is held to what the judge holds a rewrite to; where it does not stand, the query may
still show by itself, with indexes, that it can be improved. And the judge itself must take such a query as a task.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlopt_env.judge import Judge
from sqlopt_env.types import Answer, Appraisal, Demands, SqlOptError, Task

from .author import Candidate

_WORTHWHILE = 1.25  # a claimed answer must be so much faster than the query itself with indexes, to be looked at


class Gate:
    """Appraises candidates; may be used by several threads. `indexes` are those that an answer may have."""

    def __init__(self, judge: Judge, indexes: Sequence[str], demands: Demands) -> None:
        self._judge, self._indexes, self._demands = judge, tuple(indexes), demands

    def appraised(self, task: Task, candidate: Candidate) -> Appraisal:
        """The appraisal with the best answer that is known and stands."""
        if candidate.proved:
            return self._appraise(task, candidate.good)
        own = self._appraise(task, "")
        if own.unfit:
            return own
        try:
            self._judge.prepare(task)
        except SqlOptError as error:
            return replace(own, unfit="undetermined", reason=str(error))
        claimed = candidate.good.strip()
        if not claimed or claimed == task.query:
            return own
        other = self._appraise(task, claimed)
        return other if self._stands(task, own, other) else own

    def _appraise(self, task: Task, good: str) -> Appraisal:
        return self._judge.appraise(task, good, self._indexes, self._demands)

    def _stands(self, task: Task, own: Appraisal, other: Appraisal) -> bool:
        """Whether a claimed answer is faster than the query with indexes, and the judge would pay it."""
        if other.unfit or other.answer is None:
            return False
        if own.answer is not None and _WORTHWHILE * self._cost(other.answer) > self._cost(own.answer):
            return False
        return self._judge.evaluate(task, other.answer.script, thorough=True).outcome == "improved"

    def _cost(self, answer: Answer) -> float:
        return answer.steps + answer.index_steps / self._judge.settings.amortize_over
