"""The own side of a local executor's process: reads items, does the work, writes the answers; ends with its caller.

Messages are pickled pairs. From the caller: (function or None for the last one, item). To it: ("unusable", why),
("begun", None), and ("done", what `performed` wrote).
"""

from __future__ import annotations

import fcntl
import os
import pickle
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

from .base import performed


def main(life: int) -> None:
    """Runs until the caller's end of the socket at the standard input, or of the pipe `life`, is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the caller's to handle
    _end_with(life)
    connection: Connection[Any, Any] = Connection(os.dup(0))
    with open(os.devnull) as nothing:
        os.dup2(nothing.fileno(), 0)
    # A fork of this process must not hold the socket: the caller sees by its end that this one has died.
    os.register_at_fork(after_in_child=connection.close)
    function: Callable[[Any], Any] | None = None
    with suppress(EOFError, ConnectionError):
        while True:
            sent, item = connection.recv()
            try:
                function = function if sent is None else pickle.loads(sent)
            except Exception as error:
                connection.send(("unusable", " ".join(f"{type(error).__name__}: {error}".split())))
                continue
            assert function is not None
            connection.send(("begun", None))
            connection.send(("done", performed(function, item)))


def _end_with(life: int) -> None:
    """Ends this process when the other end of the pipe is closed, whatever it is doing then."""
    if sys.platform == "linux":  # the kernel's signal comes even in the middle of C code that holds the interpreter
        signal.signal(signal.SIGIO, signal.SIG_DFL)
        fcntl.fcntl(life, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(life, fcntl.F_SETFL, fcntl.fcntl(life, fcntl.F_GETFL) | os.O_ASYNC)

    def watch() -> None:  # also for a caller that was gone before the signal was asked for
        os.read(life, 1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
