"""Where workers come from on systems without pidfds: each is an interpreter of its own. Nothing outlives one."""

from __future__ import annotations

import socket
import subprocess
import time
from typing import Any

from ..sqlite.snapshot import Snapshots
from .wire import ProtocolError, pair
from .worker import START_SECONDS, Worker, WorkerDied, WorkerOverran
from .zygote import Template, forget, start_python


class ChildProcess:
    """A process that is this one's child."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    @property
    def pid(self) -> int:
        return self._process.pid

    def is_running(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """There is nothing to give back."""

    def forget(self) -> None:
        forget(self._process)


class Spawner:
    """Makes workers of one target; in place of a `Nursery`."""

    def __init__(self, target: str, options: dict[str, Any], snapshots: Snapshots) -> None:
        self._hello = {"target": target, "options": options}
        self._snapshots = snapshots

    def spawn(self, template: Template | None) -> tuple[Worker, bool]:
        """A new worker, never a template's. Raises WorkerDied or WorkerOverran where there is none."""
        deadline = time.monotonic() + START_SECONDS
        channel, end = pair()
        life, far_life = socket.socketpair()
        with end:
            worker = Worker(ChildProcess(start_python("lone_worker", end)), channel, life, self._snapshots)
        try:
            with far_life:
                channel.send(self._hello, deadline=deadline)
                channel.send({}, [far_life.fileno()], deadline)
            channel.receive(deadline)
        except TimeoutError:
            worker.kill()
            raise WorkerOverran("start") from None
        except (OSError, EOFError, ProtocolError) as error:
            worker.kill()
            raise WorkerDied("no worker process could be started") from error
        except BaseException:
            worker.kill()
            raise
        return worker, False

    def close(self) -> None:
        """There is nothing but the workers."""

    def abandon(self) -> None:
        """There is nothing but the workers."""
