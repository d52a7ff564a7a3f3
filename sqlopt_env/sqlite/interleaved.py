"""Original and rewrite in turn, on thread CPU time: a drift of the machine's speed meets both. For final figures.

The rule was chosen by measurement among twelve (p90 deviation 0.12 in log speedup for about 3.5 times the cost of
one pair): sample d = log(original) - log(rewrite); after n rounds shrink the variance towards a prior,
s^2 = (NU0 * S0^2 + (n - 1) * var) / (NU0 + n - 1); the interval is the median of d, plus or minus t * s / sqrt(n)
with Student's t at NU0 + n - 1 degrees of freedom.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from math import exp, log, sqrt
from statistics import median, variance

from .timing import SHORTEST_SAMPLE, Comparison, no_garbage_collection, repeats, sample

NU0, S0 = 2, 0.10  # the prior of the variance: as if two samples had shown 10 %
TOLERANCE = 0.2  # half the interval's width in log speedup at which measuring may stop ...
TOLERANCE_SHARE = 0.08  # ... or this share of the log speedup itself: of 1,000 times, a factor of 1.7 either way
MIN_ROUNDS, DOUBTFUL_ROUNDS, MAX_ROUNDS = 2, 8, 15
# Student's t, 97.5 %, by degrees of freedom from 2.
_T = (4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120)
_T_LATER = 2.110


def interleave(original: Callable[[], int], rewrite: Callable[[], int], seconds: float, seen: int) -> Comparison:
    """Rounds until the interval is narrow enough, or `seconds` of wall time are over; at least one round.

    `original` and `rewrite` run once and return the nanoseconds they took; `seen` is what the rewrite took before.
    """
    deadline = time.perf_counter() + seconds
    a_samples: list[float] = []
    b_samples: list[float] = []
    ratios: list[float] = []
    with no_garbage_collection():
        a_repeats, b_repeats = 1, repeats(rewrite()) if seen < SHORTEST_SAMPLE else 1
        while len(ratios) < MAX_ROUNDS:
            if len(ratios) % 2:  # who goes first alternates
                b = sample(rewrite, b_repeats)
                a = sample(original, a_repeats)
            else:
                a = sample(original, a_repeats)
                b = sample(rewrite, b_repeats)
            if a_repeats == 1 and a < SHORTEST_SAMPLE:
                a_repeats = repeats(a)
                a = sample(original, a_repeats)
            a_samples.append(a)
            b_samples.append(b)
            ratios.append(log(a) - log(b))
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
