"""The values that a column draws from: the literals that it meets, what lies next to them, and a few others."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from ..compare import Value
from ..shape import ColumnShape
from .literals import Literals, neighbours

_Any = TypeVar("_Any")
_DEFAULTS: dict[str, tuple[Value, ...]] = {
    "INTEGER": (0, 1, 2, 3, -1),
    "REAL": (0.0, 1.0, 1.5, -2.5, 10.0, 0.456),
    "NUMERIC": (0, 1, 2, 10, -1, 0.5),
    "TEXT": ("a", "b", "A", "B", "ab", "", "1", " "),
    "BLOB": (0, 1, "a", "b"),
}
# Where a condition or a CHECK refuses all of a pool, one of these may do.
_WIDE: dict[str, tuple[Value, ...]] = {
    "INTEGER": (
        *range(-12, 132),
        200,
        365,
        500,
        999,
        1000,
        1900,
        2000,
        2023,
        2024,
        2025,
        10_000,
        100_000,
        10**6,
        10**9,
    ),
    "REAL": (*(n / 4 for n in range(-8, 41)), *(float(n) for n in range(11, 130)), 500.0, 999.99, 1e3, 1e4, 1e6, 1e9),
    "TEXT": (
        *("abc", "abcd", "Abc", "abcdefgh", "abcdefghijklmnopqrstuvwxyz", " a", "a ", "a b", "12", "007", "1.5", "x-1"),
        *("a@b.com", "name@example.org", "http://a.b/c", "{}", '{"a": 1}', "[1, 2]", "null", "true", "yes", "Y", "N"),
        *(f"{year}-{month:02}-{day:02}" for year in (2023, 2024, 2025) for month in range(1, 13) for day in (1, 28)),
        *(
            "12:30:00",
            "2024-02-29T12:30:00",
            *(f"2024-{month:02}-28 {2 * month - 1:02}:30:00" for month in range(1, 13)),
        ),
    ),
}
_DATES: tuple[Value, ...] = ("2024-01-01", "2024-01-31", "2023-12-31", "2024-06-15")
_NUMBER = re.compile(r"-?\d{1,15}")
_MOST_OTHERS = 12  # values near the literals of other columns
_MOST_VALUES = 80


@dataclass(frozen=True, slots=True)
class Pool:
    """Values of a column's declared kind, without NULL."""

    exact: list[Value]  # literals that the column meets
    near: list[Value]  # these and what lies next to them
    far: list[Value]

    @property
    def all(self) -> list[Value]:
        return list({(type(value), value): value for value in (*self.near[:_MOST_VALUES], *self.far)}.values())


def pool_for(column: ColumnShape, literals: Literals) -> Pool:
    """The pool of one column. The same literals give the same pool."""
    met = sorted(literals.columns.get(column.name.lower(), set()), key=repr)
    others = sorted(literals.values - set(met), key=repr)
    exact = fitting(column, met)
    near = fitting(column, (near for value in met for near in neighbours(value)))
    around = fitting(column, (near for value in others for near in neighbours(value)))
    dates = _DATES if column.kind == "TEXT" and _is_date_like(column.name, near) else ()
    far: list[Value] = [*dict.fromkeys((*_DEFAULTS[column.kind], *dates, *around[:_MOST_OTHERS]))]
    if column.declared.upper().startswith("BOOL"):
        for values in (exact, near, far):
            values[:] = [value for value in values if value in (0, 1)]
    return Pool(exact, near, far)


def fitting(column: ColumnShape, values: Iterable[Value]) -> list[Value]:
    """What a column of this declared kind holds: integers, reals, texts, and not what SQLite would also let in."""
    found: dict[tuple[str, Value], Value] = {}
    for value in values:
        match column.kind, value:
            case "INTEGER", int():
                kept: Value = value
            case "INTEGER" | "REAL" | "NUMERIC", str() if _NUMBER.fullmatch(value):  # year = '2021'
                kept = float(value) if column.kind == "REAL" else int(value)
            case "REAL", int() | float():
                kept = float(value)
            case "NUMERIC", int() | float():
                kept = value
            case "TEXT", str():
                kept = value
            case "TEXT", int():
                kept = str(value)
            case "BLOB", _:
                kept = value
            case _:
                continue
        found[type(kept).__name__, kept] = kept
    return list(found.values())


def wide(column: ColumnShape) -> list[Value]:
    """Many and various values of a column's kind."""
    return list(_WIDE.get(column.kind, (*_WIDE["INTEGER"], *_WIDE["TEXT"])))


def pick(rng: random.Random, values: Sequence[_Any]) -> _Any:
    """One of the values; several times as fast as `rng.choice`."""
    return values[int(rng.random() * len(values))]


def fresh(column: ColumnShape, number: int) -> Value:
    """The `number`-th value of a key."""
    match column.kind:
        case "TEXT":
            return f"{'kkK'[number % 3]}{number}"  # in either case, for collations
        case "REAL":
            return float(number)
        case _:
            return number


def _is_date_like(name: str, near: list[Value]) -> bool:
    named = any(word in name.lower() for word in ("date", "day", "time", "_at", "_on"))
    return named or any(isinstance(value, str) and value[:4].isdigit() and value[4:5] == "-" for value in near)
