"""What the executors' tests do to their items, in processes that import it."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any


def double(number: int) -> int:
    return 2 * number


def slowly(number: int) -> int:
    time.sleep(0.05)
    return 2 * number


def at_once_or_never(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def odd_ones_raise(number: int) -> int:
    if number % 2:
        raise ValueError(f"{number} is odd")
    return number


def process(_: Any) -> int:
    time.sleep(0.05)
    return os.getpid()


def noted(item: tuple[str, int]) -> int:
    """Leaves a line in a file, and dies as often as the number says."""
    path, deaths = item
    with open(path, "a") as file:
        file.write("x")
    if Path(path).stat().st_size <= deaths:
        os.kill(os.getpid(), signal.SIGKILL)
    return deaths


def deadly(number: int) -> int:
    """Multiples of seven kill their process, every time."""
    if number % 7 == 0:
        os._exit(3)
    return number


def endless_in_c(number: int) -> int:
    """One call that does not come back, and does not let go of the interpreter."""
    return sum(range(10**12)) if number == 0 else number


def leaves(_: Any) -> None:
    raise SystemExit(3)


def large(size: int) -> bytes:
    return bytes(size)


def length(value: bytes) -> int:
    return len(value)


def unwritable(_: Any) -> Any:
    return lambda: None


class Particular(Exception):
    """Cannot be made from its text alone."""

    def __init__(self, one: int, two: int) -> None:
        super().__init__(f"{one} and {two}")


def particular(_: Any) -> None:
    raise Particular(1, 2)


def with_children(path: str) -> int:
    """Starts a process of its own, tells its number, and sleeps."""
    import subprocess

    child = subprocess.Popen(["sleep", "1000"])
    Path(path).write_text(f"{os.getpid()} {child.pid}")
    time.sleep(1000)
    return 0


def slowly_with_machine(item: tuple[str, int]) -> str:
    """Leaves a line in a file, takes its time, and tells on which machine of a Ray cluster it was."""
    import ray

    with open(item[0], "a") as file:
        file.write("x")
    time.sleep(0.1)
    return str(ray.get_runtime_context().get_node_id())
