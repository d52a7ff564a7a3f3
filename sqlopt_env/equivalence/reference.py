"""The original's answer on one database: its rows, and which orders of them are legal."""

from __future__ import annotations

from contextlib import closing

import apsw

from ..sqlite.copies import Copy
from ..sqlite.script import Refusal, Script
from .compare import Reference, Row, TieGroup, bag_difference, strictly_ordered
from .ordering import is_ordered, ranked, with_ties, without_window


def reference_for(copy: Copy, script: Script, rows: list[Row]) -> Reference:
    """The reference for `rows`, the query's result on this copy; to be called within a budget."""
    if not is_ordered(script.query):
        return _any_of_all(copy, script, rows) or Reference(rows)
    return _with_ties(copy, script, rows) or strictly_ordered(rows)


def _any_of_all(copy: Copy, script: Script, rows: list[Row]) -> Reference | None:
    """The reference of a query with LIMIT and without ORDER BY: so many of all rows, whichever."""
    whole = without_window(script.query)
    if not whole or not rows:
        return None
    try:
        with closing(copy.rows(whole, cached=True)) as all_rows:
            group = TieGroup(len(rows), list(all_rows))
    except (apsw.Error, Refusal, UnicodeDecodeError):
        return None
    return None if bag_difference(group.pool, rows, all_of_it=False) else Reference(rows, [group])


def _with_ties(copy: Copy, script: Script, rows: list[Row]) -> Reference | None:
    """The reference with its tie groups, or None where they cannot be found for certain."""
    ranking = ranked(script.query, script.columns)
    if ranking is None:
        return None
    try:
        with closing(copy.rows(ranking.sql, cached=True)) as ranked_rows:
            return with_ties(rows, ranking, ranked_rows)
    except (apsw.Error, Refusal, UnicodeDecodeError):
        return None
