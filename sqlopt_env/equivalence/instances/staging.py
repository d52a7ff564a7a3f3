"""A scenario's rows put into an instance, copy by copy, each like the one before it in part."""

from __future__ import annotations

import random

from ..compare import Row, Value
from ..shape import TableShape
from .draft import Draft
from .reading import Cell
from .scenario import Assignment, Scenario

_TWISTS = 0.3  # how often a copy differs from the one before it in one column more


class Staged:
    """Copies of a scenario in a draft, each like the one before it with the chance `keep`, but always in the cells of
    the `group`."""

    def __init__(
        self, draft: Draft, scenario: Scenario, rng: random.Random, keep: float, group: frozenset[Cell]
    ) -> None:
        self._draft, self._scenario, self._rng = draft, scenario, rng
        self.keep, self._group = keep, group
        self._found: Assignment = {}
        self._rows: dict[int, Row] = {}  # the last row of each occurrence
        places = {name: i for i, name in enumerate(draft.rows)}
        occurrences = scenario.reading.occurrences
        self._free = [
            draft.free(occurrence.table, {column for its, column in group if its == i})
            for i, occurrence in enumerate(occurrences)
        ]
        self._order = sorted(range(len(occurrences)), key=lambda i: places[occurrences[i].table.name])

    def add(self, given: Assignment, breaking: int) -> None:
        """One more copy, with the given values; `breaking` as in `Scenario.solve`."""
        number = self._draft.next_number()
        present, found = self._scenario.solve(self._rng, number, breaking, self._found, self._kept)
        self._found = found | given
        for occurrence in self._order:
            if occurrence not in present:
                continue
            table = self._scenario.reading.occurrences[occurrence].table
            before = self._rows.get(occurrence)
            values = self._like(occurrence, table, before) if before else {}
            values |= {column: value for (its, column), value in self._found.items() if its == occurrence}
            if before and self._rng.random() < _TWISTS:
                twist = self._draft.twist(table, before).items()
                values |= {place: value for place, value in twist if (occurrence, place) not in self._group}
            row = self._draft.add(table, values)
            if row is not None:
                self._rows[occurrence] = row

    def _kept(self, cell: Cell) -> float:
        return 1.0 if cell in self._group else self.keep

    def _like(self, occurrence: int, table: TableShape, before: Row) -> dict[int, Value]:
        return self._draft.like(table, before, lambda place: self._kept((occurrence, place)), self._free[occurrence])
