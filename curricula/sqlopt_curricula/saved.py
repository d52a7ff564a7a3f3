"""The parts of a curriculum's state, read back: lists, numbers and tasks. What they are not is said in one sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from math import isfinite
from reprlib import repr as short
from typing import Any

from sqlopt_env.types import SqlOptError, Task


def damaged(what: str) -> SqlOptError:
    return SqlOptError(f"the curriculum's state is damaged: {what}")


def list_of(state: Mapping[str, Any], name: str) -> list[Any]:
    """A list of a state. Raises SqlOptError for anything else."""
    value = state.get(name)
    if not isinstance(value, list | tuple):
        raise damaged(f"{name} must be a list, not {short(value)}")
    return list(value)


def number_of(state: Mapping[str, Any], name: str) -> float:
    """A finite number of a state, at least 0. Raises SqlOptError for anything else."""
    value = state.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not (isfinite(value) and value >= 0):
        raise damaged(f"{name} must be a number of at least 0, not {short(value)}")
    return float(value)


def saved_task(task: Task) -> dict[str, str]:
    """Its fields; those that are empty are left out."""
    return {name: value for name, value in asdict(task).items() if value}


def task_of(state: object, name: str = "task") -> Task:
    """The inverse of `saved_task`. Raises SqlOptError for anything else."""
    fields = Task.__dataclass_fields__
    if (
        not isinstance(state, Mapping)
        or not all(key in fields and isinstance(value, str) for key, value in state.items())
        or not {"id", "database", "query"} <= set(state)
    ):
        raise damaged(f"{name} must be a task with its id, database and query, not {short(state)}")
    return Task(**state)
