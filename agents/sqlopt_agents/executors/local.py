"""Processes of this machine, supervised: one that dies or takes too long costs its item a try, and is replaced.

Not the judge's own workers, which are jailed and run what a policy wrote: these run the project's own code, a policy's
or a caller's, and are trusted. What is worked out in Python is worked out here side by side; a judge's threads share
one interpreter.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from math import inf
from multiprocessing.connection import Connection, wait
from typing import Any, Literal

from sqlopt_env.types import SqlOptError

from .base import RETRIES, Closing, Failure, Item, Result, check, outcome, packed, times, unusable

START_SECONDS = 60.0  # for the interpreter, and for the imports of the function
_FAILED_STARTS = 3  # one after the other: then no process can be started
_SENT_AHEAD = 16 * 2**10  # bytes that fit into a socket's buffer, whoever reads them and when


@dataclass(slots=True)
class _Attempt:
    """An item on its way; `tries` are those that have begun."""

    item: Any
    message: bytes
    tries: int = 0


class _Process:
    """One process, and what it was given: the first attempt is worked on, a second may wait for it."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        life, self._life = os.pipe()
        boot = (
            "import json, sys; sys.path[:] = json.loads(sys.argv[1]);"
            f" from {__package__}.child import main; main(int(sys.argv[2]))"
        )
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-c", boot, json.dumps([path for path in sys.path if path]), str(life)],
                stdin=theirs.fileno(),
                pass_fds=[life],
                start_new_session=True,  # Ctrl-C in a terminal is the caller's to handle
                env=os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
            )
        except BaseException:
            os.close(self._life)
            ours.close()
            raise
        finally:
            theirs.close()
            os.close(life)
        self.connection: Connection[Any, Any] = Connection(ours.detach())
        self.attempts: deque[_Attempt] = deque()
        self.deadline = inf
        self.has_begun = False  # the first attempt
        self._function: object = None  # that it has

    def give(self, attempt: _Attempt, function: bytes) -> None:
        """Sends an item, to be worked on after what it has; a process that is gone is noticed by its silence."""
        self.attempts.append(attempt)
        if len(self.attempts) == 1:
            self.expect_next()
        with suppress(OSError):
            self.connection.send((None if self._function is function else function, attempt.message))
        self._function = function

    def expect_next(self) -> None:
        self.has_begun = False
        self.deadline = time.monotonic() + START_SECONDS if self.attempts else inf

    def kill(self) -> None:
        """Ends it with all that it started in its session; reaps it."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.kill()
        self._process.wait()
        self.connection.close()
        if self._life >= 0:
            os.close(self._life)
            self._life = -1


class LocalExecutor(Closing):
    """At most `workers` processes, started at need, which stay until `close` for the next map."""

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._processes: list[_Process] = []
        self._mapping = threading.Lock()
        self._failed_starts = 0
        self._finalizer = weakref.finalize(self, _end, self._processes)

    @property
    def pids(self) -> list[int]:
        return [process._process.pid for process in self._processes]

    def map_unordered(
        self,
        function: Callable[[Item], Result],
        items: Iterable[Item],
        *,
        retries: int = RETRIES,
        timeout: float | None = None,
    ) -> Generator[tuple[Item, Result | Failure], None, None]:
        check(retries, timeout)
        return self._mapped(packed(function, "the function"), iter(items), retries, timeout)

    def close(self) -> None:
        _end(self._processes)

    def _mapped(
        self, function: bytes, items: Iterator[Any], retries: int, timeout: float | None
    ) -> Generator[tuple[Any, Any], None, None]:
        with self._one_at_a_time():
            waiting: deque[_Attempt] = deque()
            more = True
            while True:
                if more and not waiting and self._has_room():
                    try:
                        item = next(items)
                        waiting.append(_Attempt(item, packed(item, "an item")))
                    except StopIteration:
                        more = False
                process = self._room_for(waiting[0]) if waiting else None
                if process is not None:
                    process.give(waiting.popleft(), function)
                if not waiting and not more and not any(process.attempts for process in self._processes):
                    return
                patient = not (self._room_for(waiting[0]) if waiting else more and self._has_room())
                yield from self._events(waiting, retries, timeout, patient=patient)

    @contextmanager
    def _one_at_a_time(self) -> Iterator[None]:
        if not self._mapping.acquire(blocking=False):
            raise SqlOptError("this executor is at work on another map_unordered: make another one")
        try:
            yield
        finally:  # what is still worked on is of no use, and its answers must not meet the next map
            for process in [process for process in self._processes if process.attempts]:
                self._bury(process)
            self._mapping.release()

    def _has_room(self) -> bool:
        return len(self._processes) < self.workers or any(len(process.attempts) < 2 for process in self._processes)

    def _room_for(self, attempt: _Attempt) -> _Process | None:
        """An idle process, else a new one, else one that has nothing waiting."""
        least = min(self._processes, key=lambda process: len(process.attempts), default=None)
        if least is not None and not least.attempts:
            return least
        if len(self._processes) < self.workers:
            self._processes.append(_Process())
            return self._processes[-1]
        if least is not None and len(least.attempts) == 1 and len(attempt.message) <= _SENT_AHEAD:
            return least
        return None

    def _events(
        self, waiting: deque[_Attempt], retries: int, timeout: float | None, *, patient: bool
    ) -> list[tuple[Any, Any]]:
        """The items that have ended since; waits for news if `patient`. `waiting` gets what is to be tried again."""
        busy = [process for process in self._processes if process.attempts]
        seconds = max(0.0, min(process.deadline for process in busy) - time.monotonic()) if patient else 0.0
        ready = wait([process.connection for process in busy], None if seconds == inf else seconds)
        ended = []
        for process in busy:
            if process.connection in ready:
                try:
                    kind, value = process.connection.recv()
                except Exception:  # its end, in the middle of a message or not
                    ended += self._lost(process, "died", waiting, retries, timeout)
                else:
                    ended += self._heard(process, kind, value, timeout)
            elif time.monotonic() >= process.deadline:
                ended += self._lost(process, "timeout", waiting, retries, timeout)
        return ended

    def _heard(self, process: _Process, kind: str, value: Any, timeout: float | None) -> list[tuple[Any, Any]]:
        if kind == "unusable":
            raise unusable(value)
        if kind == "begun":
            self._failed_starts = 0
            process.has_begun = True
            process.attempts[0].tries += 1
            process.deadline = inf if timeout is None else time.monotonic() + timeout
            return []
        attempt = process.attempts.popleft()
        process.expect_next()
        return [(attempt.item, outcome(value, attempt.tries))]

    def _lost(
        self,
        process: _Process,
        kind: Literal["died", "timeout"],
        waiting: deque[_Attempt],
        retries: int,
        timeout: float | None,
    ) -> list[tuple[Any, Any]]:
        """Replaces a process at need; only the item that it was working on is charged for it."""
        self._bury(process)
        first, *others = process.attempts
        waiting.extendleft(reversed(others))
        if not process.has_begun:
            self._failed_starts += 1
            if self._failed_starts >= _FAILED_STARTS:
                raise SqlOptError(f"no worker process could be started, {_FAILED_STARTS} times one after the other")
        elif first.tries > retries:
            told = "the process that worked on it died" if kind == "died" else f"it took longer than {timeout:g} s"
            return [(first.item, Failure(kind, f"{told}, {times(first.tries)}", first.tries))]
        waiting.append(first)
        return []

    def _bury(self, process: _Process) -> None:
        self._processes.remove(process)
        process.kill()


def _end(processes: list[_Process]) -> None:
    while processes:
        processes.pop().kill()
