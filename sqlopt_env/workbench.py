"""What a worker keeps between requests: copies of databases, their twins, and prepared tasks."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

import apsw

from .equivalence.actual import difference_on
from .equivalence.refute import Refuter
from .equivalence.twin import make_twin
from .equivalence.twin.disturbance import apply
from .preparation import Prepared, nearby, prepare, reference_on
from .sqlite.connection import Signature
from .sqlite.copies import Copies, Copy
from .sqlite.sandbox import Allow, limit_process
from .sqlite.script import Refusal, Script
from .sqlite.timing import cpu_clock
from .types import Settings

LOAD_SECONDS_PER_GIB = 60.0
TWIN_SECONDS = 60.0
TWIN_SEED = 0
DATABASES_KEPT, TASKS_KEPT, ROWS_KEPT = 2, 64, 1_000_000  # rows of all prepared tasks together
_SIZES_HELD = 4  # memory that one database takes, in sizes of its file: three copies and their indexes


@dataclass(slots=True)
class Place:
    """One database: its copies, where pairs meet on small ones, and its twin once it is asked for."""

    signature: Signature
    copies: Copies
    refuter: Refuter
    twin: Copy | None = None

    def close(self) -> None:
        self.copies.close()
        if self.twin is not None:
            self.twin.connection.close(True)


class Workbench:
    """The last databases and tasks."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._places: OrderedDict[Signature, Place] = OrderedDict()
        self._tasks: OrderedDict[tuple[Signature, str], Prepared] = OrderedDict()

    def place(self, path: Path, allow: Allow) -> Place:
        """The database in this file, as it is now."""
        signature = Signature.of(path)
        if signature not in self._places:
            while len(self._places) >= DATABASES_KEPT:
                old, place = self._places.popitem(last=False)
                place.close()
                for key in [key for key in self._tasks if key[0] == old]:
                    del self._tasks[key]
            allow("load", 10.0 + LOAD_SECONDS_PER_GIB * signature.size / 2**30)
            memory = self._settings.memory_bytes + _SIZES_HELD * signature.size
            limit_process(memory)
            apsw.hard_heap_limit(sum(key.size for key in self._places) * _SIZES_HELD + memory)
            copies = Copies(path, self._settings)
            self._places[signature] = Place(signature, copies, Refuter(copies.instance, copies.indexed))
        self._places.move_to_end(signature)
        return self._places[signature]

    def prepared(self, place: Place, query: str, allow: Allow) -> Prepared:
        """The task on this database; raises SqlOptError for a query that cannot be one."""
        key = (place.signature, query)
        if key not in self._tasks:
            self._tasks[key] = prepare(place.copies, place.refuter, query, self._settings, allow)
            while len(self._tasks) > 1 and (len(self._tasks) > TASKS_KEPT or self._rows_kept() > ROWS_KEPT):
                self._tasks.popitem(last=False)
        self._tasks.move_to_end(key)
        return self._tasks[key]

    def difference_on_twin(self, place: Place, prepared: Prepared, rewrite: Script, allow: Allow) -> str:
        """How the rewrite's answer on the database's twin differs from the original's, or "".

        Raises Refusal where either could not be had.
        """
        settings = self._settings
        if place.twin is None:
            allow("twin", TWIN_SECONDS)
            place.twin = Copy(make_twin(place.copies.clean.connection, TWIN_SEED), settings)
        if prepared.twin is None and not prepared.twin_failed:
            helpful = place.copies.helpful_indexes(prepared.script.reads)
            prepared.twin = reference_on(place.twin, prepared.script, helpful, settings, allow)
            prepared.twin_failed = prepared.twin is None
        if prepared.twin is None:
            raise Refusal("unverified", "the original's rows on a twin of the database could not be had in time")
        allow("twin", 2 * settings.timeout)
        with place.twin.transaction():
            place.twin.build(rewrite.indexes, settings.timeout)
            return difference_on(place.twin, prepared.twin, rewrite, settings.timeout)

    def difference_nearby(self, place: Place, prepared: Prepared, rewrite: Script, allow: Allow) -> tuple[str, int]:
        """How the rewrite's answer differs from the original's after small changes to the real database, or "", and
        the CPU nanoseconds that the slower of its runs took.

        To be called after `prepare_nearby` and inside a transaction on `place.copies.work`, where the rewrite's
        indexes are; changes it.
        """
        assert prepared.nearby is not None
        allow("nearby", 3 * self._settings.timeout)
        work, slowest = place.copies.work, 0
        for step, reference in zip(prepared.nearby.steps, prepared.nearby.references, strict=True):
            apply(work.connection, step)
            if reference is not None:
                start = cpu_clock()
                problem = difference_on(work, reference, rewrite, self._settings.timeout)
                slowest = max(slowest, cpu_clock() - start)
                if problem:
                    return problem, slowest
        return "", slowest

    def prepare_nearby(self, place: Place, prepared: Prepared, allow: Allow) -> None:
        """Has the original's answers on the real database, a little changed, ready."""
        if prepared.nearby is None:
            prepared.nearby = nearby(place.copies, place.refuter, prepared, self._settings, allow)

    def _rows_kept(self) -> int:
        references = [reference for task in self._tasks.values() for reference in (task.reference, task.twin)]
        return sum(len(reference.rows) for reference in references if reference is not None)
