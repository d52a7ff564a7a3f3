"""Tasks that are held back from training, to choose the best iteration by."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sqlopt_env.fingerprint import normal_form
from sqlopt_env.types import SqlOptError, Task

SPLIT_SEED = 2  # sets the seed of the split apart from those of sampling


def hold_back(tasks: Sequence[Task], share: float, seed: int) -> tuple[list[Task], list[Task]]:
    """(tasks to train on, tasks held back), each in their order: at least one of either, chosen by the seed.

    Raises SqlOptError where there are fewer than two tasks, and for a share that is none.
    """
    if not 0 < share < 1:
        raise SqlOptError(f"the share of validation tasks must lie between 0 and 1, not {share!r}")
    if len(tasks) < 2:
        raise SqlOptError("validation tasks can be held back from two tasks or more, not from a single one")
    count = min(max(1, round(share * len(tasks))), len(tasks) - 1)
    rng = np.random.default_rng(np.random.SeedSequence([seed, SPLIT_SEED]))
    chosen = {int(number) for number in rng.permutation(len(tasks))[:count]}
    trained = [task for number, task in enumerate(tasks) if number not in chosen]
    return trained, [task for number, task in enumerate(tasks) if number in chosen]


def check_apart(tasks: Sequence[Task], validation: Sequence[Task]) -> None:
    """Raises SqlOptError where a validation task has the id, or asks the query, of a task that is trained on."""
    ids = {task.id for task in tasks}
    queries = {(task.database, normal_form(task.query)): task.id for task in tasks}
    for task in validation:
        if task.id in ids:
            raise SqlOptError(f"the id {task.id!r} is that of a task to train on and of a validation task")
        twin = queries.get((task.database, normal_form(task.query)))
        if twin is not None:
            raise SqlOptError(f"the validation task {task.id} asks the query of {twin}, which is trained on")
