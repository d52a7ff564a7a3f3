"""A task's small databases, grafted onto rows of the real one.

What all real rows happen to fulfil, no change among themselves shows. A task's samples were chosen because they tell
its query from mistakes in it: they hold values just beyond its thresholds, NULL where that is allowed, duplicates, rows
without a partner. So real rows take their values, whole samples at a time, with the rows that refer to each other; real
keys stay, so that everything that refers to them still does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from ..compare import Row, Value
from .ground import Ground, Sampled, namesake
from .handles import Changes

_Stands: TypeAlias = dict[tuple[str, tuple[str, ...], Row], Row]  # real keys, by what stands for them in a sample
_Values: TypeAlias = dict[str, Value]

_ROWS, _ROWS_OF_ONE = 40, 8  # of a table that take samples' values, and of one sample
_NEW_ROWS, _NEW_ROWS_OF_ONE = 7, 3  # of a table
_FAR = 10**9


def grafted(ground: Ground) -> dict[str, Changes]:
    """What real rows become, by table: whole samples, as many as there is room for."""
    found: dict[str, Changes] = {name: {} for name in ground.handles}
    for sample in ground.samples:
        rows = _few(ground, sample, _ROWS_OF_ONE)
        if any(len(found[name]) + len(rows[name]) > _ROWS for name in ground.read if name in rows):
            continue
        stands: _Stands = {}
        placed = []
        for name, members in rows.items():
            for row in members:
                site = namesake(ground, name, row) or ground.site(name)
                if site is not None:
                    placed.append((name, row, site))
                    for columns in ground.links.targets[name]:
                        real = ground.handles[name].values(columns, site)
                        stands[name, columns, _part(ground, name, row, columns)] = real
        for name, row, site in placed:
            values = translated(ground, name, row, stands)
            planted = {column: values[column] for column in ground.plantable(name) if column in values}
            found[name].setdefault(site, planted)
    return found


def new_rows(ground: Ground) -> dict[str, list[_Values]]:
    """Rows to be put in, by table, with what they refer to: whole samples, under keys that are free."""
    found: dict[str, list[_Values]] = {name: [] for name in ground.handles}
    for sample in ground.samples:
        rows = _few(ground, sample, _NEW_ROWS_OF_ONE)
        if any(len(found[name]) + len(rows[name]) > _NEW_ROWS for name in rows):
            continue
        stands: _Stands = {}
        for name, members in rows.items():
            for row in members:
                values = _renamed(ground, name, translated(ground, name, row, stands), len(found[name]))
                if values is None:
                    continue
                for columns in ground.links.targets[name]:
                    stands[name, columns, _part(ground, name, row, columns)] = tuple(values[c] for c in columns)
                found[name].append(values)
    return found


def translated(ground: Ground, name: str, row: Row, stands: _Stands) -> _Values:
    """The row's values by column, with references to what stands for the rows that it refers to.

    A reference that the schema declares and that nothing stands for is left out.
    """
    values = {column: row[place] for column, place in ground.places(name).items()}
    for link in ground.links.of[name]:
        old = tuple(values[column] for column in link.columns if column in values)
        if None in old or len(old) < len(link.columns):
            continue
        new = stands.get((link.parent, link.parent_columns, old))
        if new is None and link in ground.links.declared:
            for column in link.columns:
                del values[column]
        else:
            values.update(zip(link.columns, new or map(astray, old), strict=True))
    return values


def refers(ground: Ground, name: str, row: _Values) -> bool:
    """Whether all is there that a new row of the table refers to, where the schema demands it."""
    for link in ground.links.of[name]:
        values = tuple(row[column] for column in link.columns)
        if link in ground.links.declared and None not in values:
            parent = ground.handles.get(link.parent)
            if parent is None or not parent.holds(link.parent_columns, values):
                return False
    return True


def astray(value: Value) -> Value:
    """A key that no row has."""
    return value + _FAR if isinstance(value, int) else f"{value}~" if isinstance(value, str) else value


def _renamed(ground: Ground, name: str, values: _Values, number: int) -> _Values | None:
    """The row under a key of its own, where the sample's is taken; None where something that it refers to is not."""
    handle = ground.handles[name]
    if len(values) < len(handle.table.columns):
        return None
    key = handle.table.keys[0] if handle.table.keys else ()
    if len(key) == 1 and key[0] in values and handle.holds(key, (values[key[0]],)):
        largest = handle.span(key[0])[1]
        if isinstance(largest, bytes):
            return None
        values[key[0]] = largest + 2 + 3 * number if isinstance(largest, int) else f"{largest}~{number}"
    return values


def _few(ground: Ground, sample: Sampled, most: int) -> dict[str, list[Row]]:
    found = {}
    for name, handle in ground.handles.items():
        rows: Sequence[Row] = sample.get(handle.table.name, ())
        found[name] = list(rows) if len(rows) <= most else ground.rng.sample(rows, most)
    return found


def _part(ground: Ground, name: str, row: Row, columns: Sequence[str]) -> Row:
    places = ground.places(name)
    return tuple(row[places[column]] for column in columns)
