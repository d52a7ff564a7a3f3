"""The values that a column draws from: the literals that it meets, what lies next to them, and a few others."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import inf, isfinite
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
_MONTHS = range(1, 13)
_ODD: dict[str, tuple[Value, ...]] = {  # drawn now and then, whatever the queries say
    "INTEGER": (7, 100, 366, 10**4, 10**6),
    "REAL": (0.123456, 9.995, 10.4, 250.0, 1e6),
    "NUMERIC": (0.125, 7, 10**4, 10**6),
    "TEXT": (
        "é",
        "été",
        "a\nb",
        "a, b c",
        "2024-12-31",
        "2024-03-05 18:00:00",
        "abcdefghijklmnopqrstuvwxyz 0123456789 " * 2,
    ),
}
# Drawn where a condition or a CHECK refuses all of a pool.
_WIDE: dict[str, tuple[Value, ...]] = {
    "INTEGER": (*range(-12, 132), 200, 365, 366, 500, 999, 1000, 1900, *range(2000, 2030), 10**4, 10**5, 10**6, 10**9),
    "REAL": (
        *(n / 4 for n in range(-8, 41)),
        *(float(n) for n in range(11, 130)),
        *(0.123456, 9.995, 500.0, 999.99, 1e3, 1e4, 1e6, 1e9),
    ),
    "TEXT": (
        *("abc", "abcd", "Abc", "abcdefgh", " a", "a ", "a b", "12", "007", "1.5", "05", "5x", "x-1", "a.b@c", "-"),
        *("a@b.com", "name@example.org", "http://a.b/c", "{}", '{"a": 1}', "[1, 2]", "null", "true", "yes", "Y", "N"),
        *("é", "É", "été", "naïve", "a\nb", "a\tb", "a,b", "it's", "abcdefghijklmnopqrstuvwxyz0123456789 " * 2),
        *(f"{year}-{month:02}-{day}" for year in (2023, 2024, 2025) for month in _MONTHS for day in ("01", "28")),
        *("2024-02-29", "2024-12-31", "2023-12-31 23:59:59", "12:30:00", "2024-02-29T12:30:00", "2024-03-05 18:00:00"),
        *(f"2024-{month:02}-28 {hour:02}:30:00" for month in _MONTHS for hour in (month - 1, month + 11)),
    ),
}
_DATES: tuple[Value, ...] = ("2024-01-01", "2024-01-31", "2023-12-31", "2024-06-15")
_NUMBER = re.compile(r"-?\d{1,15}")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d")
_FILLING = " and so on, and so forth, "
_LONGEST_KIN = 200
_MOST_OTHERS = 12  # values near the literals of other columns
_MOST_VALUES = 80


@dataclass(slots=True)
class Pool:
    """Values of a column's declared kind, without NULL."""

    exact: list[Value]  # literals that the column meets
    near: list[Value]  # these and what lies next to them
    far: list[Value]
    odd: list[Value]
    wide: list[Value]  # many and various ones, for conditions that none of the others fulfils
    supply: list[Value] = field(default_factory=list)  # where CHECKs do not let in any new key: these are the new ones
    checked: bool = False  # CHECKs over this column alone, or over a key that it refers to, have chosen its values

    def fresh(self, column: ColumnShape, number: int) -> Value:
        """The `number`-th value of a key, as far as there are so many."""
        return self.supply[number % len(self.supply)] if self.supply else fresh(column, number)

    @property
    def all(self) -> list[Value]:
        return list({(type(value), value): value for value in (*self.near[:_MOST_VALUES], *self.far)}.values())


def pool_for(column: ColumnShape, literals: Literals) -> Pool:
    """The pool of one column. The same literals give the same pool."""
    met = held(column, sorted(literals.columns.get(column.name.lower(), set()), key=repr))
    others = sorted(literals.values - set(met), key=repr)
    exact = fitting(column, met)
    near = fitting(column, (near for value in met for near in neighbours(value)))
    around = fitting(column, (near for value in others for near in neighbours(value)))
    dates = _DATES if column.kind == "TEXT" and _is_date_like(column.name, near) else ()
    far: list[Value] = [*dict.fromkeys((*_DEFAULTS[column.kind], *dates, *around[:_MOST_OTHERS]))]
    if "BLOB" in column.declared.upper():
        far = [b"", b"a", b"b", b"ab", b"\x01"]
    if column.declared.upper().startswith("BOOL"):
        for values in (exact, near, far):
            values[:] = [value for value in values if value in (0, 1)]
        return Pool(exact, near, far, [], [])
    return Pool(exact, near, far, list(_ODD.get(column.kind, ())), wide(column))


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
                kept = float(value) if abs(value) < 2**1000 else inf
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
        if isinstance(kept, int) and not -(2**63) <= kept < 2**63:
            continue
        found[type(kept).__name__, kept] = kept
    return list(found.values())


def held(column: ColumnShape, literals: list[Value]) -> list[Value]:
    """These literals and, for a column of texts, the texts that SQLite compares it with in place of a float."""
    if column.kind != "TEXT":
        return literals
    texts: list[Value] = [_float_text(value) for value in literals if isinstance(value, float) and isfinite(value)]
    return [*literals, *texts]


def _float_text(value: float) -> str:
    whole, e, power = repr(value).partition("e")
    return f"{whole if '.' in whole or not e else whole + '.0'}{e}{power}"


def kin(rng: random.Random, column: ColumnShape, value: Value) -> Value:
    """A text that shares a long beginning with this one, and with the others that are made of it: only at its end does
    it differ. A moment's are moments of the same minute; where case does not count, it is the same in other letters."""
    if not isinstance(value, str) or len(value) > _LONGEST_KIN:
        return value
    if column.collation == "NOCASE" and value.swapcase() != value:
        return value.swapcase()
    if _MOMENT.fullmatch(value):
        return f"{value[:17]}{rng.randrange(60):02}"
    if _DAY.fullmatch(value):
        return f"{value} 12:30:{rng.randrange(60):02}"
    return f"{value}{'' if len(value) >= len(_FILLING) else _FILLING}{pick(rng, 'xyz')}"


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
        case "BLOB" if "BLOB" in column.declared.upper():
            return f"k{number}".encode()
        case _:
            return number


def _is_date_like(name: str, near: list[Value]) -> bool:
    named = any(word in name.lower() for word in ("date", "day", "time", "_at", "_on"))
    return named or any(isinstance(value, str) and value[:4].isdigit() and value[4:5] == "-" for value in near)
