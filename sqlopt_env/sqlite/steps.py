"""SQLite's virtual-machine steps: the same number on every machine and at every run.

For tests, debugging and curricula. As a measure of time they misjudge whatever one step can hide: sorting, LIKE, long
texts and wide rows (over 20 pairs the log speedup by steps was off by 0.7 in the median). Never mix the two in one
set of data.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import apsw

from .timing import Comparison, drain


@dataclass(slots=True, eq=False)
class StepCount:
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
        drain(connection, statement, cached=False)
    return max(count.steps, 1)


def compared_steps(original: int, rewrite: int) -> Comparison:
    """The comparison of two step counts, in millions: exact, so that the interval is a point."""
    ratio = original / rewrite
    return Comparison(original / 1e6, rewrite / 1e6, ratio, ratio, ratio, 1)
