"""Many values that the CHECKs over a column let in: texts of a length, of a pattern, days, numbers within bounds.

They are guessed from what the CHECKs say, and SQLite says which of the guesses are right.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from datetime import date, timedelta
from functools import lru_cache
from itertools import islice

import apsw
from sqlglot import exp

from ...sqlite.connection import identifier, memory_connection
from ..compare import Value
from ..parsing import parsed
from ..shape import ColumnShape
from .checks import Check
from .values import fitting, fresh, pick, wide

_ENOUGH = 60  # legal values
_MOST_TRIED, _AT_ONCE = 4000, 200
_ALPHABETS = ("abcdefghij", "ABCDEFGHIJ", "0123456789")
_ROUNDS = (range(20), range(20, 60))  # which words of a kind come first
_FILLINGS = (range(64), range(64, 128))  # of a pattern, for each length and alphabet, in each of the rounds
_IN_TURN = 16  # of these fillings
_ANY = "\0"  # a slot of a pattern for any one letter
_MOST_LENGTHS, _MOST_TEXTS, _MOST_NUMBERS = 8, 8, 6
_MOST_FILLED = 600
_STEPS = 24  # multiples of a number, on both sides of another
_NUMBER = re.compile(r"(?<![\w.])\d{1,15}(?![\w.])")
_TEXT = re.compile(r"'((?:[^']|'')*)'")
_TIMES = re.compile(r"\b(date|time|datetime|julianday|strftime|unixepoch|timediff)\s*\(", re.IGNORECASE)
_FIRST_DAY, _DAYS = date(2023, 12, 1), 90
_DOCUMENTS = ("{}", "[]", '{"a": 1}', '{"a": 2, "b": "x"}', "[1, 2]", '["a"]', "1", '"a"')
_OTHERS = "aZ0 -_.~"  # of which some are in [^...]
_FRESH = (1, 2, 3, 7, 10, 11, 12, 20, 45, 300, 5001)  # keys that are made without a supply, if CHECKs let all in


@lru_cache(maxsize=256)
def supply(column: ColumnShape, checks: tuple[Check, ...]) -> tuple[Value, ...]:
    """Different values of the column's kind that fulfil all of these, none if none was found; the same every time."""
    guesses = islice(_guesses(column, [check for _, check in checks]), _MOST_TRIED)
    values = (value for guess in guesses for value in fitting(column, [guess]))
    with closing(memory_connection()) as connection:
        return tuple(dict.fromkeys(legal(connection, column, checks, values, _ENOUGH)))


@lru_cache(maxsize=256)
def are_free(column: ColumnShape, checks: tuple[Check, ...]) -> bool:
    """Whether the CHECKs let in any new key, so that no supply is needed."""
    keys = [fresh(column, number) for number in _FRESH]
    with closing(memory_connection()) as connection:
        return len(legal(connection, column, checks, keys)) == len(keys)


@lru_cache(maxsize=256)
def is_listed(checks: tuple[Check, ...]) -> bool:
    """Whether one of these lists all values that there may be."""
    trees = [parsed(f"SELECT {check}") for _, check in checks]
    listed = [tree.expressions[0].unnest() for tree in trees if isinstance(tree, exp.Select) and tree.expressions]
    return any(
        isinstance(node, exp.In)
        and isinstance(node.this, exp.Column)
        and all(isinstance(value, exp.Literal) for value in node.expressions)
        and bool(node.expressions)
        for node in listed
    )


def legal(
    connection: apsw.Connection,
    column: ColumnShape,
    checks: Sequence[Check],
    values: Iterable[Value],
    most: int | None = None,
) -> list[Value]:
    """Those of the values, the first ones, that fulfil all of these in a column of this type."""
    names = list(dict.fromkeys(name for name, _ in checks))
    kind = f"{column.declared} COLLATE {column.collation}"
    truth = " AND ".join(f"({check}) IS NOT FALSE" for _, check in checks)
    insert = f"INSERT INTO admitted VALUES ({', '.join('?1' for _ in names)}) RETURNING {truth}"

    def admitted(some: Sequence[Value]) -> list[Value]:
        try:
            truths = [truth for (truth,) in connection.executemany(insert, [(value,) for value in some])]
        except apsw.Error:  # malformed JSON, say
            return [value for one in some for value in admitted([one])] if len(some) > 1 else []
        return [value for value, truth in zip(some, truths, strict=True) if truth]

    connection.execute("SAVEPOINT asking")
    try:
        connection.execute(f"CREATE TABLE admitted ({', '.join(f'{identifier(name)} {kind}' for name in names)})")
        connection.execute(f"EXPLAIN {insert}", (None,)).fetchall()
        left, found = iter(values), list[Value]()
        while (most is None or len(found) < most) and (some := list(islice(left, _AT_ONCE))):
            found += admitted(some)
        return found[:most]
    except apsw.Error:  # a CHECK that cannot be asked here: loading will tell
        return list(islice(values, most))
    finally:
        connection.execute("ROLLBACK TO asking; RELEASE asking")


