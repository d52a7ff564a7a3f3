"""Rows of a real table exchange their values, column by column, and some numbers and texts become new ones.

What was so of all rows, that one column rises with another or with the key, that a text is in lower case, that an
amount is above zero, is so no more.
"""

from __future__ import annotations

import random
import re

from ..compare import Row, Value
from ..shape import ColumnShape
from .handles import Changes, Handle

_NEW, _NULL = 0.25, 0.04  # the shares of values that become others of their kind, or NULL
_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)")


def shuffled(handle: Handle, read: set[str], keys: list[Row], rng: random.Random) -> Changes:
    """New values for these rows, in columns that are `read` and belong to no key."""
    in_keys = {column.lower() for key in handle.table.keys for column in key}
    columns = [column for column in handle.table.columns if column.name.lower() in read - in_keys]
    if not columns or len(keys) < 2:
        return {}
    names = [column.name for column in columns]
    before = {key: handle.values(names, key) for key in keys}
    after: Changes = {key: {} for key in keys}
    referring = {name.lower() for reference in handle.table.foreign_keys for name in reference.columns}
    for place, column in enumerate(columns):
        values = [before[key][place] for key in keys]
        rng.shuffle(values)
        if column.name.lower() not in referring:
            values = [_other(value, column, rng) if rng.random() < _NEW else value for value in values]
        for key, value in zip(keys, values, strict=True):
            if value != before[key][place]:
                after[key][column.name] = value
    return after


def _other(value: Value, column: ColumnShape, rng: random.Random) -> Value:
    """A value of the same kind that is rarely there already."""
    if not column.not_null and rng.random() < _NULL / _NEW:
        return None
    if isinstance(value, float):
        return rng.choice((0.0, -value, value + 0.00123, round(value * 0.5, 2), round(value * 3, 2)))
    if isinstance(value, int) and abs(value) < 2**40:
        return rng.choice((0, -value, value - 1, value + 1, value + 2, value + 1000))
    if isinstance(value, str) and _DATE.match(value):
        return rng.choice((f"{int(value[:4]) + rng.choice((-30, -1, 1, 30)):04}{value[4:]}", value + "x"))
    if isinstance(value, str) and value[:1].isalpha():
        return rng.choice((value + rng.choice("xyz"), value.swapcase(), value + " ", value[:-1]))
    return value
