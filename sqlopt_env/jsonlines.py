"""Files of one JSON object a line that are appended to while long work goes on, and survive a kill."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from .types import SqlOptError

Record = TypeVar("Record")


class JsonLines:
    """Appends objects to a file, each flushed at once. A context manager; may be shared by threads.

    A line that a kill cut off is removed when the file is opened again. One process at a time may write; a second one
    gets a SqlOptError.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("a+b")
        self._writing = threading.Lock()
        try:
            _lock(self._file.fileno(), path)
        except SqlOptError:
            self._file.close()
            raise
        self._cut_torn_line()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()

    def append(self, record: dict[str, Any]) -> None:
        line = json.dumps(record)
        with self._writing:
            self._file.write(line.encode() + b"\n")
            self._file.flush()

    def _cut_torn_line(self) -> None:
        size = self._file.seek(0, os.SEEK_END)
        position = size
        while position:
            step = min(position, 1 << 16)
            self._file.seek(position - step)
            block = self._file.read(step)
            end = block.rfind(b"\n")
            if end >= 0:
                position += end + 1 - step
                break
            position -= step
        if position < size:
            self._file.truncate(position)


def read_lines(path: Path, made: Callable[[dict[str, Any]], Record], what: str) -> Iterator[Record]:
    """What `made` makes of the lines of a file, in its order; a torn last line is passed over.

    Raises SqlOptError for a line that is not `what` the caller says.
    """
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n"):
                return
            try:
                yield made(json.loads(line))
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise SqlOptError(f"{path}, line {number}: not {what} ({error})") from None


def _lock(descriptor: int, path: Path) -> None:
    try:
        import fcntl
    except ImportError:  # Windows has no such lock
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise SqlOptError(f"another process is writing to {path}") from None
