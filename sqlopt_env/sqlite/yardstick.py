"""Times a query in units of a fixed short scan that runs right before and after it: the slow query runs once a task.

Processors change their speed, and neighbours take caches away: a baseline from a minute ago is off by half. Its ratio
to the yardstick, taken in the same milliseconds, is nearly right. So a task keeps its original in yardsticks, and an
evaluation measures the rewrite in yardsticks alone.

What slows the yardstick down slows a query down too, but less: neighbours take more from it than from most queries.
Over 30 queries the slope of log(query) on log(yardstick) was 0.6 in the mean on a busy machine, and would be 1 for a
processor that changes its speed. Hence `log(query) - ELASTICITY * log(yardstick)`.

The interval of the log speedup is its median plus or minus Z * s, where s^2 adds up what is uncertain: the samples of
both queries; what two moments differ by however long one measures in each, BETWEEN^2 corrected by the two moments at
which the original was measured; and for both queries (SLOWNESS * log(yardstick / its fastest))^2, because queries
differ in how much they slow down. The constants were fitted so that 95 % of the intervals hold the long-run median, on
a quiet machine and on a busy one (`python benchmarks/noise.py`).
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from math import exp, log, sqrt
from statistics import median, variance

from .connection import memory_connection
from .timing import Comparison, drain, no_garbage_collection, repeats, sample

NU0, S0 = 4, 0.045  # the prior of one sample's deviation: as if four samples had shown 4.5 %
BETWEEN, SLOWNESS, ELASTICITY = 0.045, 0.18, 0.75
Z = 1.96
ROUNDS, DOUBTFUL_ROUNDS, MOST_ROUNDS = 3, 8, 15
MARGINAL = 0.5  # log speedup
TOLERANCE = 0.2  # the samples' part of half the interval's width at which measuring may stop
BASELINE_SECONDS, _BASELINE_ROUNDS = 0.2, 7  # each of the two times that an original is measured
_MOMENTS_NU0 = 3  # the prior of the variance between moments: as if three pairs of them had shown BETWEEN
_MOST_SCANS = 8
_SHORT, _VERY_LONG = 3_000_000, 2_000_000_000  # nanoseconds

# Scans, looks rows up over more memory than a processor's nearest caches hold, groups, and makes texts, as queries do:
# each of the four alone follows some queries' drift badly.
_TABLE = """
CREATE TABLE y (id INTEGER PRIMARY KEY, a INTEGER, b TEXT, c REAL);
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40000)
INSERT INTO y SELECT i, i * 7919 % 40001, 'name' || (i * 31 % 977), i * 0.5 FROM n;
CREATE INDEX y_a ON y (a);
"""
_QUERY = """
SELECT (SELECT sum(a) FROM y WHERE id BETWEEN 9000 AND 11000 AND b > 'name5' AND c > 100),
       (SELECT sum(length(y.b)) FROM (SELECT id * 57 % 40000 AS k FROM y LIMIT 200) AS s JOIN y ON y.a = s.k),
       (SELECT count(*) FROM (SELECT b FROM (SELECT b FROM y LIMIT 700) GROUP BY b)),
       (SELECT sum(length(replace(b, 'e', 'xy'))) FROM y WHERE id BETWEEN 20000 AND 20700)
