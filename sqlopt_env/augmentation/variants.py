"""A variant of an example of training data: renamed, compared with the original by its rows, and judged anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..action import parse_action
from ..databases import DOMAINS, HELD_OUT, renaming_of
from ..databases.renamed import SEPARATOR, split_name
from ..judge import Judge
from ..observation import observe
from ..reward import SUCCESS, LogReward, is_success
from ..types import Evaluation, SqlOptError, Task
from .prose import renamed_prose
from .rows import RowCheck
from .script import renamed_script

Example = dict[str, Any]

# Why there is no variant.
MALFORMED, RENAMED, OWN, HELD = "malformed", "renamed already", "own database", "held out"
NAMES, ROWS, NO_TASK, SLOW, TWIN = "names", "other rows", "no task", "too slow", "twin"
WHY = {
    MALFORMED: "not an example: an object with the texts id, database, slow_query and fast_query",
    RENAMED: "on a renamed database already",
    OWN: "on a database of one's own: only built-in databases can be renamed",
    HELD: "on a held-out database: nothing is trained on it",
    NAMES: "cannot be renamed with certainty",
    ROWS: "the renamed query was not shown to return the original's rows",
    NO_TASK: "the judge cannot take the renamed query as a task",
    SLOW: f"equal, but not {SUCCESS:g} times as fast in both measurements",
    TWIN: "the same as another example",
}

_TEXTS = ("id", "database", "slow_query", "fast_query")


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Why an example has no such variant: a key of WHY, or an outcome of the judge, and one sentence."""

    kind: str
    reason: str


@dataclass(frozen=True, slots=True)
class Plan:
    """A variant that is renamed and not yet judged. `example` is what it will say, and `origin` where that is from."""

    original: Task
    original_script: str
    task: Task
    example: Example
    origin: Example

    @property
    def script(self) -> str:
        return str(self.example["fast_query"])


def plan(example: Any, seed: int) -> Plan | LeftOut:
    """The example under the names of that seed."""
    if not is_example(example):
        return LeftOut(MALFORMED, WHY[MALFORMED])
    database, slow = example["database"], example["slow_query"]
    if kind := _unfit(database):
        return LeftOut(kind, f"{example['id']}: {WHY[kind]}")
    script = parse_action(example["fast_query"]).script
    name = f"{database}{SEPARATOR}{seed}"
    query = renamed_script(slow, renaming_of(name))
    rewrite = renamed_script(script, query[1]) if query is not None else None
    if query is None or rewrite is None:
        return LeftOut(NAMES, f"{example['id']}: its {'rewrite' if query else 'query'} {WHY[NAMES]}")
    renaming = rewrite[1]
    made: Example = {
        "id": f"{example['id']}{SEPARATOR}{seed}",
        "description": _text(example.get("description")),
        "database": name,
        "slow_query": query[0],
        "fast_query": rewrite[0],
        "explanation": renamed_prose(_text(example.get("explanation")), renaming),
        "optimization_type": _text(example.get("optimization_type")),
        "techniques": [renamed_prose(_text(technique), renaming) for technique in _listed(example.get("techniques"))],
    }
    came_from = {"iteration": example.get("iteration", 0), "policy": _text(example.get("policy"))}
    stage = {"stage": example["stage"]} if "stage" in example else {}
    task = Task(made["id"], name, query[0], made["description"])
    return Plan(
        Task(example["id"], database, slow), script, task, made, {**came_from, "augmented_from": example["id"], **stage}
    )


def is_example(value: Any) -> bool:
    """Whether it has the texts that every example has."""
    return isinstance(value, dict) and all(isinstance(value.get(name), str) for name in _TEXTS)


def judged(plan: Plan, judge: Judge, check: RowCheck) -> Example | LeftOut:
    """The variant with its own figures: two measurements, the first with many small databases. Or why there is none.

    Raises SqlOptError where the judge is closed meanwhile.
    """
    original, task = plan.original, plan.task
    problem = check.difference(original.database, original.query, task.database, task.query)
    problem = problem or check.problem(original.database, plan.original_script)
    if problem:
        return LeftOut(ROWS, problem)
    try:
        seen = observe(judge.prepare(task))
        first = judge.evaluate(task, plan.script, thorough=True)
        second = judge.evaluate(task, plan.script) if is_success(first) else first
    except SqlOptError as error:
        return LeftOut(NO_TASK, str(error))
    for evaluation in (first, second):
        if not is_success(evaluation):
            correct = evaluation.outcome in ("improved", "equivalent")
            reason = f"{evaluation.effective_speedup or 0:.2f} times as fast" if correct else evaluation.reason
            return LeftOut(SLOW if correct else evaluation.outcome, reason)
    return _with_figures(plan, seen, first, second)


def _with_figures(plan: Plan, seen: Mapping[str, Any], first: Evaluation, second: Evaluation) -> Example:
    return {
        **plan.example,
        "schema": seen["schema"],
        "plan": seen["plan"],
        "reward": LogReward()(first),
        **_figures(first),
        "verdict": first.verdict.status if first.verdict else "",
        "confirmation": _figures(second),
        **plan.origin,
    }


def _figures(evaluation: Evaluation) -> dict[str, Any]:
    return {
        "speedup": evaluation.speedup,
        "speedup_interval": list(evaluation.speedup_interval or ()),
        "effective_speedup": evaluation.effective_speedup,
    }


def _unfit(database: str) -> str:
    """Why a database has no renamed form, as a key of WHY; "" for one that has."""
    parts = split_name(database)
    base = database if parts is None else parts[0]
    if base in HELD_OUT:
        return HELD
    if base in DOMAINS:
        return "" if parts is None else RENAMED
    return OWN


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
