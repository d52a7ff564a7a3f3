"""Where workers come from on Linux: forked in milliseconds from templates, the first of which is the zygote.

A worker is held by a pidfd, so that no signal meets a process that has got its number since. Its number comes from
the kernel, with its first message: a template is trusted with nothing, for hostile SQL may have run in it before.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from typing import Any

from ..sqlite.snapshot import Snapshots
from .wire import Channel, ProtocolError, pair
from .worker import START_SECONDS, Worker, WorkerDied, WorkerOverran

TEMPLATE_SECONDS = 0.25  # that a template may take to fork, before the zygote is asked instead
_EXIT_SECONDS = 5.0  # for the kernel to end a process, which may have much memory to give back


class PidfdProcess:
    """A process that is not this one's child."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._pidfd: int | None = os.pidfd_open(pid)
        self._lock = threading.Lock()  # nobody may close the pidfd while another thread uses its number

    def is_running(self) -> bool:
        with self._lock:
            return self._pidfd is not None and not _has_ended(self._pidfd, 0)

    def kill(self) -> None:
        with self._lock, suppress(ProcessLookupError):
            if self._pidfd is None:
                return
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
            _has_ended(self._pidfd, _EXIT_SECONDS)
            for _ in range(20):  # until it is reaped, too: then the signal 0 raises
                signal.pidfd_send_signal(self._pidfd, 0)
                time.sleep(0.0005)

    def close(self) -> None:
        with self._lock:
            if self._pidfd is not None:
                os.close(self._pidfd)
                self._pidfd = None

    def forget(self) -> None:
        self._lock = threading.Lock()
        self.close()


class Template:
    """A process that forks workers, by its control socket. It ends when that is closed."""

    def __init__(self, control: Channel) -> None:
        self._control = control
        self._lock = threading.Lock()

    def fork(self, snapshots: Snapshots, seconds: float) -> Worker:
        """A new worker; raises OSError, EOFError or ProtocolError where the template is gone or does not answer."""
        deadline = time.monotonic() + seconds
        channel, end = pair()
        life, far_life = socket.socketpair()
        try:
            with end, far_life, self._lock:
                channel.ask_for_senders()
                self._control.send({}, [end.fileno(), far_life.fileno()], deadline)
            _, pid = channel.receive_from(deadline)
            process = PidfdProcess(pid)
            if not channel.is_open():  # it has died since: the number may be another's by now
                process.close()
                raise EOFError
        except BaseException:
            channel.close()
            life.close()
            raise
        return Worker(process, channel, life, snapshots, leaves_templates=True)

    def close(self) -> None:
        self._control.close()


class Zygote(Template):
    """A fresh interpreter that has imported the target; see `Worker` for the arguments."""

    def __init__(self, target: str, options: dict[str, Any]) -> None:
        control, end = pair()
        with end:
            self._process = start_python("zygote", end)
        super().__init__(control)
        with suppress(OSError):  # one that died at once is found out by the first fork
            control.send({"target": target, "options": options})

    @property
    def pid(self) -> int:
        return self._process.pid

    def close(self) -> None:
        super().close()
        self._process.kill()
        self._process.wait()

    def abandon(self) -> None:
        super().close()
        forget(self._process)


class Nursery:
    """Makes workers of one target: from a template, else from the zygote, else from a new zygote."""

    def __init__(self, target: str, options: dict[str, Any], snapshots: Snapshots) -> None:
        self._target, self._options, self._snapshots = target, options, snapshots
        self._lock = threading.Lock()
        self._closed = False
        self.zygote: Zygote | None = None

    def spawn(self, template: Template | None) -> tuple[Worker, bool]:
        """A new worker, and whether it is the template's. Raises WorkerDied or WorkerOverran where there is none."""
        if template is not None:
            with suppress(OSError, EOFError, ProtocolError):
                return template.fork(self._snapshots, TEMPLATE_SECONDS), True
        zygote, is_new = self._running_zygote(None)
        try:
            while True:
                try:
                    return zygote.fork(self._snapshots, START_SECONDS), False
                except (OSError, EOFError, ProtocolError):
                    if is_new:
                        raise
                    zygote, is_new = self._running_zygote(zygote)
        except TimeoutError:
            raise WorkerOverran("start") from None
        except (OSError, EOFError, ProtocolError) as error:
            raise WorkerDied("no worker process could be started") from error

    def _running_zygote(self, failed: Zygote | None) -> tuple[Zygote, bool]:
        """The zygote, or another where this one has failed."""
        with self._lock:
            if self._closed:
                raise WorkerDied("no worker process is started any more")
            if self.zygote is not None and self.zygote is not failed:
                return self.zygote, False
            if self.zygote is not None:
                self.zygote.close()
            self.zygote = Zygote(self._target, self._options)
            return self.zygote, True

    def close(self) -> None:
        with self._lock:
            self._closed = True
            if self.zygote is not None:
                self.zygote.close()
                self.zygote = None

    def abandon(self) -> None:
        """In a fork of the process that made it: the zygote is the other's. The lock may be held for ever."""
        if self.zygote is not None:
            self.zygote.abandon()


def can_fork() -> bool:
    """Does this system have all that is needed here?"""
    if sys.platform != "linux" or not hasattr(os, "pidfd_open"):
        return False
    try:
        os.close(os.pidfd_open(os.getpid()))
    except OSError:
        return False
    return True


def start_python(main: str, standard_input: socket.socket) -> subprocess.Popen[bytes]:
    """A fresh interpreter that runs a main of `child`; it has no thread but one, and modules from where these are."""
    package = __name__.rpartition(".")[0]
    boot = f"import json, sys; sys.path[:] = json.loads(sys.argv[1]); from {package}.child import {main}; {main}()"
    return subprocess.Popen(
        [sys.executable, "-c", boot, json.dumps([path for path in sys.path if path])],
        stdin=standard_input.fileno(),
        start_new_session=True,  # Ctrl-C in a terminal is the caller's to handle
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
    )


def forget(process: subprocess.Popen[bytes]) -> None:
    """In a fork of the process that started it: it is another's child, and nothing to warn of."""
    process.returncode = 0


def _has_ended(pidfd: int, seconds: float) -> bool:
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    return bool(poll.poll(seconds * 1000))
