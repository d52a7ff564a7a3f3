"""What a worker keeps between requests: copies of databases, with and without indexes, twins, and prepared tasks."""

from __future__ import annotations

import sys
from collections import OrderedDict
from dataclasses import dataclass

import apsw

from .equivalence.actual import difference_on
from .equivalence.compare import Reference
from .equivalence.refute import Refuter
from .equivalence.tiebreak import LESS_ORDER, in_an_order_of_its_own
from .equivalence.twin import make_twin
from .equivalence.twin.disturbance import apply
from .nearby import find_nearby
from .preparation import Nearby, Prepared, prepare, reference_on
from .sqlite.copies import Copies, Copy, failure
from .sqlite.index_sets import IndexSets
from .sqlite.script import Refusal, Script
from .sqlite.snapshot import Signature
from .sqlite.steps import counting_steps
from .sqlite.yardstick import Yardstick
from .types import Settings
from .workers.host import Host
from .workers.limits import limit_process

LOAD_SECONDS_PER_GIB = 60.0
TWIN_SECONDS = 60.0
TWIN_SEED = 0
DATABASES_KEPT, TASKS_KEPT, ROWS_KEPT = 2, 64, 1_000_000  # rows of all prepared tasks together
_SIZES_HELD = 6  # memory that one database takes, in sizes of its file: copies, their indexes, its twin


@dataclass(slots=True)
class Place:
    """One database: its copies, where pairs meet on small ones, and its twin once it is asked for."""

    signature: Signature
    copies: Copies
    refuter: Refuter
    twin: Copy | None = None

    def close(self, sets: IndexSets) -> None:
        sets.forget(self.copies.clean)
        self.refuter.close()
        self.copies.close()
        if self.twin is not None:
            sets.forget(self.twin)
            self.twin.close()


