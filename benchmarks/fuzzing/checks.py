"""What must hold of every evaluation, whatever the action was."""

from __future__ import annotations

import json
from collections.abc import Iterator

from sqlopt_env import Evaluation, Task
from sqlopt_env.observation import feedback
from sqlopt_env.types import OUTCOMES

LONGEST_REASON = 400
_FIGURES = ("speedup", "speedup_interval", "effective_speedup", "baseline_seconds", "rewrite_seconds")


def problems(task: Task, evaluation: Evaluation) -> Iterator[str]:
    """One line for everything that is wrong with it."""
    reason = evaluation.reason
    if evaluation.outcome not in OUTCOMES:
        yield f"the outcome {evaluation.outcome!r} is none"
    if evaluation.outcome == "crashed":
        yield f"crashed: {reason}"
    if evaluation.task_id != task.id:
        yield f"the task is {evaluation.task_id!r}"
    if not reason.strip() or len(reason.splitlines()) != 1 or len(reason) > LONGEST_REASON:
        yield f"the reason is not one short line: {reason[: 2 * LONGEST_REASON]!r}"
    if evaluation.outcome in ("improved", "equivalent"):
        if evaluation.verdict is None or evaluation.verdict.status not in ("tested", "proved"):
            yield f"paid with the verdict {evaluation.verdict}"
        if any(getattr(evaluation, name) is None for name in _FIGURES):
            yield "paid without figures"
    try:
        if Evaluation.from_dict(json.loads(json.dumps(evaluation.to_dict()))) != evaluation:
            yield "it comes back from JSON as another one"
    except Exception as error:
        yield f"it is not JSON: {type(error).__name__}: {error}"
    try:
        if not feedback(evaluation).startswith(evaluation.outcome):
            yield "its feedback does not say its outcome"
    except Exception as error:
        yield f"it gives no feedback: {type(error).__name__}: {error}"
