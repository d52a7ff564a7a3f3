"""How much faster? Interleaved rounds on thread CPU time, and a median of log ratios with an honest interval.

A round runs the original and the rewrite next to each other, so that a drift of the machine's speed meets both.
The rule was chosen by measurement among twelve (p90 deviation 0.12 in log speedup for about 3.5 times the cost of
one pair): sample d = log(original) - log(rewrite); after n rounds shrink the variance towards a prior,
s^2 = (NU0 * S0^2 + (n - 1) * var) / (NU0 + n - 1); the interval is the median of d, plus or minus t * s / sqrt(n)
with Student's t at NU0 + n - 1 degrees of freedom.
"""

from __future__ import annotations

import gc
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import exp, log, sqrt
from statistics import median, variance
from typing import Any

import apsw

NU0, S0 = 2, 0.10  # the prior of the variance: as if two samples had shown 10 %
TOLERANCE = 0.2  # half the interval's width in log speedup at which measuring may stop ...
TOLERANCE_SHARE = 0.08  # ... or this share of the log speedup itself: of 1,000 times, a factor of 1.7 either way
MIN_ROUNDS, DOUBTFUL_ROUNDS, MAX_ROUNDS = 2, 8, 15
SHORTEST_SAMPLE = 500_000  # nanoseconds: what is shorter is repeated within a sample
# Student's t, 97.5 %, by degrees of freedom from 2.
_T = (4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120)
_T_LATER = 2.110

# Thread CPU time leaves out the time of other programs; Windows counts it in ticks of 15 ms.
cpu_clock: Callable[[], int] = time.perf_counter_ns if sys.platform == "win32" else time.thread_time_ns


@dataclass(frozen=True, slots=True)
class Comparison:
    """`original` and `rewrite` are CPU seconds of one execution (medians), `speedup` their ratio."""

    original: float
    rewrite: float
    speedup: float
    low: float
    high: float
    rounds: int


def drain(connection: apsw.Connection, query: str) -> int:
    """Runs the query to its end, keeping no row; the CPU nanoseconds it took."""
    start = cpu_clock()
    deque(connection.execute(query), maxlen=0)
    return cpu_clock() - start


def interleave(original: Callable[[], int], rewrite: Callable[[], int], seconds: float, seen: int) -> Comparison:
    """Rounds until the interval is narrow enough, or `seconds` of wall time are over; at least one round.

    `original` and `rewrite` run once and return the nanoseconds they took; `seen` is what the rewrite took before.
    """
    deadline = time.perf_counter() + seconds
    a_samples: list[float] = []
    b_samples: list[float] = []
    ratios: list[float] = []
    with _no_garbage_collection():
        a_repeats, b_repeats = 1, _repeats(rewrite()) if seen < SHORTEST_SAMPLE else 1
        while len(ratios) < MAX_ROUNDS:
            if len(ratios) % 2:  # who goes first alternates
                b = _sample(rewrite, b_repeats)
                a = _sample(original, a_repeats)
            else:
                a = _sample(original, a_repeats)
                b = _sample(rewrite, b_repeats)
            if a_repeats == 1 and a < SHORTEST_SAMPLE:
                a_repeats = _repeats(a)
                a = _sample(original, a_repeats)
            a_samples.append(a)
            b_samples.append(b)
            ratios.append(log(max(a, 1.0)) - log(max(b, 1.0)))
            half = _half_width(ratios)
            if _enough(ratios, half) or time.perf_counter() > deadline:
                break
    middle = median(ratios)
    return Comparison(
        original=median(a_samples) / 1e9,
        rewrite=median(b_samples) / 1e9,
        speedup=exp(middle),
        low=exp(middle - half),
        high=exp(middle + half),
        rounds=len(ratios),
    )


def _enough(ratios: list[float], half: float) -> bool:
    n, middle = len(ratios), median(ratios)
    if middle + half < 0:
        return True  # certainly slower, which is never paid: by how much may stay rough
    if n < MIN_ROUNDS or half > max(TOLERANCE, TOLERANCE_SHARE * middle):
        return False
    # A gain that has only just shown itself is looked at longer, so that noise alone is not paid.
    return not half < middle < 2 * half or n >= DOUBTFUL_ROUNDS


def _half_width(ratios: list[float]) -> float:
    n = len(ratios)
    spread = variance(ratios) if n > 1 else 0.0
    freedom = NU0 + n - 1
    shrunken = (NU0 * S0**2 + (n - 1) * spread) / freedom
    t = _T[freedom - 2] if freedom - 2 < len(_T) else _T_LATER
    return t * sqrt(shrunken / n)


def _repeats(nanoseconds: float) -> int:
    return max(1, min(1000, round(SHORTEST_SAMPLE / max(nanoseconds, 1.0))))


def _sample(run: Callable[[], int], repeats: int) -> float:
    return sum(run() for _ in range(repeats)) / repeats


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@dataclass(slots=True, eq=False)
class StepCount:
    """Virtual-machine steps: the same number on every machine and at every run."""

    steps: int = 0


@contextmanager
def counting_steps(connection: apsw.Connection) -> Iterator[StepCount]:
    """Counts the steps of statements that are prepared afresh (not taken from the cache) while this is open."""
    count = StepCount()

    def profile(event: dict[str, Any]) -> None:
        count.steps += event["stmt_status"]["SQLITE_STMTSTATUS_VM_STEP"]

    connection.trace_v2(apsw.SQLITE_TRACE_PROFILE, profile, id=count)
    try:
        yield count
    finally:
        connection.trace_v2(0, None, id=count)


def count_steps(connection: apsw.Connection, statement: str) -> int:
    """The steps of one execution, at least 1."""
    with counting_steps(connection) as count:
        deque(connection.execute(statement, can_cache=False), maxlen=0)
    return max(count.steps, 1)


def compared_steps(original: int, rewrite: int) -> Comparison:
    """The comparison of two step counts, in millions: exact, so that the interval is a point."""
    ratio = original / rewrite
    return Comparison(original / 1e6, rewrite / 1e6, ratio, ratio, ratio, 1)
