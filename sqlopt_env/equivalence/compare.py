"""Are two results the same? Bags, ties of ORDER BY, and floats to 1e-9 of their size.

The rule for two values: NULL equals NULL; numbers equal when they are numerically equal, and two *floats* also when
they differ by at most 1e-9 of the larger one (a sum in another order); text, blobs and numbers never equal each
other. Columns are counted, their names do not matter.
"""

from __future__ import annotations

import marshal
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf, isclose
from typing import TypeAlias

Value: TypeAlias = int | float | str | bytes | None
Row: TypeAlias = tuple[Value, ...]

RELATIVE = 1e-9
MATCHED_EXHAUSTIVELY = 400  # rows of one pool that differ in floats alone are paired off to the full up to this many
_LOOKED_AT = 100  # free rows that each row of a larger pool looks at


@dataclass(frozen=True, slots=True)
class TieGroup:
    """A run of `size` result rows that ORDER BY cannot tell apart.

    `pool` holds every row that may stand here: more than `size` only where LIMIT or OFFSET cuts through the group.
    """

    size: int
    pool: Sequence[Row]


@dataclass(frozen=True, slots=True)
class Reference:
    """The original's result. `groups` is None where order does not matter, else the tie groups in order.

    `strict`: which rows tie could not be found out, and this very order is demanded.
    """

    rows: Sequence[Row]
    groups: Sequence[TieGroup] | None = None
    strict: bool = False


def strictly_ordered(rows: Sequence[Row]) -> Reference:
    """A reference whose rows must come in this very order."""
    return Reference(rows, [TieGroup(1, (row,)) for row in rows], strict=True)


def difference(reference: Reference, rows: Sequence[Row]) -> str:
    """One sentence on how `rows` differ from the reference, or "" where they are the same result."""
    return difference_of_chunks(reference, iter([list(rows)]))


def difference_of_chunks(reference: Reference, chunks: Iterator[list[Row]]) -> str:
    """The same of rows that come many at a time. Reads no further than it must: it stops at the first row too many."""
    agreed = 0
    for chunk in chunks:
        if list(reference.rows[agreed : agreed + len(chunk)]) != chunk:
            break
        agreed += len(chunk)
    else:
        return "" if agreed == len(reference.rows) else _count_sentence(agreed, len(reference.rows))

    tail = list(chunk)
    while agreed + len(tail) <= len(reference.rows) and (more := next(chunks, None)) is not None:
        tail += more
    if agreed + len(tail) != len(reference.rows):
        unread = next(chunks, None) is not None
        return _count_sentence(agreed + len(tail), len(reference.rows), at_least=unread)
    if reference.groups is None:
        return bag_difference(reference.rows[agreed:], tail)
    return _order_difference(reference, agreed, tail)


def _count_sentence(got: int, expected: int, at_least: bool = False) -> str:
    some = "at least " if at_least else ""
    return f"the rewrite returns {some}{got:,} {'row' if got == 1 else 'rows'}, the original {expected:,}"


def _order_difference(reference: Reference, agreed: int, tail: list[Row]) -> str:
    assert reference.groups is not None
    rows = [*reference.rows[:agreed], *tail]
    start = 0
    for group in reference.groups:
        end = start + group.size
        if end > agreed:
            part = rows[start:end]
            problem = bag_difference(group.pool, part, all_of_it=len(group.pool) == group.size)
            if problem:
                place = f"row {start + 1:,}" if group.size == 1 else f"rows {start + 1:,} to {end:,}"
                same_bag = bag_difference(reference.rows, rows) == ""
                return f"the rows come in another order from {place} on" if same_bag else f"in {place}: {problem}"
        start = end
    return ""


def bag_difference(expected: Sequence[Row], got: Sequence[Row], all_of_it: bool = True) -> str:
    """How the bag `got` differs from the bag `expected`, or "".

    With `all_of_it=False`, `got` may also be a part of `expected`.
    """
    missing = Counter(map(_key, expected))
    unmatched: list[Row] = []
    for row in got:
        key = _key(row)
        left = missing.get(key, 0)  # candidates' keys are only looked up, never inserted
        if left:
            missing[key] = left - 1
        elif _has_float(row):
            unmatched.append(row)
        else:
            return f"the rewrite returns the row {shown(row)}, which the original does not{_too_often(row, expected)}"
    spare: list[Row] = []
    for row in expected:
        key = _key(row)
        if missing.get(key, 0):
            missing[key] -= 1
            spare.append(row)
    return _nearly(spare, unmatched, all_of_it)


def _too_often(row: Row, expected: Sequence[Row]) -> str:
    return " return so often" if row in expected else ""


def _key(row: Row) -> bytes:
    """Equal for rows with equal values, 1 and 1.0 alike. (Hashing tuples would let crafted integers collide.)"""
    if _has_float(row):
        row = tuple(int(value) if isinstance(value, float) and value.is_integer() else value for value in row)
    return marshal.dumps(row, 2)


def _has_float(row: Row) -> bool:
    return float in map(type, row)


def _nearly(spare: list[Row], unmatched: list[Row], all_of_it: bool) -> str:
    """Pairs rows that differ only by the tolerance of their floats."""
    columns: dict[int, list[Value]] = {}
    for row in (*spare, *unmatched):
        for i, value in enumerate(row):
            columns.setdefault(i, []).append(value)
    runs = {i: _Runs(values) for i, values in columns.items() if float in map(type, values)}
    pools: dict[bytes, list[Row]] = {}
    for row in spare:
        pools.setdefault(_cell(row, runs), []).append(row)
    wanted: dict[bytes, list[Row]] = {}
    for row in unmatched:
        wanted.setdefault(_cell(row, runs), []).append(row)
    for cell, rows in wanted.items():
        loose = [i for i, column in runs.items() if i < len(rows[0]) and column.is_loose(rows[0][i])]
        lonely = _unpaired(rows, pools.get(cell, []), loose)
        if lonely is not None:
            return f"the rewrite returns the row {shown(lonely)}, which the original does not"
    if all_of_it and len(unmatched) != len(spare):
        return f"the original returns the row {shown(spare[0])}, which the rewrite does not"
    return ""


