"""A fixed number of worker processes, started at first use, replaced when they die; shared by threads, safe to fork."""

from __future__ import annotations

import os
import queue
import weakref
from typing import Any

from ..types import SqlOptError
from .sandbox import Worker


class WorkerPool:
    """`size` workers of one target; see `Worker`."""

    def __init__(self, size: int, target: str, options: dict[str, Any]) -> None:
        self._size, self._target, self._options = size, target, options
        self._open()

    def _open(self) -> None:
        self._closed = False
        self._process = os.getpid()
        self._alive: set[Worker] = set()
        self._slots: queue.LifoQueue[Worker | None] = queue.LifoQueue()
        for _ in range(self._size):
            self._slots.put(None)  # a slot without a process
        self._finalizer = weakref.finalize(self, _kill_all, self._alive, self._process)

    @property
    def pids(self) -> list[int]:
        """The worker processes that have been started and not been killed by the pool."""
        return [worker.pid for worker in list(self._alive)]

    def close(self) -> None:
        """Ends the worker processes. May be called again."""
        self._closed = True
        self._finalizer()

    def call(self, request: dict[str, Any]) -> dict[str, Any]:
        """A free worker's answer, waiting for one; raises WorkerDied or WorkerOverran, after which it is replaced."""
        if self._closed:
            raise SqlOptError("the judge is closed; make a new one")
        if self._process != os.getpid():
            self._open()  # after a fork: the workers belong to the parent
        worker = self._slots.get()
        try:
            if self._closed:
                raise SqlOptError("the judge was closed")
            if worker is not None and not worker.is_running():
                self._alive.discard(worker)  # it died between two requests, which is nobody's fault
                worker = None
            if worker is None:
                worker = Worker(self._target, self._options)
                self._alive.add(worker)
            answer = worker.call(request)
        except BaseException:
            if worker is not None:
                worker.kill()
                self._alive.discard(worker)
            worker = None
            raise
        finally:
            self._slots.put(worker)
        return answer


def _kill_all(workers: set[Worker], owner: int) -> None:
    """Ends the workers, but not in a fork of the process that started them."""
    while workers and owner == os.getpid():
        workers.pop().kill()
