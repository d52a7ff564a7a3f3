"""A fixed number of worker processes, started at first use, replaced when they die; shared by threads, safe to fork.

Each place in the pool keeps the newest template that its workers have left, and gets its next worker from there.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

from ..sqlite.snapshot import Snapshots
from ..types import SqlOptError
from .fallback import Spawner
from .worker import Worker, WorkerDied
from .zygote import Nursery, Template, can_fork

KEYS_REMEMBERED = 64  # of each place: what its worker has lately served


@dataclass(eq=False)
class _Place:
    """For one worker at a time."""

    worker: Worker | None = None
    template: Template | None = None
    of_template: bool = False  # the worker is
    busy: bool = False
    last_used: int = 0
    keys: OrderedDict[str, None] = field(default_factory=OrderedDict)

    def drop_template(self) -> None:
        if self.template is not None:
            self.template.close()
            self.template = None


class WorkerPool:
    """`size` workers of one target, "module:callable", which is called with `options` to make their handler."""

    def __init__(self, size: int, target: str, options: dict[str, Any]) -> None:
        self._size, self._target, self._options = size, target, options
        self._closed = False
        self._open()
        _pools.add(self)

    def _open(self) -> None:
        self._uses = 0
        self._free = threading.Condition()
        self._places = [_Place() for _ in range(self._size)]
        self._snapshots = Snapshots()
        make = Nursery if can_fork() else Spawner
        self._nursery = make(self._target, self._options, self._snapshots)
        self._finalizer = weakref.finalize(self, _end, self._places, self._nursery, self._snapshots)

    @property
    def pids(self) -> list[int]:
        """The worker processes that have been started and not been killed by the pool."""
        return [worker.pid for place in self._places if (worker := place.worker) is not None]

    @property
    def closed(self) -> bool:
        return self._closed

    def close(self) -> None:
        """Ends the worker processes. May be called again."""
        with self._free:
            self._closed = True
            self._free.notify_all()
        self._finalizer()

    def call(self, request: dict[str, Any], affinity: str | None = None) -> dict[str, Any]:
        """A free worker's answer, waiting for one; raises WorkerDied or WorkerOverran, after which it is replaced.

        A worker that has lately been called with the same `affinity` is preferred, for what it keeps of that.
        """
        place = self._take(affinity)
        try:
            worker = self._worker_of(place)
            answer = worker.call(request)
            self._adopt(place, worker)
            if affinity is not None:
                place.keys[affinity] = None
                place.keys.move_to_end(affinity)
                if len(place.keys) > KEYS_REMEMBERED:
                    place.keys.popitem(last=False)
            return answer
        except BaseException as error:
            self._bury(place, error)
            raise
        finally:
            with self._free:
                if self._closed:
                    place.drop_template()  # left by the last answer
                place.busy = False
                self._free.notify()

    def _take(self, affinity: str | None) -> _Place:
        """A free place, which is the caller's until it is no longer busy."""
        with self._free:
            if self._closed:
                raise SqlOptError("the judge is closed; make a new one")
            while not (free := [place for place in self._places if not place.busy]):
                self._free.wait()
                if self._closed:
                    raise SqlOptError("the judge was closed")
            knowing = [place for place in free if affinity in place.keys]
            if knowing or affinity is None:
                place = max(knowing or free, key=lambda place: place.last_used)
            else:
                place = min(free, key=lambda place: place.last_used)
            self._uses += 1
            place.busy, place.last_used = True, self._uses
            return place

    def _worker_of(self, place: _Place) -> Worker:
        """Its worker, or a new one where it has none, or one that died between two requests."""
        if place.worker is not None and place.worker.is_running():
            return place.worker
        if place.worker is not None:
            self._adopt(place, place.worker)
            place.worker.kill()
            place.worker = None
        try:
            worker, place.of_template = self._nursery.spawn(place.template)
        except WorkerDied:
            if self._closed:
                raise SqlOptError("the judge was closed") from None
            raise
        place.worker = worker
        if not place.of_template:
            place.drop_template()  # if there was one, it has not answered
            place.keys.clear()
        if self._closed:
            raise SqlOptError("the judge was closed")
        return worker

    def _adopt(self, place: _Place, worker: Worker) -> None:
        control = worker.take_template()
        if control is not None:
            place.drop_template()
            place.template = Template(control)

    def _bury(self, place: _Place, error: BaseException) -> None:
        worker, place.worker = place.worker, None
        if worker is not None:
            worker.kill()
            if isinstance(error, WorkerDied) and place.of_template and not worker.has_answered:
                place.drop_template()  # it may be the template that is broken

    def _reopen(self) -> None:
        """In a fork of the process that made it: the workers are the other's, and a lock may be held for ever."""
        self._finalizer.detach()
        for place in self._places:
            if place.worker is not None:
                place.worker.abandon()
            place.drop_template()
        self._nursery.abandon()
        self._snapshots.close()
        self._open()


_pools: weakref.WeakSet[WorkerPool] = weakref.WeakSet()


def _reopen_all() -> None:
    for pool in list(_pools):
        pool._reopen()


os.register_at_fork(after_in_child=_reopen_all)


def _end(places: list[_Place], nursery: Nursery | Spawner, snapshots: Snapshots) -> None:
    """Ends all processes; one that is working is killed first, so that its caller can give it back."""
    for place in places:
        worker = place.worker
        if worker is not None:
            worker.kill()
            place.worker = None
        place.drop_template()
    nursery.close()
    snapshots.close()
