"""Worker processes with limits, that can be killed. Knows nothing of what they run.

The parent sends a request, the worker answers with `{"allow": seconds, "phase": name}` before each of its phases
and with `{"answer": ...}` at the end. A phase that lasts longer than it was allowed, plus a grace, is killed: that
works even inside one endless SQLite opcode. Messages are JSON, so that a broken worker cannot run code here.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

GRACE = 0.5  # seconds that the parent waits beyond what a phase was allowed
START_SECONDS = 60.0  # for the interpreter and its imports
REPLY_SECONDS = 10.0  # until the first word about a request
_BOOT = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from sqlopt_env.sqlite.sandbox import serve; serve()"

Allow = Callable[[str, float], None]
Handler = Callable[[dict[str, Any], Allow], dict[str, Any]]


class WorkerDied(Exception):
    """The worker process ended while it was working."""


class WorkerOverran(Exception):
    """The worker was killed because a phase took too long; `phase` names it."""

    def __init__(self, phase: str) -> None:
        super().__init__(phase)
        self.phase = phase


class Worker:
    """One worker process. `target` is "module:callable", called there with `options` to make the handler."""

    def __init__(self, target: str, options: dict[str, Any]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _BOOT, json.dumps([path for path in sys.path if path])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C in a terminal is the parent's to handle
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._requests = Connection(os.dup(self._process.stdin.fileno()), readable=False)
        self._answers = Connection(os.dup(self._process.stdout.fileno()), writable=False)
        self._process.stdin.close()
        self._process.stdout.close()
        self._fresh = True
        self._using = threading.RLock()
        with contextlib.suppress(OSError):  # a worker that died at once is found out by the first call
            self._send({"target": target, "options": options})

    @property
    def pid(self) -> int:
        return self._process.pid

    def is_running(self) -> bool:
        return self._process.poll() is None

    def call(self, request: dict[str, Any]) -> dict[str, Any]:
        """The handler's answer; raises WorkerDied or WorkerOverran, after which the worker is gone."""
        with self._using:
            return self._call(request)

    def _call(self, request: dict[str, Any]) -> dict[str, Any]:
        phase, deadline = "start", time.monotonic() + (START_SECONDS if self._fresh else REPLY_SECONDS)
        self._fresh = False
        try:
            self._send(request)
            while True:
                if not self._answers.poll(max(0.0, deadline - time.monotonic())):
                    self.kill()
                    raise WorkerOverran(phase)
                message = json.loads(self._answers.recv_bytes())
                if "answer" in message:
                    answer: dict[str, Any] = message["answer"]
                    return answer
                phase, deadline = message["phase"], time.monotonic() + message["allow"] + GRACE
        except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
            self.kill()
            raise WorkerDied("the worker process died") from error
        except BaseException:  # Ctrl-C: the answer that is still to come must not meet the next request
            self.kill()
            raise

    def _send(self, message: dict[str, Any]) -> None:
        self._requests.send_bytes(json.dumps(message).encode())

    def kill(self) -> None:
        """Ends the process at once, from any thread; harmless when it has ended."""
        with contextlib.suppress(OSError):
            self._process.kill()
        self._process.wait()
        with self._using:  # a call in another thread has met the end of the pipe by now
            for pipe in (self._requests, self._answers):
                if not pipe.closed:
                    pipe.close()


def serve() -> None:
    """The worker's main: build the handler, then answer requests until the parent is gone."""
    # The answers' pipe gets a number of its own, so that a stray print cannot break the protocol.
    requests = Connection(os.dup(0), writable=False)
    answers = Connection(os.dup(1), readable=False)
    os.dup2(2, 1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    hello = json.loads(requests.recv_bytes())
    _die_with_parent(requests)
    module, _, name = hello["target"].partition(":")
    handler: Handler = getattr(importlib.import_module(module), name)(hello["options"])

    def allow(phase: str, seconds: float) -> None:
        answers.send_bytes(json.dumps({"phase": phase, "allow": seconds}).encode())

    with contextlib.suppress(EOFError, OSError):
        while True:
            answer = handler(json.loads(requests.recv_bytes()), allow)
            answers.send_bytes(json.dumps({"answer": answer}).encode())


def _die_with_parent(requests: Connection) -> None:
    """Ends this process when the parent's end of the pipe is gone, even in the middle of an endless query.

    A thread can do it because SQLite runs without the interpreter's lock. (Linux's parent-death signal would fire
    as soon as the parent's *thread* that started the worker ends.)
    """
    if not hasattr(select, "poll"):
        return
    poll = select.poll()
    poll.register(requests.fileno(), 0)  # nothing asked for: only a hang-up wakes it

    def watch() -> None:
        poll.poll()
        os._exit(0)

    threading.Thread(target=watch, daemon=True).start()


def limit_process(memory_bytes: int) -> None:
    """No core dumps, no files, and at most `memory_bytes` more address space than is in use now."""
    if sys.platform == "win32":
        return
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    if sys.platform == "linux":
        with open("/proc/self/statm") as statm:
            used = int(statm.read().split()[0]) * resource.getpagesize()
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        resource.setrlimit(resource.RLIMIT_AS, (used + memory_bytes, hard))
