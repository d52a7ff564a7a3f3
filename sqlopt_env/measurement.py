"""How much faster, in the way that the settings ask for, and the figures that an evaluation says of it."""

from __future__ import annotations

from math import log
from typing import Any

import apsw

from .preparation import Prepared, timed_original
from .sqlite.copies import Copy
from .sqlite.index_sets import IndexSet
from .sqlite.interleaved import interleave
from .sqlite.script import Refusal, Script
from .sqlite.steps import compared_steps
from .sqlite.timing import Comparison, drain
from .sqlite.yardstick import Yardstick
from .types import Settings

# A rewrite that took so many times as long as the original when its rows were compared is not run again: two moments
# on one machine differ by less than half as much.
_HOPELESS, _DRIFT, _LONG = 4.0, 2.0, 0.005  # seconds
# Of 95 % intervals, 2.5 % lie above 1 by noise alone: what is paid must be beyond 99 %, where 0.5 % are.
_SURE = 2.576 / 1.960


def measured(
    prepared: Prepared,
    clean: Copy,
    copy: Copy,
    script: Script,
    effort: int,
    settings: Settings,
    yardstick: Yardstick | None,
) -> Comparison:
    """Compares the rewrite, on a copy with its indexes, with the task's original.

    `effort` is what its rows took just now, in CPU nanoseconds or steps. Raises Refusal for one that takes too long.
    """
    if settings.measure == "steps":
        return compared_steps(prepared.steps, effort)
    if is_hopeless(prepared, effort, settings):
        seen = effort / 1e9
        ratio = prepared.seconds / seen
        return Comparison(prepared.seconds, seen, ratio, ratio / _DRIFT, ratio * _DRIFT, 1)
    seconds = longest(settings)
    with clean.budget(seconds), copy.budget(seconds), clean.authorizer.guarded(), copy.authorizer.guarded():
        try:
            if yardstick is not None and prepared.timing is not None:
                comparison, prepared.timing = yardstick.compare(
                    prepared.timing,
                    lambda: drain(copy.connection, script.query),
                    effort,
                    settings.measure_seconds,
                    lambda: timed_original(clean, prepared, yardstick),
                )
                return comparison
            stopped_after = round(prepared.seconds * 1e9)
            return interleave(
                # An original over its budget is not run again: the time it had is a lower bound.
                lambda: stopped_after if prepared.stopped else drain(clean.connection, prepared.script.query),
                lambda: drain(copy.connection, script.query),
                settings.measure_seconds,
                effort,
            )
        except apsw.InterruptError:
            raise Refusal("timeout", f"the rewrite runs longer than {settings.timeout:g} s") from None


def is_hopeless(prepared: Prepared, effort: int, settings: Settings) -> bool:
    """Whether a rewrite that took so much is certainly slower than the original."""
    steps = settings.measure == "steps"
    original = prepared.steps if steps else prepared.seconds * 1e9
    return effort > max(0.0 if steps else _LONG * 1e9, _HOPELESS * original)


def longest(settings: Settings) -> float:
    """Seconds that measuring may take: what was begun in time may end."""
    return settings.measure_seconds + 4 * settings.timeout


def figures(prepared: Prepared, comparison: Comparison, indexes: IndexSet, settings: Settings) -> dict[str, Any]:
    """The outcome and the figures of an evaluation, with the indexes charged."""
    charged = comparison.rewrite + indexes.cost.at(comparison.yard) / settings.amortize_over
    improved = log(comparison.speedup) > _SURE * log(comparison.speedup / comparison.low)
    at_least = "at least " if prepared.stopped else ""
    interval = f"{_times(comparison.low)} to {_times(comparison.high)}"
    return {
        "outcome": "improved" if improved else "equivalent",
        "reason": f"the same rows, {at_least}{_times(comparison.speedup)} times as fast ({interval})"
        + ("" if improved else ": no certain gain"),
        "speedup": comparison.speedup,
        "speedup_interval": (comparison.low, comparison.high),
        # By way of the ratio of the rounds, which a drift of the machine between them does not touch.
        "effective_speedup": comparison.speedup * comparison.rewrite / charged,
        "baseline_seconds": comparison.original,
        "baseline_is_lower_bound": prepared.stopped,
        "rewrite_seconds": comparison.rewrite,
        "rounds": comparison.rounds,
    }


def _times(ratio: float) -> str:
    return f"{ratio:.2f}" if ratio >= 0.1 else f"{ratio:.1g}"