def _guesses(column: ColumnShape, checks: Sequence[str]) -> Iterator[Value]:
    numbers = sorted({int(number) for check in checks for number in _NUMBER.findall(check)})
    yield from (fresh(column, number) for number in range(1, 30))
    yield from wide(column)
    if column.kind in ("INTEGER", "REAL", "NUMERIC"):
        yield from _numbers(numbers[:_MOST_NUMBERS])
        return
    lengths = sorted({n for number in numbers for n in (number - 1, number, number + 1) if 0 < n <= 200})
    lengths = sorted(lengths, key=lambda length: (length not in numbers, length))[:_MOST_LENGTHS]
    if "BLOB" in column.declared.upper():
        yield from (word(i, length, _ALPHABETS[0]).encode() for length in lengths or [4] for i in range(48))
    else:
        yield from _texts(checks, lengths)


def _texts(checks: Sequence[str], lengths: Sequence[int]) -> Iterator[str]:
    said = " ".join(checks)
    texts = list(dict.fromkeys(text.replace("''", "'") for text in _TEXT.findall(said)))[:_MOST_TEXTS]
    yield from texts
    if _TIMES.search(said):
        yield from _times()
    if "json" in said.lower():
        yield from _DOCUMENTS
    patterns = [_slots(text, said) for text in texts]
    joined = [[*one, *other] for one in patterns for other in patterns if one is not other]
    ends = [[*text, None] for text in texts] + [[None, *text] for text in texts] + [[None, *t, None] for t in texts]
    for which, fillings in zip(_ROUNDS, _FILLINGS, strict=True):
        for slots in (patterns, ends, joined):
            filled = (text for pattern in slots for text in _filled(pattern, lengths, fillings))
            yield from islice(filled, _MOST_FILLED)
            if slots is patterns:
                yield from (word(i, length, letters) for length in lengths for letters in _ALPHABETS for i in which)


def word(number: int, length: int, letters: str) -> str:
    """The `number`-th word of a length; shorter ones of that number are its beginnings."""
    size = len(letters)
    return "".join(letters[(number // size**place + place) % size] for place in range(length))


def _numbers(numbers: Sequence[int]) -> Iterator[Value]:
    bounds = [0, *numbers]
    for number in bounds:
        yield from (number + step for step in (*range(-3, 12), 0.5, -0.5))
    for number in bounds:
        for step in (1, *(number for number in numbers if number > 1)):
            for times in range(1, _STEPS):
                yield from (number + times * step, number - times * step)
    yield from ((one + other) / 2 for one in bounds for other in bounds if one < other)


def _times() -> Iterator[str]:
    days = [(_FIRST_DAY + timedelta(days=i)).isoformat() for i in range(_DAYS)]
    yield from days
    yield from (f"{hour:02}:{minute:02}" for minute in (0, 30) for hour in range(24))
    yield from (f"{hour:02}:{minute:02}:00" for minute in (0, 30) for hour in range(24))
    yield from (f"{day} {i % 24:02}:{i % 4 * 15:02}:00" for i, day in enumerate(days))
    yield from (f"{year}-{month:02}" for year in (2023, 2024) for month in range(1, 13))
    yield from (str(year) for year in range(2000, 2030))
    yield from (f"{day}T{i % 24:02}:30:00{zone}" for zone in ("", "Z") for i, day in enumerate(days[:24]))


# Patterns. Each slot holds the letters that may stand there; None: any number of any letters.


def _slots(pattern: str, said: str) -> list[str | None]:
    """What GLOB or LIKE mean by a pattern, whichever of them is said."""
    if "LIKE" in said.upper() and ("%" in pattern or "_" in pattern):
        return [{"%": None, "_": _ANY}.get(sign, sign) for sign in pattern]
    found: list[str | None] = []
    for match in re.finditer(r"\[(\^?)(\]?[^\]]*)\]|(.)", pattern, re.DOTALL):
        inverted, members, sign = match.groups()
        if members is not None:
            letters = _members(members)
            found.append("".join(letter for letter in _OTHERS if letter not in letters) if inverted else letters)
        else:
            found.append({"*": None, "?": _ANY}.get(sign, sign))
    return found


def _members(letters: str) -> str:
    """The letters of a class: of `0-9A-F_` all, up to some of each range."""
    found = ""
    for match in re.finditer(r"(.)-(.)|(.)", letters, re.DOTALL):
        first, last, single = match.groups()
        found += single or "".join(map(chr, range(ord(first), min(ord(last), ord(first) + 25) + 1)))
    return found


def _filled(slots: Sequence[str | None], lengths: Sequence[int], fillings: Iterable[int]) -> Iterator[str]:
    """Texts of a pattern: of each length, with each alphabet where any letters may stand."""
    if "" in slots:
        return
    open_ones = slots.count(None)
    fixed = len(slots) - open_ones
    totals = [length for length in lengths if length >= fixed] + [fixed + open_ones, fixed, fixed + 3 * open_ones]
    for total in dict.fromkeys(totals) if open_ones else (fixed,):
        shares = [(total - fixed + i) // max(1, open_ones) for i in range(open_ones)]
        for letters in _ALPHABETS if open_ones or _ANY in slots else _ALPHABETS[:1]:
            for number in fillings:
                yield _text(slots, iter(shares), letters, number)


def _text(slots: Sequence[str | None], shares: Iterator[int], letters: str, number: int) -> str:
    """The `number`-th filling: the first ones differ in their first letters, the others anywhere."""
    chance = random.Random(number) if number >= _IN_TURN else None
    parts, left = [], number
    for slot in slots:
        if slot is None:
            parts.append(word(left, next(shares), letters))
            continue
        choices = letters if slot == _ANY else slot
        parts.append(choices[left % len(choices)] if chance is None else pick(chance, choices))
        left //= len(choices)
    return "".join(parts)
