"""One instance in the making: rows that keep keys and foreign keys, and are filled where nothing was asked of them."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ..compare import Row, Value
from ..shape import ColumnShape, TableShape
from .plans import Plan, Plans, Reference
from .values import Pool, kin, pick

_ODD = 0.05  # how often a value is quite another one than the queries suggest
_EXACT_SHARE = 0.6  # of the values near a literal, how often it is the literal itself
_NEW_PARENTS = 0.5  # how often a random child brings the parent that it refers to
_VARIOUS_KEYS = 0.6  # how often a text key's small values are no plain ones
_FRESH_PARTS = 0.15  # how often a part of a key is a value that no other row has
_KIN_TWISTS = 0.3  # how often a text that is to be another one than before differs at its end alone
_PATIENCE, _TRIES = 6, 3  # known parents for a row, and other rows, before CHECKs are looked into
_MOST_FAILURES = 8  # of mending, which takes its time
_DEEPEST = 4  # generations of parents that one row may bring
_TYPES: dict[str, tuple[type, ...]] = {
    "INTEGER": (int,),
    "REAL": (float, int),
    "NUMERIC": (int, float),
    "TEXT": (str,),
}


@dataclass(frozen=True, slots=True)
class Mood:
    """The character of one instance."""

    literal_share: float  # how often a value lies near a literal that its column meets
    null_rate: float
    repeat_share: float  # how often a random row repeats an earlier one in part
    fresh_share: float  # how often a value is one that no other row has
    kin_share: float  # how often a text gets a long tail, so that some share all but their ends
    varieties: tuple[int, ...]  # one of these is how many values a column draws from, NULL aside; 0 for all


class Draft:
    """`rows` by table. Parents always stand in it before the rows that refer to them."""

    def __init__(self, plans: Plans, rng: random.Random, mood: Mood) -> None:
        self._plans, self._rng, self._mood = plans, rng, mood
        self.rows: dict[str, list[Row]] = {table.name: [] for table in plans.tables}
        self._few: dict[int, list[Value]] = {}  # by the identity of a pool
        self._templates: dict[str, list[list[Value]]] = {}
        self._keys: set[tuple[str, tuple[int, ...], Row]] = set()
        self._parents: set[tuple[str, tuple[int, ...], Row]] = set()
        self._number = 0
        self._failures = 0  # of mending a row that CHECKs refuse

    def next_number(self) -> int:
        """For a fresh key."""
        self._number += 1
        return self._number

    def add_random(self, table: TableShape) -> None:
        """A row that no query asked for, perhaps one like an earlier one."""
        plan, rng = self._plans[table], self._rng
        given: dict[int, Value] = {}
        known = self.rows[table.name]
        if known and rng.random() < self._mood.repeat_share:
            in_keys = {place for key in plan.keys for place in key}
            given = {i: v for i, v in enumerate(rng.choice(known)) if i not in in_keys and rng.random() > 0.3}
        for reference in plan.references:
            known_parents = self.rows[reference.parent.name]
            if known_parents and len(reference.targets) == len(reference.places) and rng.random() > _NEW_PARENTS:
                chosen = rng.choice(known_parents)
                given |= {p: chosen[t] for p, t in zip(reference.places, reference.targets, strict=True)}
        self.add(table, given)

    def free(self, table: TableShape, but: set[int]) -> set[int]:
        """One column of each key, in which rows like each other may differ; one of these only if there is no other,
        and none where rows are to be the same in every column."""
        if len(but) == len(table.columns):
            return set()
        keys = self._plans[table].keys
        return {self._rng.choice([place for place in key if place not in but] or key) for key in keys if key}

    def like(self, table: TableShape, row: Row, keep: Callable[[int], float], free: set[int]) -> dict[int, Value]:
        """Values of a row, each with the chance that `keep` says, but those of `free` columns."""
        plan = self._plans[table]
        places = {*plan.living, *(place for key in plan.keys for place in key)} - free
        return {place: row[place] for place in sorted(places) if self._rng.random() < keep(place)}

    def twist(self, table: TableShape, before: Row) -> dict[int, Value]:
        """One column that the queries name gets another value than it had `before`, NULL where it may be, or in a text
        another end."""
        plan, rng = self._plans[table], self._rng
        if not plan.living:
            return {}
        place = rng.choice(plan.living)
        column = table.columns[place]
        if rng.random() < _KIN_TWISTS and plan.has_kin(place) and isinstance(before[place], str):
            return {place: kin(rng, column, before[place])}
        return {place: None if not column.not_null and rng.random() < 0.5 else self._value(column, plan.pools[place])}

    def add(self, table: TableShape, given: Mapping[int, Value], depth: int = 0) -> Row | None:
        """A row with these values, but where CHECKs refuse them, and the parents that it needs; None where its key is
        taken or it cannot be. At a `depth` it is a parent itself, and must have these values."""
        plan = self._plans[table]
        row = self._filled(plan, given, firm=depth > 0)
        if row is None or not all(self._refers(plan, reference, row, depth) for reference in plan.references):
            return None
        if plan.law is not None and not plan.law.allows(row):  # for it refers to others than it was to
            return None
        if depth > 0 and any(row[place] != value for place, value in given.items()):
            return None
        values = tuple(row)
        taken = [(table.name, key, parts) for key in plan.keys if None not in (parts := _parts(values, key))]
        if not self._keys.isdisjoint(taken):
            return None
        self._keys.update(taken)
        self._parents.update((table.name, places, _parts(values, places)) for places in self._plans.targets[table.name])
        self.rows[table.name].append(values)
        return values

    def _filled(self, plan: Plan, given: Mapping[int, Value], *, firm: bool) -> list[Value] | None:
        """A row with the given values, another one for as long as CHECKs refuse it and there is patience; then one that
        is made legal. None where there is none (with all of these values, if it is to be `firm`)."""
        row = self._attempt(plan, given)
        law = plan.law
        if law is None or law.allows(row):
            return row
        for _ in range(0 if law.is_settled(given) else _TRIES):
            row = self._attempt(plan, given)
            if law.allows(row):
                return row
        if self._failures < _MOST_FAILURES and law.mend(row, given, self._rng, firm=firm):
            return row
        self._failures += 1
        return None

    def _attempt(self, plan: Plan, given: Mapping[int, Value]) -> list[Value]:
        row = list(pick(self._rng, self._template(plan)))
        columns = plan.table.columns
        for place in plan.living:
            if place not in given:
                row[place] = self._value(columns[place], plan.pools[place])
                if self._mood.kin_share and plan.has_kin(place) and self._rng.random() < self._mood.kin_share:
                    known = self.rows[plan.table.name]
                    row[place] = kin(self._rng, columns[place], pick(self._rng, known)[place] if known else row[place])
        for key in plan.keys:
            self._fill_key(plan, key, given, row)
        for place, value in given.items():
            if _fits(columns[place], value):
                row[place] = value
            elif value is not None:
                row[place] = self._value(columns[place], plan.pools[place])
        return row

    def _template(self, plan: Plan) -> list[list[Value]]:
        """Two fillings for the columns that no query names."""
        found = self._templates.get(plan.table.name)
        if found is None:
            columns = list(zip(plan.table.columns, plan.pools, strict=True))
            found = [[self._value(column, pool) for column, pool in columns] for _ in range(2)]
            self._templates[plan.table.name] = found
        return found

    def _fill_key(self, plan: Plan, key: tuple[int, ...], given: Mapping[int, Value], row: list[Value]) -> None:
        """A key's free columns: mostly small values that meet others, and a fresh one where the key is single."""
        free = [place for place in key if place not in given]
        for place in free:
            column = plan.table.columns[place]
            if not column.not_null and self._rng.random() < self._mood.null_rate:
                row[place] = None
            elif len(key) == 1:
                pool, checked = plan.pools[place], place in plan.checked
                small = pool.fresh(column, self._rng.randrange(1, 8))
                if checked or (column.kind == "TEXT" and self._rng.random() < _VARIOUS_KEYS):
                    small = self._value(column, pool)
                taken = (not checked and self._rng.random() < 0.5) or (plan.table.name, key, (small,)) in self._keys
                row[place] = pool.fresh(column, self._unused()) if taken else small
            elif self._rng.random() < _FRESH_PARTS:
                row[place] = plan.pools[place].fresh(column, self._unused())
            else:
                row[place] = self._value(column, plan.pools[place])

    def _unused(self) -> int:
        return 10 + self.next_number()

    def _value(self, column: ColumnShape, pool: Pool) -> Value:
        if not column.not_null and self._rng.random() < self._mood.null_rate:
            return None
        if pool.wide and self._rng.random() < self._mood.fresh_share:
            return pool.fresh(column, self._unused())
        few = self._few.get(id(pool))
        if few is None:
            variety = self._rng.choice(self._mood.varieties)
            few = self._few[id(pool)] = [self._drawn(pool) for _ in range(variety)]
        return pick(self._rng, few) if few else self._drawn(pool)

    def _drawn(self, pool: Pool) -> Value:
        rng = self._rng
        if pool.odd and rng.random() < _ODD:
            return pick(rng, pool.odd)
        if not pool.near or rng.random() >= self._mood.literal_share:
            return pick(rng, pool.far) if pool.far else None
        return pick(rng, pool.exact if pool.exact and rng.random() < _EXACT_SHARE else pool.near)

    def _refers(self, plan: Plan, reference: Reference, row: list[Value], depth: int) -> bool:
        """Lets a foreign key point at a parent that is there, bringing it where it can be; else at none."""
        wanted = [row[place] for place in reference.places]
        if None in wanted or len(reference.targets) != len(wanted):
            return True
        if (reference.parent.name, reference.targets, tuple(wanted)) in self._parents:
            return True
        if reference.parent is plan.table and [row[target] for target in reference.targets] == wanted:
            return True
        given = dict(zip(reference.targets, wanted, strict=True))
        if depth < _DEEPEST and self.add(reference.parent, given, depth + 1) is not None:
            return True
        known = self.rows[reference.parent.name]
        if not (known or reference.may_be_null) and depth < _DEEPEST:
            self.add(reference.parent, {}, depth + 1)
        if known and (not reference.may_be_null or self._rng.random() < 0.5):
            return self._refers_to_known(plan, reference, row, known)
        if reference.may_be_null:
            for place in reference.places:
                if not plan.table.columns[place].not_null:
                    row[place] = None
            return True
        if reference.parent is plan.table:  # to itself
            for place, target in zip(reference.places, reference.targets, strict=True):
                row[place] = row[target]
            return True
        return False

    def _refers_to_known(self, plan: Plan, reference: Reference, row: list[Value], known: list[Row]) -> bool:
        """Lets a foreign key point at one of these rows, one with which CHECKs let the row in."""
        for _ in range(_PATIENCE):
            chosen = self._rng.choice(known)
            for place, target in zip(reference.places, reference.targets, strict=True):
                row[place] = chosen[target]
            if plan.law is None or plan.law.allows(row):
                return True
        return False


def _parts(row: Sequence[Value], places: Sequence[int]) -> Row:
    return tuple(row[place] for place in places)


def _fits(column: ColumnShape, value: Value) -> bool:
    if value is None:
        return not column.not_null
    types = _TYPES.get(column.kind)
    return types is None or isinstance(value, types)
