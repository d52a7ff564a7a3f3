"""Does a rewrite ask for the order that its rows come in, or does an index happen to give it?

`ORDER BY NULL` over an index on the right columns returns the right order today, and promises nothing. So the rewrite
is run once more with further ORDER BY terms at the end, its own output columns: where its own terms say enough, they
change only what may change; where they do not, rows come in another order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from ..sqlite.script import Script
from ..sqlite.words import outermost
from .compare import Reference, Row, Value

LESS_ORDER = "its ORDER BY says less than the original's: the order of its rows is chance"
_ROWS_LOOKED_AT = 1000


def in_an_order_of_its_own(reference: Reference, rewrite: Script, *, descending: bool) -> Script | None:
    """The rewrite with its ties broken; None where no order is asked of it that could be luck."""
    if len(reference.rows) < 2 or reference.groups is None or reference.strict:
        return None
    query = tie_broken(rewrite.query, rewrite.columns, descending=descending)
    return replace(rewrite, query=query) if query else None


def tie_broken(query: str, columns: int, *, descending: bool) -> str:
    """The query with all output columns as its last ORDER BY terms; "" where it has no outermost ORDER BY.

    The terms stand right after the last word of ORDER BY, for what follows may be a comment that is never closed.
    """
    ordered, window, end, last = False, -1, 0, 0
    for word in outermost(query):
        if word.is_sign(";"):
            break
        if word.is_word("ORDER"):
            ordered, window = True, -1
        elif ordered and window < 0 and word.is_word("LIMIT"):
            window, end = word.start, last
        last = word.end
    if not ordered:
        return ""
    terms = "".join(f", {i}{' DESC' if descending else ''}" for i in range(1, columns + 1))
    return f"{query[:end]}{terms} {query[window:last]}" if window >= 0 else f"{query[:last]}{terms}"


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
