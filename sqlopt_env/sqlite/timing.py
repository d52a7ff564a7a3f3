"""What every measurement shares: the clock, one timed run, and what a comparison of two queries says.

There are three ways to measure: against a yardstick (yardstick.py, the ordinary one), original and rewrite in turn
(interleaved.py, for final figures), and by SQLite's steps (steps.py, the same at every run).
"""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice

import apsw

SHORTEST_SAMPLE = 300_000  # nanoseconds: what is shorter is repeated within a sample
_MOST_REPEATS = 1000
_CHUNK = 256  # rows that are fetched at a time

# Thread CPU time leaves out the time of other programs; Windows counts it in ticks of 15 ms.
cpu_clock: Callable[[], int] = time.perf_counter_ns if sys.platform == "win32" else time.thread_time_ns


@dataclass(frozen=True, slots=True)
class Comparison:
    """`original` and `rewrite` are CPU seconds of one execution (medians), `speedup` their ratio.

    `yard` is what the yardstick took beside them, where there is one.
    """

    original: float
    rewrite: float
    speedup: float
    low: float
    high: float
    rounds: int
    yard: float = 1.0


def drain(connection: apsw.Connection, query: str, *, cached: bool = True) -> int:
    """Runs the query to its end, keeping no row; the CPU nanoseconds it took."""
    cursor = connection.cursor()
    start = cpu_clock()
    cursor.execute(query, can_cache=cached)
    while list(islice(cursor, _CHUNK)):
        pass
    return cpu_clock() - start


def repeats(nanoseconds: float) -> int:
    """How often a run of this length is repeated within one sample."""
    return max(1, min(_MOST_REPEATS, round(SHORTEST_SAMPLE / max(nanoseconds, 1.0))))


def sample(run: Callable[[], int], times: int) -> float:
    """Nanoseconds of one run, the mean of several."""
    return max(1.0, sum(run() for _ in range(times)) / times)


@contextmanager
def no_garbage_collection() -> Iterator[None]:
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
