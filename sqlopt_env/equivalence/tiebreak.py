"""Does a rewrite ask for the order that its rows come in, or does an index happen to give it?

`ORDER BY NULL` over an index on the right columns returns the right order today, and promises nothing. So the rewrite
is run once more with further ORDER BY terms at the end, its own output columns: where its own terms say enough, they
change only what may change; where they do not, rows come in another order.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from .compare import Row, Value

_TOKEN = re.compile(
    r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]|--[^\n]*|/\*.*?(?:\*/|\Z)|[^\W\d][\w$]*|.""", re.DOTALL
)
_ROWS_LOOKED_AT = 1000


def tie_broken(query: str, columns: int, *, descending: bool) -> str:
    """The query with all output columns as its last ORDER BY terms; "" where it has no outermost ORDER BY."""
    depth, ordered, end = 0, False, len(query)
    for match in _TOKEN.finditer(query):
        token = match[0].upper()
        depth += {"(": 1, ")": -1}.get(token, 0)
        if depth == 0 and token == "ORDER":
            ordered, end = True, len(query)
        elif depth == 0 and ordered and token == "LIMIT":
            end = match.start()
    terms = "".join(f", {i}{' DESC' if descending else ''}" for i in range(1, columns + 1))
    return f"{query[:end]}\n{terms}\n{query[end:]}" if ordered else ""


def mostly_ascending(rows: Sequence[Row]) -> bool:
    """Whether neighbours rather rise than fall: the other direction is the one that shows a chance order."""
    keys = [tuple(map(_rank, row)) for row in rows[:_ROWS_LOOKED_AT]]
    return sum((one < other) - (one > other) for one, other in pairwise(keys)) >= 0


def _rank(value: Value) -> tuple[int, float, str | bytes]:
    """SQLite's order of values of all kinds."""
    if value is None:
        return 0, 0.0, ""
    if isinstance(value, int | float):
        return 1, float(value) if abs(value) < 2**1000 else 0.0, ""
    return (2, 0.0, value) if isinstance(value, str) else (3, 0.0, value)
