"""The arithmetic of the score table: from judged answers to scores with their intervals. It judges nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import comb, exp, isfinite, log
from statistics import fmean
from typing import Literal

import numpy as np
from numpy.typing import NDArray

DRAWS = 2000
_HELD = 1_000_000  # numbers of draws that are held in memory at a time
_RIGHT = ("improved", "equivalent")
_REFUSED = ("invalid", "forbidden", "crashed")

Unit = Literal["share", "factor", "seconds", "dollars"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the scores need of one judged proposal."""

    outcome: str
    success: bool
    speedup: float | None
    effective_speedup: float | None
    seconds: float  # that the judge took


@dataclass(frozen=True, slots=True)
class Batch:
    """The answers that a policy gave to one task at once: `seconds` to think of all of them, and their price."""

    answers: tuple[Answer, ...]
    seconds: float
    dollars: float


@dataclass(frozen=True, slots=True)
class Score:
    """A value with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Metric:
    """A column of the score table: of a task, the mean of `of` over its answers; of a policy, the mean over the tasks.

    Of a `factor` both means are geometric.
    """

    name: str
    unit: Unit
    of: Callable[[Batch, Answer], float]


def _gain(speedup: float | None, outcome: str) -> float:
    """The logarithm of what is gained: that of the speedup where the answer is right, else 0, for nobody uses it."""
    if outcome not in _RIGHT or speedup is None or not (isfinite(speedup) and speedup > 0):
        return 0.0
    return log(speedup)


METRICS: tuple[Metric, ...] = (
    # SQLite took it and the allow-list let it pass; a worker that crashed leaves that open, which counts as no.
    Metric("valid", "share", lambda batch, answer: answer.outcome not in _REFUSED),
    Metric("equivalent", "share", lambda batch, answer: answer.outcome in _RIGHT),
    Metric("improved", "share", lambda batch, answer: answer.outcome == "improved"),
    Metric("success", "share", lambda batch, answer: answer.success),
    Metric("refuted", "share", lambda batch, answer: answer.outcome == "refuted"),
    Metric("speedup", "factor", lambda batch, answer: _gain(answer.speedup, answer.outcome)),
    Metric("effective_speedup", "factor", lambda batch, answer: _gain(answer.effective_speedup, answer.outcome)),
    Metric("thinking", "seconds", lambda batch, answer: batch.seconds / len(batch.answers)),
    Metric("judging", "seconds", lambda batch, answer: answer.seconds),
    Metric("cost", "dollars", lambda batch, answer: batch.dollars / len(batch.answers)),
)


def scores(batches: Sequence[Batch], seed: int = 0) -> dict[str, Score]:
    """Every metric over the tasks, one batch each and none empty, by the metric's name. Empty without tasks."""
    columns = {
        metric.name: [fmean(metric.of(batch, answer) for answer in batch.answers) for batch in batches]
        for metric in METRICS
    }
    found = intervals(columns, seed)
    for metric in METRICS:
        if metric.unit == "factor" and metric.name in found:
            score = found[metric.name]
            found[metric.name] = Score(exp(score.value), exp(score.low), exp(score.high))
    return found


def best_of(batches: Sequence[Batch], seed: int = 0) -> dict[int, Score]:
    """The share of tasks that the best of k samples solves, by k: 1, 2, 4 ... and all that every task has."""
    most = min((len(batch.answers) for batch in batches), default=0)
    sizes = sorted({2**power for power in range(most.bit_length()) if 2**power <= most} | ({most} - {0}))
    return {k: intervals({"": [_solved(batch, k) for batch in batches]}, seed)[""] for k in sizes}


def _solved(batch: Batch, k: int) -> float:
    return pass_at(k, len(batch.answers), sum(answer.success for answer in batch.answers))


def pass_at(k: int, n: int, successes: int) -> float:
    """The chance that at least one of k samples succeeds, estimated without bias from n >= k of them.

    1 - C(n - c, k) / C(n, k) for c successes; Chen et al. 2021, "Evaluating Large Language Models Trained on Code"
    (arXiv 2107.03374), equation 1.
    """
    return 1.0 - comb(n - successes, k) / comb(n, k)


def intervals(columns: Mapping[str, Sequence[float]], seed: int = 0) -> dict[str, Score]:
    """The mean of every column, a value for each task, with its 95 % interval. Empty where there are no values.

    The percentile bootstrap over tasks (Efron and Tibshirani 1993, An Introduction to the Bootstrap, section 13.3):
    2,000 times as many tasks are drawn with replacement, and the interval holds the middle 95 % of the means. So it
    speaks of other tasks of this kind, not of measuring these again. Where all values are equal it has no width,
    which is no certainty: of n tasks without one failure, up to 3 in n may fail (the rule of three).
    """
    names = [name for name, values in columns.items() if len(values)]
    if not names:
        return {}
    table: NDArray[np.float64] = np.array([columns[name] for name in names], dtype=np.float64).T
    count = len(table)
    rng = np.random.default_rng(np.random.SeedSequence(seed))
    chunk = max(1, _HELD // count)
    means = [
        rng.multinomial(count, np.full(count, 1 / count), size=min(chunk, DRAWS - start)) @ table / count
        for start in range(0, DRAWS, chunk)
    ]
    low, high = np.percentile(np.concatenate(means), [2.5, 97.5], axis=0)
    value = table.mean(axis=0)
    return {name: Score(float(value[i]), float(low[i]), float(high[i])) for i, name in enumerate(names)}
