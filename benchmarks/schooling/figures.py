"""The arithmetic of the experiment: means of an arm, and its differences to another one, each with two intervals.

The interval over runs speaks of other seeds of chance on these tasks (Student's t of the runs' means); the interval
over tasks speaks of other tasks for these runs (the bootstrap of `sqlopt_agents.scoring`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import fmean, stdev
from typing import TypeAlias

from sqlopt_agents.scoring import Score, intervals

Runs: TypeAlias = Mapping[int, Sequence[float]]  # by seed: a share for each task

# 97.5 % quantiles of Student's t by degrees of freedom; more than 30 are taken for 30, which makes intervals no shorter
_STUDENT = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120,
    2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Figure:
    """A mean over runs and tasks. `over_runs` is None for a single run, of which no such interval can be known."""

    value: float
    over_runs: tuple[float, float] | None
    over_tasks: tuple[float, float]


def student(values: Sequence[float]) -> tuple[float, float] | None:
    """The 95 % interval of the mean, by Student's t; None for a single value."""
    if len(values) < 2:
        return None
    quantile = _STUDENT[min(len(values) - 2, len(_STUDENT) - 1)]
    half = quantile * stdev(values) / sqrt(len(values))
    return fmean(values) - half, fmean(values) + half


def mean(runs: Runs) -> Figure:
    """Of shares: the intervals are within 0 and 1."""
    found = _figure(list(runs.values()))
    if found.over_runs is None:
        return found
    low, high = found.over_runs
    return Figure(found.value, (max(0.0, low), min(1.0, high)), found.over_tasks)


def difference(runs: Runs, others: Runs) -> Figure:
    """The mean of `runs` less that of `others`, paired by seed and by task.

    Seeds that only one of the two has are left out. A policy that was not trained has one run, with which every run of
    the other is paired.
    """
    if len(runs) == 1:
        runs = dict.fromkeys(others, next(iter(runs.values())))
    pairs = [(runs[seed], others[seed]) for seed in runs if seed in others]
    return _figure([[a - b for a, b in zip(some, other, strict=True)] for some, other in pairs])


def _figure(table: Sequence[Sequence[float]]) -> Figure:
    by_task = [fmean(column) for column in zip(*table, strict=True)]
    score: Score = intervals({"": by_task})[""]
    return Figure(score.value, student([fmean(row) for row in table]), (score.low, score.high))
