"""Worker processes with limits, that can be killed: the caller's side. Knows nothing of what they run.

The caller sends a request, the worker answers with `{"allow": seconds, "phase": name}` before each of its phases and
with `{"answer": ...}` at the end. A phase that lasts longer than it was allowed, plus a grace, is killed: that works
even inside one endless SQLite opcode. A worker can open no file, and asks for the databases that its request names.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol

from ..sqlite.snapshot import Signature, Snapshots
from ..types import SqlOptError
from .child import REPLY_SECONDS
from .wire import Channel, Message, ProtocolError, pair

GRACE = 0.25  # seconds that the caller waits beyond what a phase was allowed
START_SECONDS = 60.0  # for the interpreter and its imports
_LONGEST_PHASE = 1e8
_MOST_PHASES = 100  # of one request, whose names are kept


class WorkerDied(Exception):
    """The worker process ended while it was working; `phases` names what it had begun."""

    def __init__(self, reason: str, phases: Iterable[str] = ()) -> None:
        super().__init__(reason)
        self.phases = frozenset(phases)


class WorkerOverran(Exception):
    """The worker was killed because a phase took too long: `phase`, one of the `phases` that it had begun."""

    def __init__(self, phase: str, phases: Iterable[str] = ()) -> None:
        super().__init__(phase)
        self.phase, self.phases = phase, frozenset(phases)


class Process(Protocol):
    """What a worker runs in."""

    @property
    def pid(self) -> int: ...

    def is_running(self) -> bool: ...

    def kill(self) -> None:
        """Ends it, and waits until it has ended; from any thread, and more than once."""

    def close(self) -> None:
        """Gives back what the caller holds of it. Nobody may use it any more."""

    def forget(self) -> None:
        """The same in a fork of the process that made it, where a lock may be held for ever."""


class Worker:
    """One worker process. With `leaves_templates`, it is asked to leave one where its handler wants it."""

    def __init__(
        self,
        process: Process,
        channel: Channel,
        life: socket.socket,
        snapshots: Snapshots,
        *,
        leaves_templates: bool = False,
    ) -> None:
        self._process, self._channel, self._life, self._snapshots = process, channel, life, snapshots
        self._leaves_templates = leaves_templates
        self._offered: Channel | None = None  # to a template that the worker may leave behind
        self._left: Channel | None = None  # to one that it has left
        self._number = 0
        self._using = threading.RLock()
        self.has_answered = False

    @property
    def pid(self) -> int:
        return self._process.pid

    def is_running(self) -> bool:
        return self._process.is_running()

    def call(self, request: dict[str, Any]) -> dict[str, Any]:
        """The handler's answer; raises WorkerDied or WorkerOverran, after which the worker is gone."""
        with self._using:
            return self._call(request)

    def take_template(self) -> Channel | None:
        """The control socket of the template that the worker has left since this was last asked."""
        left, self._left = self._left, None
        return left

    def _call(self, request: dict[str, Any]) -> dict[str, Any]:
        self._number += 1
        phase, deadline = "start", time.monotonic() + REPLY_SECONDS
        phases: set[str] = set()
        try:
            self._send(request, deadline)
            while True:
                message = self._channel.receive(deadline)
                if "answer" in message:
                    return self._answer(message)
                if "phase" in message:
                    phase, deadline = str(message["phase"]), time.monotonic() + _seconds(message["allow"]) + GRACE
                    if len(phases) < _MOST_PHASES:  # a worker that is not ours any more could fill the memory
                        phases.add(phase)
                else:
                    start = time.monotonic()
                    self._show(message, request)
                    deadline += time.monotonic() - start  # the caller's own time is not the worker's
        except TimeoutError:
            self.kill()
            raise WorkerOverran(phase, phases) from None
        except (OSError, EOFError, ProtocolError, KeyError, TypeError) as error:
            self.kill()
            raise WorkerDied("the worker process died", phases) from error
        except BaseException:  # Ctrl-C: the answer that is still to come must not meet the next request
            self.kill()
            raise

    def _send(self, request: dict[str, Any], deadline: float) -> None:
        message = {"request": request, "number": self._number}
        if self._offered is None and self._leaves_templates:
            self._offered, control = pair()
            with control:
                self._channel.send(message, [control.fileno()], deadline)
        else:
            self._channel.send(message, deadline=deadline)

    def _answer(self, message: Message) -> dict[str, Any]:
        answer = message["answer"]
        if message["number"] != self._number or not isinstance(answer, dict):
            raise ProtocolError("an answer to another request")
        if message["template"] and self._offered is not None:
            self._left, self._offered = self._offered, None
        self.has_answered = True
        return answer

    def _show(self, question: Message, request: dict[str, Any]) -> None:
        """Tells of a database or hands it over, but only one that the request is about."""
        path = question["want"] if "want" in question else question["look"]
        if not isinstance(path, str) or path not in request.values():
            raise ProtocolError("a wish for another file")
        deadline = time.monotonic() + REPLY_SECONDS
        try:
            if "look" in question:
                self._channel.send({"signature": Signature.of(Path(path))}, deadline=deadline)
                return
            signature, descriptor = self._snapshots.descriptor(Path(path))
        except SqlOptError as error:
            self._channel.send({"error": str(error)}, deadline=deadline)
            return
        try:
            self._channel.send({"signature": signature}, [descriptor], deadline)
        finally:
            os.close(descriptor)

    def kill(self) -> None:
        """Ends the process at once, from any thread; harmless when it has ended."""
        self._process.kill()
        with self._using:  # a call in another thread has met the end of its socket by now
            self._process.close()
            self._close_sockets()

    def abandon(self) -> None:
        """In a fork of the process that made it: gives back all that is held of it here."""
        self._process.forget()
        self._close_sockets()

    def _close_sockets(self) -> None:
        self._channel.close()
        self._life.close()
        for control in (self._offered, self._left):
            if control is not None:
                control.close()


def _seconds(value: Any) -> float:
    if not isinstance(value, int | float) or not 0 <= value <= _LONGEST_PHASE:
        raise ProtocolError(f"a phase of {value} seconds")
    return float(value)
