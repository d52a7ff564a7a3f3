"""How hard a task is, as a number: by the techniques that it takes, then by what it costs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import isfinite, log10
from typing import TypeAlias

from sqlopt_env.curriculum import Curriculum
from sqlopt_env.judge import Judge
from sqlopt_env.types import Evaluation, SqlOptError, Task

from .generator.slow_query import SlowQuery

_MILLION = 1e6  # a steps judge counts in millions
_ALONE = 0.5  # of the known answer's speedup: then the indexes alone are nearly all of it, as in generator/


@dataclass(frozen=True, slots=True, order=True)
class Grade:
    """`techniques`: 1 where indexes are all that is needed (or nothing better is known), else 1 and the number of ways
    in which the query must be changed. `cost`: log10 of the steps that SQLite's virtual machine takes for it.

    Grades are ordered by techniques, then by cost.
    """

    techniques: int
    cost: float

    def __post_init__(self) -> None:
        if type(self.techniques) is not int or self.techniques < 0:
            raise SqlOptError(f"techniques must be a whole number of at least 0, not {self.techniques!r}")
        if type(self.cost) not in (int, float) or not isfinite(self.cost):
            raise SqlOptError(f"cost must be a finite number, not {self.cost!r}")


Grader: TypeAlias = Callable[[Task], Grade] | Mapping[str, Grade]


def grade_of(query: SlowQuery) -> Grade:
    """The grade of a generated query, from what its generator noted."""
    return Grade(query.difficulty, log10(max(1, query.steps)))


def graded(tasks: Iterable[Task], judge: Judge) -> dict[str, Grade]:
    """The grades of tasks by id, from their known answers, as judged: 1 technique where the answer's indexes with the
    query as it was do at least half of what the answer does, else 2. A task without a good answer is graded as 1.

    `judge` must count steps, `Judge(measure="steps")`, so that every machine finds the same grades. One task takes two
    or three evaluations. Raises SqlOptError for another judge, and for a query that cannot be a task.
    """
    if judge.settings.measure != "steps":
        raise SqlOptError('grades are counted in steps: give a Judge(measure="steps")')
    return {task.id: _graded(task, judge) for task in tasks}


def grader(grade: Grader | None, source: Curriculum) -> Callable[[Task], Grade]:
    """How a difficulty is told: a function, or a table by id; without either, by the source's own notes.

    Raises SqlOptError where there are none, and, later, for a task that a table lacks or a value that is no grade.
    """
    if grade is None:
        query = getattr(source, "query", None)
        if not callable(query):
            raise SqlOptError(
                "say how tasks are graded: grade=graded(tasks, judge), a function of a task or a table by id; only a"
                " Stage2 knows the grades of its own"
            )
        return lambda task: grade_of(query(task.id))
    if isinstance(grade, Mapping):
        table = dict(grade)
        return lambda task: _checked(task, table.get(task.id))
    if not callable(grade):
        raise SqlOptError(f"grade must be a function of a task or a table by id, not {type(grade).__name__}")
    return lambda task: _checked(task, grade(task))


def _checked(task: Task, grade: object) -> Grade:
    if not isinstance(grade, Grade):
        said = "there is none" if grade is None else f"it is {type(grade).__name__}"
        raise SqlOptError(f"task {task.id!r} needs a Grade, and {said}")
    return grade


def _graded(task: Task, judge: Judge) -> Grade:
    unchanged = judge.evaluate(task, task.query)
    if unchanged.baseline_seconds is None:
        raise SqlOptError(f"task {task.id!r} cannot be graded: {unchanged.reason}")
    cost = log10(max(1.0, unchanged.baseline_seconds * _MILLION))
    if not task.reference:
        return Grade(1, cost)
    answer = judge.evaluate(task, task.reference)
    speedup = _speedup(answer)
    if speedup <= 1.0:
        return Grade(1, cost)
    alone = judge.evaluate(task, "".join(f"{index};\n" for index in answer.rewrite.indexes) + task.query)
    return Grade(1 if _speedup(alone) >= _ALONE * speedup else 2, cost)


def _speedup(evaluation: Evaluation) -> float:
    """1 where nothing was gained, or the answer is wrong."""
    improved = evaluation.outcome == "improved" and evaluation.effective_speedup is not None
    return max(1.0, evaluation.effective_speedup or 1.0) if improved else 1.0
