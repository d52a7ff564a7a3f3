"""The files of a generation: `tasks.jsonl` for everybody, and beside it `tasks.log.jsonl`, from which it is resumed.

The log begins with what must agree for a run to go on, and has a line for each slot: its query, why candidates were
refused, and the times that were measured. The file of tasks holds what is the same at every run, and is written anew
from the log when a run is taken up.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sqlopt_env.jsonlines import JsonLines, read_lines
from sqlopt_env.types import SqlOptError

from .generate import Slot
from .slow_query import SlowQuery

_FORMAT = "sqlopt generation 1"


class GenerationLog:
    """Open for writing while it is entered; `slots` holds what was read back, by database, in order.

    Raises SqlOptError for files of another generation, and for a file of tasks without its log.
    """

    def __init__(self, tasks: Path, settings: dict[str, Any]) -> None:
        self.tasks = tasks
        self.log = tasks.with_name(f"{tasks.stem}.log.jsonl")
        self.slots: dict[str, list[Slot]] = {}
        if tasks.exists() and not self.log.exists():
            raise SqlOptError(f"{tasks} exists, without the log of a generation: choose another --out")
        try:
            tasks.parent.mkdir(parents=True, exist_ok=True)
            self._lines = JsonLines(self.log)
        except OSError as error:
            raise SqlOptError(f"the file {self.log} cannot be written: {error.strerror}") from None
        try:
            self._read_back(settings)
            self._write_tasks()
            self._file = self.tasks.open("a", encoding="utf-8")
        except BaseException:
            self._lines.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        self._lines.close()

    def append(self, database: str, slot: Slot) -> None:
        """A slot that was closed. The next one of its database, by its number."""
        record = {
            "database": database,
            "slot": slot.number,
            "query": slot.query.to_dict() if slot.query else None,
            "refused": dict(slot.refused),
            "milliseconds": slot.milliseconds,
        }
        self._lines.append(record)
        self.slots.setdefault(database, []).append(slot)
        if slot.query:
            self._file.write(_line(slot.query))
            self._file.flush()

    def _read_back(self, settings: dict[str, Any]) -> None:
        agreed = json.loads(json.dumps({"format": _FORMAT, **settings}))
        records = list(read_lines(self.log, dict, "of a generation's log"))
        if not records:
            self._lines.append(agreed)
            return
        if records[0] != agreed:
            differ = [name for name in agreed if records[0].get(name) != agreed[name]]
            raise SqlOptError(
                f"{self.tasks} holds another generation (it differs in {', '.join(differ) or 'its settings'}): choose"
                " another --out, or --fresh"
            )
        for record in records[1:]:
            try:
                query = SlowQuery.from_dict(record["query"]) if record["query"] else None
                slot = Slot(record["slot"], query, Counter(record["refused"]), record["milliseconds"])
                self.slots.setdefault(record["database"], []).append(slot)
            except (KeyError, TypeError) as error:
                raise SqlOptError(f"{self.log} holds a line that is not of a generation ({error})") from None

    def _write_tasks(self) -> None:
        """The file of tasks as the log has it, in one step."""
        temporary = self.tasks.with_name(f".{self.tasks.name}.writing")
        text = "".join(_line(slot.query) for slots in self.slots.values() for slot in slots if slot.query)
        temporary.write_text(text, encoding="utf-8")
        os.replace(temporary, self.tasks)


def move_aside(tasks: Path) -> Path | None:
    """Renames an earlier generation's files to a number of their own; the new name of its tasks, None without any."""
    log = tasks.with_name(f"{tasks.stem}.log.jsonl")
    if not log.exists():
        return None
    number = next(n for n in range(1, 10_000) if not tasks.with_name(f"{tasks.stem}.{n}{tasks.suffix}").exists())
    aside = tasks.with_name(f"{tasks.stem}.{number}{tasks.suffix}")
    log.rename(aside.with_name(f"{aside.stem}.log.jsonl"))
    if tasks.exists():
        tasks.rename(aside)
    return aside


def _line(query: SlowQuery) -> str:
    return json.dumps(query.to_dict(), ensure_ascii=False) + "\n"
