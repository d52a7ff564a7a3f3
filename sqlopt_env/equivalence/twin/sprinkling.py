"""Single values and duplicates, among rows of a real database that a query will meet.

Beside whole samples (see grafting): a row in which everything is real but one value, for queries with many conditions;
the rows that come first in an order or make up the largest groups, where few others matter; and rows that are the same
as others but for their keys, for DISTINCT and whatever multiplies.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import cycle, zip_longest

from sqlglot import exp

from ...sqlite.connection import quoted
from ..compare import Row, Value
from ..parsing import parsed
from .grafting import astray
from .ground import Ground
from .handles import Changes

_OF_A_COLUMN = 6  # rows that take a single value
_COLUMNS, _AT_AN_END, _FIRST = 2, 6, 2  # rows that come first and last, by so many columns
_MET, _MOST_MET = 8, 50_000
_GROUPS, _OF_A_GROUP = 3, 2
_TWINS = 8  # rows that are made equal to another


def sprinkled(ground: Ground, name: str) -> Changes:
    """Rows of a table that take a single value: one that samples hold, or one that is new to its column."""
    plants: Changes = {}
    for column in ground.plantable(name):
        values = _values(ground, name, column)
        breaking = ground.conditions.breaking(name, column, values)
        mixed = dict.fromkeys(value for pair in zip_longest(breaking, values) for value in pair)
        for value in [*_beyond(ground, name, column), *list(mixed)[:_OF_A_COLUMN]]:
            site = ground.site(name)
            if site is not None:
                plants[site] = {column: value}
    return plants


def at_the_top(ground: Ground, name: str, grafts: Changes) -> Changes:
    """Rows that the query meets, in which it should not let a value pass."""
    plants: Changes = {}
    columns = ground.plantable(name)
    supply: dict[str, Iterator[Value]] = {}
    for column in columns:
        values = _values(ground, name, column)
        if values:
            supply[column] = cycle(ground.conditions.breaking(name, column, values) or values)
    kept = _ordering(ground, columns)[:_COLUMNS]
    turns = cycle([column for column in supply if column not in kept] or supply)
    for site, is_first in _prominent(ground, name, kept) if supply else ():
        if site not in plants and (is_first or site not in grafts):
            column = next(turns)
            plants[site] = {column: next(supply[column])}
    return plants


def twins(ground: Ground, name: str, grafts: Changes) -> Changes:
    """Rows that become equal to grafted ones and to others, but for their keys."""
    columns, handle = ground.plantable(name), ground.handles[name]
    if not columns:
        return {}
    models = [{**dict(zip(columns, handle.values(columns, key), strict=True)), **v} for key, v in grafts.items()]
    found: Changes = {}
    for number in range(_TWINS):
        pair = ground.site(name), ground.site(name)
        if pair[0] is None or pair[1] is None:
            break
        real = dict(zip(columns, handle.values(columns, pair[1]), strict=True))
        found[pair[0]] = models[number] if number % 2 and number < len(models) else real
    return found


def _values(ground: Ground, name: str, column: str) -> list[Value]:
    """What samples hold in a column, the most frequent first; of a reference, only that there is none."""
    table, place = ground.handles[name].table, ground.places(name)[column]
    links = [link for link in ground.links.of[name] if column.lower() in map(str.lower, link.columns)]
    if not links:
        rows = (row for sample in ground.samples for row in sample.get(table.name, ()))
        found = Counter((type(row[place]), row[place]) for row in rows)
        return [value for (_, value), _ in found.most_common()]
    shape = table.columns[place]
    nothing: list[Value] = [] if shape.not_null else [None]
    return nothing if any(link in ground.links.declared for link in links) else [*nothing, astray(1), astray(2)]


def _ordering(ground: Ground, columns: list[str]) -> list[str]:
    """The columns that the query's order and extremes are about."""
    tree = parsed(ground.query)
    nodes = tree.find_all(exp.Ordered, exp.Min, exp.Max) if tree is not None else ()
    named = {column.name.lower() for node in nodes for column in node.find_all(exp.Column)}
    return [column for column in columns if column.lower() in named]


def _beyond(ground: Ground, name: str, column: str) -> list[Value]:
    """Values that are new to a column: a group, and an end of every order, of their own."""
    if column not in ground.free(name):
        return []
    smallest, largest = ground.handles[name].span(column)
    if isinstance(largest, int | float) and isinstance(smallest, int | float):
        return [largest + 1, smallest - 1]
    return [f"{largest}~"] if isinstance(largest, str) else []


def _prominent(ground: Ground, name: str, ordering: list[str]) -> Iterator[tuple[Row, bool]]:
    """Rows that the query meets: those at both ends of its order, any, and some of the largest groups.

    The flag is True for the very first of an order.
    """
    handle, met = ground.handles[name], f"WHERE {ground.conditions.where(name)}"
    ends = set(handle.ends())
    found: list[tuple[Row, bool]] = []
    for column in ordering:
        for way in ("", " DESC"):
            keys = handle.keys(f"{met} ORDER BY {quoted(column)}{way} LIMIT {_AT_AN_END}")
            found += [(key, number < _FIRST) for number, key in enumerate(keys)]
    some = handle.keys(f"{met} LIMIT {_MOST_MET}")
    found += [(key, False) for key in ground.rng.sample(some, min(_MET, len(some)))]
    for link in ground.links.of[name]:
        if len(link.columns) == 1:
            column = quoted(link.columns[0])
            for value in handle.commonest(column, met, _GROUPS):
                keys = handle.keys(f"{met} AND {column} = ? LIMIT {_OF_A_GROUP}", (value,))
                found += [(key, False) for key in keys]
    yield from (each for each in found if each[0] not in ends)