class _Runs:
    """The floats of one column in runs: sorted, each is within tolerance of the one before it.

    Floats of two runs are never the same. Those of one run always are, but where it is `loose`: where so many lie so
    near that the first and the last are not, or where there is a whole number among them, which has no tolerance.
    """

    def __init__(self, values: list[Value]) -> None:
        self._numbers: dict[float, int] = {}
        self._loose: set[int] = set()
        number, first, last = -1, inf, inf
        for value in sorted({value for value in values if isinstance(value, float)}):
            if number < 0 or not same_value(last, value):
                number, first = number + 1, value
            elif not same_value(first, value):
                self._loose.add(number)
            self._numbers[value] = number
            last = value
        sizes = Counter(self._numbers.values())
        whole = {self._numbers[value] for value in values if isinstance(value, int) and value in self._numbers}
        self._loose |= {number for number in whole if sizes[number] > 1}

    def of(self, value: Value) -> int | None:
        return self._numbers.get(value) if isinstance(value, int | float) else None

    def is_loose(self, value: Value) -> bool:
        return self.of(value) in self._loose


def _cell(row: Row, runs: Mapping[int, _Runs]) -> bytes:
    """What rows within tolerance of each other share: the runs of their floats, and all else as it is."""
    found = ((runs[i].of(value) if i in runs else None, value) for i, value in enumerate(row))
    return marshal.dumps(tuple((value, 0) if number is None else number for number, value in found), 2)


def _unpaired(rows: list[Row], pool: list[Row], loose: Sequence[int]) -> Row | None:
    """A row that finds no partner of its own in the pool, or None; all are of one cell.

    Where no column is loose, counting is enough, and with a single one, taking both sides in its order. With more,
    small pools are matched to the full, and in large ones each row takes the first free partner that is near.
    """
    if len(rows) > len(pool):
        return rows[-1]
    if not loose:
        return None
    column = loose[0]
    rows = sorted(rows, key=lambda row: _numbers(row, loose))
    pool = sorted(pool, key=lambda row: _numbers(row, loose))
    if len(loose) == 1 and all(isinstance(row[column], float) for row in (*rows, *pool)):
        return _unpaired_in_order(rows, pool, column)
    if len(pool) <= MATCHED_EXHAUSTIVELY:
        return _unpaired_at_best(rows, pool)
    return _unpaired_nearby(rows, pool, column)


def _unpaired_in_order(rows: list[Row], pool: list[Row], column: int) -> Row | None:
    """Where one column of floats decides: what is too small for a row is too small for all that come after it."""
    candidates = iter(pool)
    for row in rows:
        value = _numbers(row, (column,))
        for candidate in candidates:
            if same_value(candidate[column], row[column]):
                break
            if _numbers(candidate, (column,)) > value:
                return row
        else:
            return row
    return None


def _unpaired_at_best(rows: list[Row], pool: list[Row]) -> Row | None:
    """By Kuhn's augmenting paths: a row is without a partner only where all cannot have one."""
    partner: dict[int, int] = {}

    def place(i: int, seen: set[int]) -> bool:
        for j, candidate in enumerate(pool):
            if j in seen or not _same(rows[i], candidate):
                continue
            seen.add(j)
            if j not in partner or place(partner[j], seen):
                partner[j] = i
                return True
        return False

    return next((row for i, row in enumerate(rows) if not place(i, set())), None)


def _unpaired_nearby(rows: list[Row], pool: list[Row], column: int) -> Row | None:
    """Each row looks at a few that are still free and whose value in `column` is near."""
    values = [_numbers(row, (column,))[0] for row in pool]
    onward = list(range(len(pool) + 1))  # from each place, towards the next one that is free

    def free(j: int) -> int:
        while onward[j] != j:
            onward[j] = onward[onward[j]]
            j = onward[j]
        return j

    for row in rows:
        (value,) = _numbers(row, (column,))
        margin = abs(value) * 2 * RELATIVE
        j, end = free(bisect_left(values, value - margin)), bisect_right(values, value + margin)
        for _ in range(_LOOKED_AT):
            if j >= end:
                return row
            if _same(row, pool[j]):
                onward[j] = j + 1
                break
            j = free(j + 1)
        else:
            return row
    return None


def _numbers(row: Row, columns: Sequence[int]) -> tuple[int | float, ...]:
    """What the row holds in columns that hold numbers."""
    found = (row[column] for column in columns)
    return tuple(value for value in found if isinstance(value, int | float))


def _same(one: Row, other: Row) -> bool:
    return len(one) == len(other) and all(map(same_value, one, other))


def same_value(one: Value, other: Value) -> bool:
    """The rule at the top of this file for a single pair of values."""
    if isinstance(one, float) and isinstance(other, float):
        return one == other or isclose(one, other, rel_tol=RELATIVE, abs_tol=0.0)
    return one == other


def shown(row: Row, width: int = 120) -> str:
    """A row for a person, cut to about `width` characters."""
    text = "(" + ", ".join("NULL" if value is None else repr(value) for value in row) + ")"
    return text if len(text) <= width else text[: width - 4] + " ...)"
