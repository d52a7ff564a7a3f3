"""Tasks from files and dictionaries, and those that are shipped: the seeds, and the held-out ones."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .paths import data_dir
from .types import SqlOptError, Task

TaskSource = str | Path | Iterable[Task | Mapping[str, Any]] | None


def seed_examples() -> list[dict[str, Any]]:
    """The 20 hand-written examples: `id, description, database, schema, slow_query, fast_query, explanation,
    optimization_type`."""
    examples: list[dict[str, Any]] = _read(data_dir() / "seed_data.json")
    return examples


def heldout_examples() -> list[dict[str, Any]]:
    """The held-out tasks with what is known of them, on databases that nothing is trained on; see the card beside them.

    They tell what was learnt: to train on them is to know nothing afterwards.
    """
    examples: list[dict[str, Any]] = _read(data_dir() / "heldout" / "tasks.json")
    return examples


def load_tasks(source: TaskSource = None) -> list[Task]:
    """Tasks that are shipped ("seeds", which None means too, or "heldout"), of a file, or of a collection.

    A file holds a JSON list, or an object a line where its name ends in .jsonl; a collection holds tasks or
    dictionaries. A dictionary has `database`, `query` (or `slow_query`) and mostly `id`; `description`,
    `optimization_type` and `reference` (or `fast_query`) are optional, other keys are left alone. Of equal queries with
    one id, which a dataset has where it holds several answers to a task, the first is taken. Raises SqlOptError for
    anything else.
    """
    if source is None or source == "seeds":
        items: Iterable[Any] = seed_examples()
    elif source == "heldout":
        items = heldout_examples()
    elif isinstance(source, str | Path):
        items = _read(Path(source))
    elif isinstance(source, Mapping):
        raise SqlOptError("tasks must be a list of tasks, not a single one: put it in brackets")
    elif isinstance(source, Iterable):
        items = source
    else:
        raise SqlOptError(f"tasks must be None, a file or a list of tasks, not {type(source).__name__}")
    found: dict[str, Task] = {}
    for number, item in enumerate(items, 1):
        task = _task(item, number)
        known = found.setdefault(task.id, task)
        if (known.database, known.query) != (task.database, task.query):
            raise SqlOptError(f"two tasks have the id {task.id!r}: ids must differ")
    if not found:
        raise SqlOptError("there are no tasks: the list is empty")
    return list(found.values())


def _task(item: Any, number: int) -> Task:
    if isinstance(item, Task):
        _check(asdict(item), number)
        return item
    if not isinstance(item, Mapping):
        raise SqlOptError(
            f"task {number} must be a Task or an object with database and query, not {type(item).__name__}"
        )
    values = {
        "id": item.get("id", f"task-{number}"),
        "database": item.get("database"),
        "query": item.get("query", item.get("slow_query")),
        "description": item.get("description", ""),
        "optimization_type": item.get("optimization_type", ""),
        "reference": item.get("reference", item.get("fast_query", "")),
    }
    _check(values, number)
    return Task(**values)


def _check(values: Mapping[str, Any], number: int) -> None:
    for name, value in values.items():
        if not isinstance(value, str) or (name in ("id", "database", "query") and not value.strip()):
            raise SqlOptError(f"task {number} ({values['id']!r}): {name!r} must be a text")


def _read(path: Path) -> Any:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise SqlOptError(f"there is no file {path}") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL character in its name
        raise SqlOptError(f"the file {str(path)!r} cannot be read: {error}") from None
    if path.suffix == ".jsonl":
        return _lines(data, path)
    try:
        value = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise SqlOptError(f"the file {path} is not JSON: {error}") from None
    if not isinstance(value, list):
        raise SqlOptError(f"the file {path} must hold a list of tasks, not {type(value).__name__}")
    return value


def _lines(data: bytes, path: Path) -> list[Any]:
    """An object a line; a last line that was cut off is left out."""
    found = []
    lines = data.split(b"\n")
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            found.append(json.loads(line.decode("utf-8")))
        except (ValueError, RecursionError) as error:
            if number < len(lines):
                raise SqlOptError(f"the file {path} is not JSON in line {number}: {error}") from None
    return found
