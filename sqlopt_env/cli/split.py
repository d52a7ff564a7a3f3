"""The tasks that a policy is put to the test on, by the name of their split."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..databases import HELD_OUT
from ..tasks import heldout_examples, load_tasks
from ..types import SqlOptError, Task


def tasks_of(split: str) -> list[tuple[Task, str]]:
    """Tasks with their shape, "" where there is none: of `heldout`, `seeds`, held-out databases, or a file.

    Databases are named with commas between them. Raises SqlOptError for anything else.
    """
    names = [name.strip() for name in split.split(",")]
    if split == "seeds":
        return [(task, "") for task in load_tasks(split)]
    if split == "heldout" or set(names) <= set(HELD_OUT):
        examples = [item for item in heldout_examples() if split == "heldout" or item["database"] in names]
        return [(task, item["shape"]) for task, item in zip(load_tasks(examples), examples, strict=True)]
    path = Path(split)
    if not path.is_file():
        raise SqlOptError(
            f"unknown split {split!r}: give heldout, some of {','.join(HELD_OUT)}, seeds, or a file of tasks"
        )
    tasks, shapes = load_tasks(path), _shapes(path)
    return [(task, shapes.get(task.id, "")) for task in tasks]


def spread(tasks: list[tuple[Task, str]], limit: int | None) -> list[tuple[Task, str]]:
    """At most `limit` of the tasks, in their order and evenly spread, so that every database has its share."""
    if limit is None or limit >= len(tasks):
        return tasks
    return [tasks[number * len(tasks) // limit] for number in range(limit)]


def _shapes(path: Path) -> dict[str, str]:
    """Shapes by task id, where a file of tasks says them, as the generator's do."""
    text = path.read_text(encoding="utf-8")
    items: list[Any] = []
    if path.suffix == ".jsonl":
        for line in text.splitlines():
            with suppress(ValueError):  # the last one may have been cut off
                items.append(json.loads(line))
    else:
        items = json.loads(text)
    told = [item for item in items if isinstance(item, dict) and "id" in item]
    return {str(item["id"]): str(item.get("shape", "")) for item in told}
