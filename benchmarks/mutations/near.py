"""Values next to a literal, for the oracle's random rows."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import TypeAlias

Value: TypeAlias = int | float | str | bytes | None

_DAY = re.compile(r"(\d{4})(?:-(\d\d))?(?:-(\d\d))?")
TIMES = ("00:00:00", "23:59:59", "12:30:00")


def fitting(kind: str, values: list[Value]) -> list[Value]:
    """The values, and what lies next to them, that a column of this kind holds."""
    found: list[Value] = []
    if kind == "integer":
        whole = [value for value in values if isinstance(value, int)]
        found += [c for a in whole for b in whole if a != b for c in (a + b, 2 * a + b, a * b - 1, a * b, a * b + 1)]
    for value in values:
        if isinstance(value, int | float) and kind in ("integer", "real", "any"):
            if kind == "integer":
                found += [int(value), int(value), int(value) + 1, int(value) - 1, -int(value)]
            else:
                found += [float(value), float(value), value + 0.4, value - 0.6, value / 2, value / 3]
        if isinstance(value, str) and kind in ("text", "any"):
            filled = [value.replace("%", x).replace("*", x).replace("_", "q") for x in ("", "xy")]
            found += [value, value, *filled, value.swapcase(), value + " ", "q" + value, *_days(value)]
        if isinstance(value, str) and kind == "day":
            found += _days(value)
        if isinstance(value, str) and kind == "moment":
            found += [f"{day} {time}" for day in _days(value) for time in TIMES]
    return found


def _days(text: str) -> list[str]:
    """Days around the one, the month or the year that begins a text."""
    match = _DAY.match(text)
    if match is None:
        return []
    try:
        first = date(int(match[1]), int(match[2] or 1), int(match[3] or 1))
    except ValueError:
        return []
    length = 1 if match[3] else 31 if match[2] else 366
    return [(first + timedelta(days=d)).isoformat() for d in (-1, 0, 1, length - 2, length - 1, length)]
