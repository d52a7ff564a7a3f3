"""A case that tells two queries apart made small: what stays is a witness that a person can read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

from .arena import OutOfTime
from .instances import Rows
from .pair import Case, Pair, Ties
from .shape import TableShape
from .shrink import smaller
from .witness import Witness, witness_of

_MOST_OPEN_ROWS = 3
_SHRINK_SECONDS = 0.5
_LESS_ORDER = "the rewrite's ORDER BY says less than the original's, and the order of its rows is chance"


def made_small(tables: Sequence[TableShape], pair: Pair, case: Case) -> tuple[str, Witness] | None:
    """How the two differ on few rows, and these rows as a witness.

    Where the original's own answer is open, only few rows can show that the rewrite's is none of its answers: with
    more of them there are more than have been seen. Then it is None.
    """
    ties: Ties = case.ties

    def differs(rows: Rows, backwards: bool) -> Case | None:
        tried = pair.tried(rows, backwards, ties=ties)
        return tried if isinstance(tried, Case) else None

    pair.prolong(_SHRINK_SECONDS)
    with suppress(OutOfTime):
        if ties is not None:
            ties, broken = None, case
            case = _plainly(case, differs) or broken  # the former anyone can repeat
            ties = case.ties
        case = _forwards(case, differs)
        small = smaller(tables, case.rows, lambda rows: _kept(differs(rows, case.backwards)))
        case = differs(small, case.backwards) or case
    if case.is_open and sum(map(len, case.rows.values())) > _MOST_OPEN_ROWS:
        return None
    pair.prolong(_SHRINK_SECONDS)
    first, second = pair.both(case)
    witness = witness_of(tables, case.rows, first, second, case.backwards)
    return case.difference if case.ties is None else f"{_LESS_ORDER}: {case.difference}", witness


def _plainly(case: Case, differs: Callable[[Rows, bool], Case | None]) -> Case | None:
    """A difference on the same rows that the rewrite shows as it is written, read in one order or another."""
    turned = {name: rows[::-1] for name, rows in case.rows.items()}
    tries = ((rows, backwards) for rows in (case.rows, turned) for backwards in (False, True))
    return next((found for rows, backwards in tries if (found := differs(rows, backwards)) is not None), None)


def _kept(case: Case | None) -> Rows | None:
    return case.rows if case is not None else None


def _forwards(case: Case, differs: Callable[[Rows, bool], Case | None]) -> Case:
    """The same difference where rows are read as usual, if it shows itself there: it is easier to repeat."""
    if not case.backwards:
        return case
    turned = {name: rows[::-1] for name, rows in case.rows.items()}
    return differs(case.rows, False) or differs(turned, False) or case