"""


@dataclass(frozen=True, slots=True)
class Timing:
    """A query in yardsticks: the median of its `log_ratio`, the variance of that, and plain CPU seconds of both.

    `moments` is the variance between two moments at which one may measure it.
    """

    log_ratio: float
    variance: float
    moments: float
    seconds: float
    yard: float
    rounds: int


class Yardstick:
    """The fixed scan, on a database of its own."""

    def __init__(self) -> None:
        self._connection = memory_connection()
        deque(self._connection.execute(_TABLE), maxlen=0)
        self._connection.pragma("cache_size", 10_000)
        self._fastest = min(self.run() for _ in range(10))

    def baseline(self, run: Callable[[], int], seen: int) -> Timing:
        """Times an original for half a baseline; `run` gives the nanoseconds of one run, `seen` what it took before."""
        least = 1 if seen > _VERY_LONG else 2
        rounds = max(least, min(_BASELINE_ROUNDS, round(BASELINE_SECONDS * 1e9 / max(seen, 1))))
        return self._timed(run, seen, lambda ratios, _: len(ratios) >= rounds)

    @staticmethod
    def joined(one: Timing, other: Timing) -> Timing:
        """The baseline from two moments, which also tells how much two moments differ for this query."""
        apart = (one.log_ratio - other.log_ratio) ** 2 / 2
        moments = (_MOMENTS_NU0 * BETWEEN**2 + apart) / (_MOMENTS_NU0 + 1)
        return Timing(
            (one.log_ratio + other.log_ratio) / 2,
            (one.variance + other.variance) / 4 + moments / 2,
            moments,
            (one.seconds + other.seconds) / 2,
            (one.yard + other.yard) / 2,
            one.rounds + other.rounds,
        )

    def compare(
        self, original: Timing, run: Callable[[], int], seen: int, seconds: float, again: Callable[[], Timing]
    ) -> tuple[Comparison, Timing]:
        """How much faster than the original? Ends after some rounds, or after `seconds` of wall time.

        A gain so small that an original measured in another moment may feign it has the original measured `again`; the
        smaller gain counts. Gives the original's timing with what was learnt of it.
        """
        deadline = time.perf_counter() + seconds

        def enough(ratios: list[float], yard: float) -> bool:
            middle = original.log_ratio - median(ratios)
            half = _half_width(original, self._variance(ratios, yard))
            if middle + half < 0 or time.perf_counter() > deadline:
                return True  # certainly slower, which is never paid: by how much may stay rough
            scatter = Z * sqrt(self._variance(ratios, self._fastest))  # that more samples make smaller
            if len(ratios) < ROUNDS or (scatter > TOLERANCE and len(ratios) < MOST_ROUNDS):
                return False
            # A gain that has only just shown itself is looked at longer, so that noise alone is not paid.
            return not half < middle < 2 * half or len(ratios) >= DOUBTFUL_ROUNDS

        timing = self._timed(run, seen, enough)
        middle = original.log_ratio - timing.log_ratio
        half = _half_width(original, timing.variance)
        if half < middle < MARGINAL:
            now = again()
            original = self.joined(original, now)
            middle = min(original.log_ratio, now.log_ratio) - timing.log_ratio
            half = _half_width(original, timing.variance)
        comparison = Comparison(
            # What the original would take now, at the speed that the machine has.
            original=timing.seconds * exp(middle),
            rewrite=timing.seconds,
            speedup=exp(middle),
            low=exp(middle - half),
            high=exp(middle + half),
            rounds=timing.rounds,
            yard=timing.yard,
        )
        return comparison, original

    def run(self) -> float:
        """The CPU seconds that the fixed scan takes now."""
        return drain(self._connection, _QUERY) / 1e9

    def _timed(self, run: Callable[[], int], seen: int, enough: Callable[[list[float], float], bool]) -> Timing:
        """Samples with the yardstick between them, until they are `enough`."""
        # Beside a long sample one scan says little of the machine's speed.
        scans = max(1, min(_MOST_SCANS, round(sqrt(seen / 4e6))))
        ratios: list[float] = []
        seconds: list[float] = []
        yards: list[float] = []
        with no_garbage_collection():
            # What is short is run once before: compiling it and filling caches would be a good part of it.
            times = repeats(run()) if seen < _SHORT else 1
            while not ratios or not enough(ratios, median(yards)):
                taken = sample(run, times) / 1e9
                yards.append(self._scans(scans))
                seconds.append(taken)
                # After the first sample only: a scan before it would find other caches than between samples.
                around = (log(yards[-1]) + log(yards[-2 if len(yards) > 1 else -1])) / 2
                ratios.append(log(taken) - ELASTICITY * around)
            yard = median(yards)
            self._fastest = min(self._fastest, *yards)
        return Timing(median(ratios), self._variance(ratios, yard), BETWEEN**2, median(seconds), yard, len(ratios))

    def _variance(self, ratios: list[float], yard: float) -> float:
        """Of the median of these samples, beside which the yardstick took so long."""
        n = len(ratios)
        spread = variance(ratios) if n > 1 else 0.0
        shrunken = (NU0 * S0**2 + (n - 1) * spread) / (NU0 + n - 1)
        return shrunken / n + (SLOWNESS * log(yard / self._fastest)) ** 2

    def _scans(self, count: int) -> float:
        return median(self.run() for _ in range(count))


def _half_width(original: Timing, of_median: float) -> float:
    return Z * sqrt(original.moments + original.variance + of_median)
