"""A slow query that was accepted as a task, with what is known about it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from sqlopt_env.types import Appraisal, SqlOptError, Task

from .author import Candidate

HARDEST = 5
_ALONE = 0.5  # of the best speedup: then the indexes alone are nearly all of it


@dataclass(frozen=True, slots=True)
class SlowQuery:
    """The costs are SQLite's virtual-machine steps: `steps` of the query, `reference_steps` of the best answer that is
    known, `index_steps` of building its indexes. `speedup` is steps / (reference_steps + index_steps / 100).

    `difficulty` is 1 where the indexes alone do nearly all of it, else 1 and the number of pessimisers to be undone, at
    least 2 and at most 5. Figures are the same on every machine; times are not, and are not here.
    """

    task: Task
    shape: str
    pessimisers: tuple[str, ...]
    steps: int
    reference_steps: int
    index_steps: int
    speedup: float
    difficulty: int
    rows: int

    def to_dict(self) -> dict[str, Any]:
        """Flat: the fields of the task beside the others, as `load_tasks` reads them."""
        values = asdict(self)
        return {**values.pop("task"), **values}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> SlowQuery:
        """The inverse of `to_dict`, also after a trip through JSON. Raises SqlOptError for anything else."""
        try:
            values = dict(data)
            task = Task(**{name: values.pop(name) for name in Task.__dataclass_fields__})
            return cls(task, **{**values, "pessimisers": tuple(values["pessimisers"])})
        except (TypeError, KeyError) as error:
            raise SqlOptError(f"this is no generated task: {error}") from None


def slow_query(
    task_id: str, database: str, candidate: Candidate, appraisal: Appraisal, amortize_over: float
) -> SlowQuery:
    """The record of a candidate that was found good."""
    answer = appraisal.answer
    reference, steps, built, alone = "", appraisal.steps, 0, appraisal.steps
    if answer is not None:
        reference, steps, built = answer.script, answer.steps, answer.index_steps
        alone = answer.alone_steps or 10 * appraisal.steps
    effective = steps + built / amortize_over
    needs_rewriting = _ALONE * (alone + built / amortize_over) > effective
    difficulty = min(HARDEST, 1 + max(1, len(candidate.pessimisers))) if needs_rewriting else 1
    task = Task(task_id, database, candidate.query, candidate.description, reference=reference)
    return SlowQuery(
        task=task,
        shape=candidate.shape,
        pessimisers=candidate.pessimisers,
        steps=appraisal.steps,
        reference_steps=steps,
        index_steps=built,
        speedup=round(appraisal.steps / effective, 2),
        difficulty=difficulty,
        rows=appraisal.rows,
    )
