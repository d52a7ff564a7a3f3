"""What the workers of these tests run."""

from __future__ import annotations

import os
import resource
import signal
import socket
import sys
import time
from collections.abc import Callable
from typing import Any

from sqlopt_env.workers.host import Handler, Host


def make_counter(options: dict[str, Any]) -> Handler:
    """Counts requests, and does what a request's "do" says."""
    count = 0
    ballast = bytearray(options.get("ballast", 0))

    def handle(request: dict[str, Any], host: Host) -> dict[str, Any]:
        nonlocal count
        host("work", request.get("seconds", 5.0))
        count += 1
        for i in range(0, len(ballast), 4096):
            ballast[i] = count % 256
        if request.get("keep"):
            host.checkpoint()
        found = _ACTIONS[request["do"]](request, host) if "do" in request else None
        return {"count": count, "pid": os.getpid(), "echo": request.get("echo"), "found": found}

    return handle


def make_nothing(options: dict[str, Any]) -> Handler:
    raise RuntimeError("this target cannot be made")


def _sleep(request: dict[str, Any], host: Host) -> None:
    time.sleep(request.get("for", 60.0))


def _spin(request: dict[str, Any], host: Host) -> None:
    while True:
        pass


def _die(request: dict[str, Any], host: Host) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _raw(request: dict[str, Any], host: Host) -> None:
    """Writes bytes past the protocol, and then waits or ends."""
    channel = host._channel._socket
    channel.sendall(bytes.fromhex(request["bytes"]))
    if request.get("end"):
        os._exit(0)
    time.sleep(60)


def _big(request: dict[str, Any], host: Host) -> str:
    return "x" * request["size"]


def _say(request: dict[str, Any], host: Host) -> None:
    host._channel.send(request["message"])
    time.sleep(60)


def _database(request: dict[str, Any], host: Host) -> list[Any]:
    signature = host.signature(request["path"])
    with host.database(request.get("other", request["path"])) as image:
        return [signature == image.signature, len(image.contents), bytes(image.contents[:15]).decode(), _descriptors()]


def _descriptors() -> int:
    """How many are open."""
    found = 0
    for number in range(256):
        try:
            os.fstat(number)
        except OSError:
            continue
        found += 1
    return found


def _escape(request: dict[str, Any], host: Host) -> dict[str, str]:
    """Tries to get out, and tells what each attempt has met; with "raise", against the jail alone."""
    if request.get("raise"):
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    folder = request["folder"]

    def fork_and_execute() -> None:
        child = os.fork()
        if child == 0:
            try:
                os.execv("/bin/true", ["true"])
            except OSError as error:
                os._exit(error.errno or 1)
            os._exit(0)
        # The kernel reaps, and so says only that the child is gone: whether it could is what `execute` tells.
        os.waitpid(child, 0)

    def connect() -> None:
        with socket.socket() as end:
            end.connect(("127.0.0.1", request["port"]))

    def bind() -> None:
        with socket.socket() as end:
            end.bind(("127.0.0.1", 0))

    attempts: dict[str, Callable[[], object]] = {
        "read": lambda: open(f"{folder}/file").close(),
        "write": lambda: open(f"{folder}/new", "w").close(),
        "list": lambda: os.listdir(folder),
        "unlink": lambda: os.unlink(f"{folder}/file"),
        "rename": lambda: os.rename(f"{folder}/file", f"{folder}/other"),
        "make folder": lambda: os.mkdir(f"{folder}/folder"),
        "link": lambda: os.symlink("file", f"{folder}/link"),
        "truncate": lambda: os.truncate(f"{folder}/file", 0),
        "socket": lambda: socket.socket().close(),
        "connect": connect,
        "bind": bind,
        "pipe": lambda: [os.close(end) for end in os.pipe()],
        "execute": lambda: os.execv("/bin/true", ["true"]),
        "fork and execute": fork_and_execute,
        "signal": lambda: os.kill(request["pid"], 0),
        "import": lambda: __import__("wave"),
    }
    met = {}
    for name, attempt in attempts.items():
        try:
            attempt()
            met[name] = "done"
        except OSError as error:
            met[name] = type(error).__name__ if error.errno != 24 else "no descriptor"
        except ImportError:
            met[name] = "ImportError"
    return met


def _limits(request: dict[str, Any], host: Host) -> dict[str, Any]:
    host("more", 7.0)
    names = ("CORE", "FSIZE", "NOFILE", "CPU")
    found = {name: resource.getrlimit(getattr(resource, f"RLIMIT_{name}"))[0] for name in names}
    return found | {"descriptors": _descriptors(), "threads": sys._current_frames().__len__()}


_ACTIONS: dict[str, Callable[[dict[str, Any], Host], Any]] = {
    "sleep": _sleep,
    "spin": _spin,
    "die": _die,
    "raw": _raw,
    "big": _big,
    "say": _say,
    "database": _database,
    "escape": _escape,
    "limits": _limits,
}