class Workbench:
    """The last databases and tasks."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.yardstick = Yardstick() if settings.measure == "time" else None
        self.index_sets = IndexSets(settings, self.yardstick)
        self._places: OrderedDict[Signature, Place] = OrderedDict()
        self._tasks: OrderedDict[tuple[Signature, str], Prepared] = OrderedDict()

    def place(self, signature: Signature, host: Host) -> Place:
        """The database with this signature, or what has become of it since."""
        if signature not in self._places:
            while len(self._places) >= DATABASES_KEPT:
                old, place = self._places.popitem(last=False)
                place.close(self.index_sets)
                for key in [key for key in self._tasks if key[0] == old]:
                    del self._tasks[key]
            host("load", 10.0 + LOAD_SECONDS_PER_GIB * signature.size / 2**30)
            apsw.hard_heap_limit(0)
            with host.database(signature.path) as image:
                signature = image.signature  # the file may have changed since
                sizes = signature.size + sum(known.size for known in self._places)
                limit_process(self._settings.cache_bytes + self._settings.memory_bytes + _SIZES_HELD * sizes)
                copies = Copies(image, self._settings)
            self._places[signature] = Place(signature, copies, Refuter(copies.instance))
            host.checkpoint()
        self._places.move_to_end(signature)
        return self._places[signature]

    def prepared(self, place: Place, query: str, host: Host) -> Prepared:
        """The task on this database; raises SqlOptError for a query that cannot be one."""
        key = (place.signature, query)
        if key not in self._tasks:
            self._tasks[key] = prepare(place.copies, place.refuter, query, self._settings, self.yardstick, host)
            while len(self._tasks) > 1 and (len(self._tasks) > TASKS_KEPT or self._rows_kept() > ROWS_KEPT):
                self._tasks.popitem(last=False)
        self._tasks.move_to_end(key)
        return self._tasks[key]

    def difference_on_twin(self, place: Place, prepared: Prepared, rewrite: Script, host: Host) -> str:
        """How the rewrite's answer on the database's twin differs from the original's, or "".

        Raises Refusal where either could not be had.
        """
        settings = self._settings
        if place.twin is None:
            host("twin", TWIN_SECONDS)
            place.twin = Copy(make_twin(place.copies.clean.connection, TWIN_SEED), settings)
        if prepared.twin is None and not prepared.twin_failed:
            helpful = place.copies.helpful_indexes(prepared.script.reads)
            prepared.twin = reference_on(place.twin, prepared.script, helpful, settings, host)
            prepared.twin_failed = prepared.twin is None
        if prepared.twin is None:
            raise Refusal("unverified", "the original's rows on a twin of the database could not be had in time")
        host("twin", 2 * settings.timeout)
        copy = self.index_sets.get(place.twin, rewrite, settings.timeout).copy
        return difference_on(copy, prepared.twin, rewrite, settings.timeout)

    def difference_nearby(
        self, copy: Copy, nearby: Nearby, rewrite: Script, host: Host, *, each: bool, slow: float
    ) -> tuple[str, int]:
        """How the rewrite's answer differs from the original's after small changes to the real database, or "", and
        the effort (CPU nanoseconds, or steps) of the slower of its runs. An order by luck is a difference too.

        The copy must have the rewrite's indexes. Compares after `each` of the
        changes, or after all of them. What takes more than `slow` is run again, and the better counts.
        """
        slowest = 0
        stages = list(zip(nearby.steps, nearby.references, strict=True))
        with copy.transaction():
            for number, (step, reference) in enumerate(stages, 1):
                try:
                    apply(copy.connection, step)
                except apsw.Error as error:  # of an index over an expression
                    raise failure(error) from None
                if reference is None or (number < len(stages) and not each and stages[-1][1] is not None):
                    continue
                problem, taken = self._difference_at_once(copy, nearby, reference, rewrite, host, slow)
                if problem:
                    return problem, taken
                slowest = max(slowest, taken)
        return "", slowest

    def _difference_at_once(
        self, copy: Copy, nearby: Nearby, reference: Reference, rewrite: Script, host: Host, slow: float
    ) -> tuple[str, int]:
        """Rows and order in one run: as it is written, a rewrite is run only where that finds something."""
        seconds = self._settings.timeout
        ordered = in_an_order_of_its_own(reference, rewrite, descending=nearby.ascends)
        luck = ""
        if ordered is not None:
            host("order", seconds)
            try:
                luck, taken = self.difference_with_effort(copy, reference, ordered)
            except Refusal:  # the longer sort may be too long
                taken = sys.maxsize
            if not luck and taken <= slow:
                return "", taken
        host("nearby", seconds)
        problem, taken = self.difference_with_effort(copy, reference, rewrite)
        if problem:
            return f"after small changes to the real database, {problem}", taken
        if luck:
            return LESS_ORDER, taken
        if taken > slow:
            host("nearby", seconds)
            taken = min(taken, self.difference_with_effort(copy, reference, rewrite)[1])
        return "", taken

    def difference_with_effort(self, copy: Copy, reference: Reference, rewrite: Script) -> tuple[str, int]:
        """How the rewrite's answer differs from a known one, or "", and the CPU nanoseconds or steps that it took."""
        if self._settings.measure != "steps":
            return difference_on(copy, reference, rewrite, self._settings.timeout), copy.seen
        with counting_steps(copy.connection) as count:
            problem = difference_on(copy, reference, rewrite, self._settings.timeout)
        return problem, max(count.steps, 1)

    def nearby(self, place: Place, prepared: Prepared, host: Host) -> Nearby:
        """The original's answers on the real database, a little changed."""
        if prepared.nearby is None:
            prepared.nearby = find_nearby(place.copies, place.refuter, prepared, self._settings, host)
            host.checkpoint()
        return prepared.nearby

    def _rows_kept(self) -> int:
        references = [reference for task in self._tasks.values() for reference in (task.reference, task.twin)]
        return sum(len(reference.rows) for reference in references if reference is not None)
