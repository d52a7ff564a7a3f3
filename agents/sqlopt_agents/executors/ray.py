"""The machines of a Ray cluster: one stateless task an item, one core a task.

What a process of the cluster keeps between tasks (a judge, a database) it keeps in modules of its own: an actor would
take it along when its machine goes. Ray itself repeats nothing; tries are counted here, so that an item that kills
its process is not given to one machine after the other.
"""

from __future__ import annotations

import os
import pickle
import signal
import socket
import weakref
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlopt_env.types import SqlOptError

from .base import RETRIES, Closing, Failure, Item, Result, check, outcome, packed, performed, times, unusable

_AHEAD = 2  # tasks in flight for each core of the cluster: one runs, one waits
_PATIENCE = 5.0  # seconds until the cluster's size is looked at again


@dataclass(slots=True)
class _Attempt:
    item: Any
    message: bytes
    tries: int = 0


class RayExecutor(Closing):
    """Connects to the cluster at RAY_ADDRESS, or starts a Ray of `workers` cores on this machine, at once.

    A connection that the caller has made is used, and left open. Raises SqlOptError where Ray is not installed or the
    cluster cannot be reached.
    """

    def __init__(self, workers: int) -> None:
        try:
            import ray
        except ImportError:
            raise SqlOptError("the executor ray needs Ray: pip install 'sqlopt-env[ray]'") from None
        self._ray = ray
        self._close: Callable[[], object] = lambda: None
        if not ray.is_initialized():
            _connect(ray, workers)
            self._close = weakref.finalize(self, ray.shutdown)
        self._remote = ray.remote(num_cpus=1, max_retries=0)(_perform)

    @property
    def workers(self) -> int:
        """The cores of the cluster as it is now."""
        return max(1, int(self._ray.cluster_resources().get("CPU", 1)))

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
        """Disconnects, and ends a Ray that was started here."""
        self._close()

    def _mapped(
        self, function: bytes, items: Iterator[Any], retries: int, timeout: float | None
    ) -> Generator[tuple[Any, Any], None, None]:
        sent = self._ray.put(function)
        running: dict[Any, _Attempt] = {}
        again: deque[_Attempt] = deque()
        more, room = True, _AHEAD * self.workers
        try:
            while True:
                while len(running) < room and (again or more):
                    attempt = again.popleft() if again else _next(items)
                    if attempt is None:
                        more = False
                        break
                    attempt.tries += 1
                    running[self._remote.remote(sent, attempt.message, timeout)] = attempt
                    if not again and self._ended(running, 0.0):
                        break  # news before the next item, which may take its time to come
                if not running:
                    return
                for reference in self._ended(running, _PATIENCE):
                    attempt = running.pop(reference)
                    answer = self._answer(reference, attempt, timeout)
                    if isinstance(answer, Failure) and answer.kind == "died" and attempt.tries <= retries:
                        again.append(attempt)
                    else:
                        yield attempt.item, answer
                room = _AHEAD * self.workers
        finally:
            for reference in running:
                self._ray.cancel(reference, force=True)

    def _ended(self, running: dict[Any, _Attempt], seconds: float) -> list[Any]:
        """All tasks that have ended; waits at most so long for the first one."""
        ended, others = self._ray.wait(list(running), num_returns=1, timeout=seconds)
        if ended and others:
            ended += self._ray.wait(others, num_returns=len(others), timeout=0)[0]
        return list(ended)

    def _answer(self, reference: Any, attempt: _Attempt, timeout: float | None) -> Any:
        try:
            kind, value = self._ray.get(reference)
        except self._ray.exceptions.RayError as error:
            name = type(error).__name__
            told = f"the process or machine that worked on it died ({name})"
            if timeout is not None:
                told += f", or it took longer than {timeout:g} s"
            return Failure("died", f"{told}, {times(attempt.tries)}", attempt.tries)
        if kind == "unusable":
            raise unusable(value)
        return outcome(value, attempt.tries)


def _next(items: Iterator[Any]) -> _Attempt | None:
    try:
        item = next(items)
    except StopIteration:
        return None
    return _Attempt(item, packed(item, "an item"))


def _connect(ray: Any, workers: int) -> None:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # else it warns at every start
    quiet = {"log_to_driver": False, "logging_level": "ERROR", "include_dashboard": False}
    address = os.environ.get("RAY_ADDRESS")
    try:
        if address:
            _knock(address)
            ray.init(address=address, log_to_driver=False, logging_level="ERROR")
        else:
            ray.init(address="local", num_cpus=workers, **quiet)
    except Exception as error:  # OSError, ValueError, RuntimeError: by what went wrong
        where = "Ray cannot be started"
        if address:
            where = f"the Ray cluster at RAY_ADDRESS={address} cannot be reached (or asks for another RAY_AUTH_TOKEN)"
        raise SqlOptError(f"{where}: {' '.join(str(error).split())[:200]}") from None


def _knock(address: str) -> None:
    """Raises OSError where nobody listens: Ray itself would try for minutes."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host, int(port)), timeout=5.0).close()


def _perform(function: bytes, item: bytes, timeout: float | None) -> tuple[str, Any]:
    """A task, in a process of the cluster. The kernel ends a process that takes too long, whatever it is doing."""
    try:
        call = pickle.loads(function)
    except Exception as error:
        return "unusable", " ".join(f"{type(error).__name__}: {error}".split())
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, timeout or 0.0)
    try:
        return "done", performed(call, item)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
