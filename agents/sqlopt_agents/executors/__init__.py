"""Where work is done: in this process, in processes of this machine, or on the machines of a Ray cluster.

All have one method that matters, `map_unordered`; see `Executor` for what it promises. What an item is, and what is
done to it, is the caller's.
"""

from __future__ import annotations

import os

from .base import Executor, Failure, misuse

EXECUTORS = ("serial", "local", "ray")


def make_executor(name: str, workers: int | None = None) -> Executor:
    """`serial` (this process), `local` (`workers` processes) or `ray` (a cluster).

    `workers` is by default one fewer than there are cores. A Ray cluster that runs already, at RAY_ADDRESS, is used
    with all its cores instead. Raises SqlOptError for another name, and where Ray is not installed.
    """
    if workers is not None and (type(workers) is not int or workers < 1):
        raise misuse(f"workers must be a whole number of at least 1, not {workers!r}")
    count = workers or max(1, (os.cpu_count() or 2) - 1)
    match name:
        case "serial":
            from .serial import SerialExecutor

            return SerialExecutor()
        case "local":
            from .local import LocalExecutor

            return LocalExecutor(count)
        case "ray":
            from .ray import RayExecutor

            return RayExecutor(count)
    raise misuse(f"unknown executor {name!r}; give one of {', '.join(EXECUTORS)}")


__all__ = ["EXECUTORS", "Executor", "Failure", "make_executor"]
