"""Stage 1 teaches techniques: the 20 hand-written seeds, each with a known good answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlopt_env.tasks import load_tasks, seed_examples
from sqlopt_env.types import Task


class Stage1:
    """The seeds as tasks, always in the same order. `examples` are their whole records, by id."""

    def __init__(self) -> None:
        self.examples: dict[str, dict[str, Any]] = {example["id"]: example for example in seed_examples()}
        self._tasks = load_tasks(list(self.examples.values()))

    def __iter__(self) -> Iterator[Task]:
        return iter(self._tasks)

    def __len__(self) -> int:
        return len(self._tasks)
