"""The original's answers on the real database, a little changed: found once a task, to compare rewrites with."""

from __future__ import annotations

from functools import partial

import apsw

from .equivalence.compare import Reference, Row
from .equivalence.determined import suspicious
from .equivalence.refute import Refuter
from .equivalence.shape import TableShape
from .equivalence.tiebreak import mostly_ascending
from .equivalence.twin.disturbance import SIZES, Disturbance, apply, disturbance, narrowed
from .equivalence.twin.handles import Step
from .preparation import INSTANCE_SEED, Nearby, Prepared, changes_with_reading, reference_of, rows_of
from .sqlite.copies import Copies
from .sqlite.steps import counting_steps
from .types import Settings, SqlOptError
from .workers.host import Allow

# Of the original, to find fewer changes that still move its answer: by steps, so that they are the same everywhere.
_MOST_RUNS, _STEPS_SPENT = 12, 200_000_000


def find_nearby(copies: Copies, refuter: Refuter, prepared: Prepared, settings: Settings, allow: Allow) -> Nearby:
    """Looks for a change of few rows that moves the original's answer."""
    script, before = prepared.script, prepared.reference
    samples = [sample.rows for sample in sorted(prepared.samples, key=lambda sample: sample.rank)]
    tables, connection = refuter.tables, copies.clean.connection
    stage = _Stage(copies, tables, prepared, settings, allow)

    def planned(size: int) -> Disturbance:
        return disturbance(connection, tables, script.reads, size, INSTANCE_SEED, script.query, samples)

    plan = planned(SIZES[0])
    if not (prepared.stopped or before is None or stage.moves(plan.planted, plan.changes)):
        for size in SIZES[1:]:
            larger = planned(size)
            if stage.moves(larger.planted, larger.changes):
                runs = min(_MOST_RUNS, _STEPS_SPENT // prepared.steps)
                plan = narrowed(larger, partial(stage.moves, larger.planted), runs)
                break
    found = stage.answers(plan)
    if None not in found.references:
        return found
    # What is planted may make the original fail, or leave its answer to chance.
    plain = disturbance(connection, tables, script.reads, SIZES[0], INSTANCE_SEED)
    other = stage.answers(plain)
    return other if found.references == (None, None) or None not in other.references else found


class _Stage:
    """The original on the real database, a little changed."""

    def __init__(
        self, copies: Copies, tables: list[TableShape], prepared: Prepared, settings: Settings, allow: Allow
    ) -> None:
        self._copies, self._copy, self._tables, self._prepared = copies, copies.clean, tables, prepared
        self._settings, self._allow = settings, allow
        self._seconds = settings.reference_timeout if prepared.stopped else 2 * settings.timeout

    def moves(self, planted: list[Step], changes: list[Step]) -> bool:
        """Whether the answer is another one after these, or none."""
        assert self._prepared.reference is not None
        self._allow("reference", self._seconds)
        with self._copy.transaction():
            apply(self._copy.connection, [*changes, *planted])
            try:
                return rows_of(self._copy, self._prepared.script, self._seconds) != self._prepared.reference.rows
            except (SqlOptError, apsw.InterruptError):
                return True

    def answers(self, plan: Disturbance) -> Nearby:
        steps = ([*plan.changes, *plan.planted], plan.losses)
        done: list[Step] = []
        references: list[Reference | None] = []
        counts: list[int] = []
        with self._copy.transaction():
            if self._prepared.stopped:
                self._allow("reference", self._seconds)
                self._copy.build(self._copies.helpful_indexes(self._prepared.script.reads), self._seconds)
            for step in steps:
                apply(self._copy.connection, step)
                with counting_steps(self._copy.connection) as count:
                    rows = self._rows()
                counts.append(0 if rows is None or self._prepared.stopped else count.steps)
                references.append(None if rows is None else self._reference(rows))
        for number, step in enumerate(steps):
            done += step
            reference = references[number]
            if reference is not None and self._by_chance(done, reference):
                references[number] = None
        seen = next((reference.rows for reference in references if reference is not None), ())
        return Nearby(steps, (references[0], references[1]), mostly_ascending(seen), (counts[0], counts[1]))

    def _by_chance(self, done: list[Step], reference: Reference) -> bool:
        """Whether rows that the changes made equal leave this answer, or its order, to chance."""
        script = self._prepared.script
        if self._prepared.stopped or not (reference.strict or suspicious(script.query, self._tables)):
            return False
        return changes_with_reading(self._copy, script, reference, done, self._seconds, self._allow)

    def _rows(self) -> list[Row] | None:
        self._allow("reference", 2 * self._seconds)
        try:
            return rows_of(self._copy, self._prepared.script, self._seconds)
        except (SqlOptError, apsw.InterruptError):
            return None

    def _reference(self, rows: list[Row]) -> Reference | None:
        try:
            return reference_of(self._copy, self._prepared.script, rows, self._seconds, self._allow)
        except (SqlOptError, apsw.InterruptError):
            return None
