"""Days of databases, which are kept as ISO texts: `2024-02-29`."""

from __future__ import annotations

from datetime import date, timedelta
from math import isqrt


def iso_day(first: date, number: int) -> str:
    """The day that comes `number` days after the first one."""
    return (first + timedelta(days=number)).isoformat()


def arrival(i: int, n: int, end: int) -> int:
    """When the i-th of n comes, from 0 to before the end: in order, and three times as often in the end as at first."""
    # Up to some time, arrivals are as time * (time + end), which is solved here for the time.
    return (isqrt(end * end * (n + 8 * i) // n) - end) // 2
