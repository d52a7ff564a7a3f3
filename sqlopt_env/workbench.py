"""What a worker keeps between requests: copies of databases, with and without indexes, twins, and prepared tasks."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection
from dataclasses import dataclass
from sys import maxsize
from typing import NamedTuple

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
from .sqlite.timing import Comparison
from .sqlite.yardstick import Yardstick
from .types import Settings
from .workers.host import Host
from .workers.limits import limit_process

LOAD_SECONDS_PER_GIB = 60.0
TWIN_SECONDS = 60.0
TWIN_SEED = 0
# A curriculum mixes the tasks of several databases; two are kept however large they are, more only if all are small.
DATABASES_KEPT, SMALL_BYTES = 8, 256 * 2**20
TASKS_KEPT, ROWS_KEPT = 64, 1_000_000  # rows of all prepared tasks together
# A rewrite that small changes make so much slower remembers an answer, and computes it when it finds them.
_FAR_SLOWER, _LEAST_NANOSECONDS, _LEAST_STEPS, _NOTICED = 4.0, 500_000, 2_000, 1.5
_SIZES_HELD = 6  # memory that one database takes, in sizes of its file: copies, their indexes, its twin


class Effort(NamedTuple):
    """What one run took: `amount` in CPU nanoseconds, or in steps where these are the measure; and SQLite's steps."""

    amount: int
    steps: int


class Bounds(NamedTuple):
    """What a run may take: more than `amount` is far slower; more than `noticed`, or other `steps`, is looked at."""

    amount: float
    noticed: float
    steps: tuple[int, int]

    def hold(self, taken: Effort) -> bool:
        return taken.amount <= self.noticed and self.steps[0] <= taken.steps <= self.steps[1]


@dataclass(frozen=True, slots=True)
class Changed:
    """A rewrite after small changes to the real database: how its answer differs, or ""; whether it is as slow as if it
    computed the original's answer besides; its figures there, where it does more than the changes explain.
    """

    problem: str = ""
    far_slower: bool = False
    comparison: Comparison | None = None


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


def is_room(kept: Collection[Signature], new: Signature) -> bool:
    """Whether what is made of one more database may be kept beside that of these."""
    sizes = sum(signature.size for signature in kept) + new.size
    return len(kept) < 2 or (len(kept) < DATABASES_KEPT and sizes <= SMALL_BYTES)


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
            while not is_room(self._places, signature):
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

    def after_changes(
        self,
        copy: Copy,
        prepared: Prepared,
        rewrite: Script,
        usual: Effort,
        host: Host,
        measured: Callable[[Effort], Comparison] | None = None,
        *,
        each: bool,
    ) -> Changed:
        """The rewrite after small changes to the real database, which is to be prepared by `nearby`.

        The copy must have the rewrite's indexes. Compares after `each` of the changes, or after all of them. `usual` is
        what it takes without them; `measured`, if given, compares it with the original as the copy is then.
        """
        nearby = prepared.nearby
        assert nearby is not None
        found = Changed()
        stages = list(zip(nearby.steps, nearby.references, nearby.counts, strict=True))
        with copy.transaction():
            for number, (step, reference, count) in enumerate(stages, 1):
                try:
                    apply(copy.connection, step)
                except apsw.Error as error:  # of an index over an expression
                    if reference is None and not isinstance(error, apsw.NoMemError):  # nor has the original an answer
                        reason = "its indexes cannot be kept when the real database changes a little"
                        raise Refusal("unverified", reason) from None
                    raise failure(error) from None
                if reference is None or (number < len(stages) and not each and stages[-1][1] is not None):
                    continue
                bounds = self._bounds(prepared, usual, count)
                problem, taken = self._difference_at_once(copy, nearby, reference, rewrite, host, bounds)
                if problem or taken.amount > bounds.amount:
                    return Changed(problem, taken.amount > bounds.amount)
                if measured is not None and not bounds.hold(taken):
                    now = measured(taken)
                    if found.comparison is None or now.speedup < found.comparison.speedup:
                        found = Changed(comparison=now)
        return found

    def _bounds(self, prepared: Prepared, usual: Effort, count: int) -> Bounds:
        """What the rewrite may take after changes, where the original takes `count` steps."""
        steps = self._settings.measure == "steps"
        original = prepared.steps if steps else prepared.seconds * 1e9
        # Where the changes give the original more to do, a right rewrite may have as many times more.
        grown = max(1.0, count / max(1, prepared.steps))
        # Far slower than before, or as if it computed the original's answer besides.
        amount = min(_FAR_SLOWER * grown * usual.amount, usual.amount + original * grown / 2)
        amount = max(amount, usual.amount + (_LEAST_STEPS if steps else _LEAST_NANOSECONDS))
        noticed = _NOTICED * usual.amount + (_LEAST_STEPS if steps else _LEAST_NANOSECONDS) / 5
        # More rows in the answer cost the original more steps as well.
        by_data = abs(count - prepared.steps) if count else maxsize
        around = usual.steps // 10 + by_data + _LEAST_STEPS // 4
        return Bounds(amount, min(amount, noticed), (usual.steps - around, usual.steps + around))

    def _difference_at_once(
        self, copy: Copy, nearby: Nearby, reference: Reference, rewrite: Script, host: Host, bounds: Bounds
    ) -> tuple[str, Effort]:
        """Rows and order in one run: as it is written, a rewrite is run only where that finds something.

        Raises Refusal where its order cannot be looked at.
        """
        seconds = self._settings.timeout
        ordered = in_an_order_of_its_own(reference, rewrite, descending=nearby.ascends)
        luck = ""
        if ordered is not None:
            host("order", seconds)
            luck, taken = self.luck(copy, reference, ordered)
            if not luck and bounds.hold(taken):
                return "", taken
        host("nearby", seconds)
        problem, taken = self.difference_with_effort(copy, reference, rewrite)
        if problem:
            return f"after small changes to the real database, {problem}", taken
        if luck:
            return LESS_ORDER, taken
        if not bounds.hold(taken):
            host("nearby", seconds)
            again = self.difference_with_effort(copy, reference, rewrite)[1]
            taken = min(taken, again)
        return "", taken

    def luck(self, copy: Copy, reference: Reference, ordered: Script) -> tuple[str, Effort]:
        """How a rewrite in an order of its own differs, and its effort. Raises Refusal where that cannot be seen."""
        try:
            return self.difference_with_effort(copy, reference, ordered)
        except Refusal as refusal:
            reason = f"whether its ORDER BY asks for the order of its rows could not be seen: {refusal.reason}"
            raise Refusal("unverified", reason) from None

    def difference_with_effort(
        self, copy: Copy, reference: Reference, rewrite: Script, seconds: float | None = None
    ) -> tuple[str, Effort]:
        """How the rewrite's answer differs from a known one, or "", and what it took; it may take `timeout`."""
        with counting_steps(copy.connection) as count:
            problem = difference_on(copy, reference, rewrite, seconds or self._settings.timeout)
        steps = max(count.steps, 1)
        return problem, Effort(steps if self._settings.measure == "steps" else copy.seen, steps)

    def nearby(self, place: Place, prepared: Prepared, host: Host) -> Nearby:
        """The original's answers on the real database, a little changed."""
        if prepared.nearby is None:
            prepared.nearby = find_nearby(place.copies, place.refuter, prepared, self._settings, host)
            host.checkpoint()
        return prepared.nearby

    def _rows_kept(self) -> int:
        references = [reference for task in self._tasks.values() for reference in (task.reference, task.twin)]
        return sum(len(reference.rows) for reference in references if reference is not None)
