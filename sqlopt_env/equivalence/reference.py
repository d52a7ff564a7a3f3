"""The original's answer on one database: its rows, and which orders of them are legal."""

from __future__ import annotations

from contextlib import closing

import apsw

from ..sqlite.copies import Copy
from ..sqlite.script import Refusal, Script
from .compare import Reference, Row, strictly_ordered
from .ordering import is_ordered, ranked, with_ties


def reference_for(copy: Copy, script: Script, rows: list[Row]) -> Reference:
    """The reference for `rows`, the query's result on this copy; to be called within a budget."""
    if not is_ordered(script.query):
        return Reference(rows)
    return _with_ties(copy, script, rows) or strictly_ordered(rows)


def _with_ties(copy: Copy, script: Script, rows: list[Row]) -> Reference | None:
    """The reference with its tie groups, or None where they cannot be found for certain."""
    ranking = ranked(script.query, script.columns)
    if ranking is None:
        return None
    try:
        with closing(copy.rows(ranking.sql)) as ranked_rows:
            return with_ties(rows, ranking, ranked_rows)
    except (apsw.Error, Refusal, UnicodeDecodeError):
        return None
