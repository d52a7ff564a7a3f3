"""What is known of a real database before anything is planted in it."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest
from typing import TypeAlias

import apsw

from ...sqlite.connection import quoted
from ..compare import Row, Value
from ..instances.literals import Literals
from ..shape import TableShape
from .conditions import Conditions
from .handles import Handle
from .links import Links

Sampled: TypeAlias = Mapping[str, Sequence[Row]]  # the rows of a sample, by table

_MOST_MET = 50_000
_SITES = 150  # rows of a table that may take others' values


class Ground:
    """The tables that a query reads and their parents: `handles` by name in lower case, parents first, and `read`, the
    columns of them that it reads. `samples` come with the most telling one first."""

    def __init__(
        self,
        connection: apsw.Connection,
        tables: Sequence[TableShape],
        reads: Iterable[tuple[str, str]],
        query: str,
        samples: Sequence[Sampled],
        rng: random.Random,
    ) -> None:
        self.query, self.samples, self.rng = query, samples, rng
        self.links = Links(tables, query)
        self.conditions = Conditions(tables, query)
        self.literals = Literals((query,), tables).columns
        self.read: dict[str, set[str]] = {}
        for name, column in reads:
            self.read.setdefault(name.lower(), set()).add(column.lower())
        for table in tables:
            columns = self.read.get(table.name.lower(), set())
            if columns & {column.lower() for column in table.computed}:  # whatever they are computed from
                columns |= {column.name.lower() for column in table.columns}
        needed = set(self.read)
        for table in reversed(tables):
            if table.name.lower() in needed:
                needed |= {key.parent for key in self.links.of[table.name.lower()]}
        needed_tables = (table for table in tables if table.name.lower() in needed)
        self.handles = {table.name.lower(): Handle(connection, table) for table in needed_tables}
        self._sites = {name: iter(self._lonely_first(handle)) for name, handle in self.handles.items()}

    def site(self, name: str) -> Row | None:
        """A row of the table that was not given before, one that nothing refers to while there are such."""
        return next(self._sites[name], None)

    def plantable(self, name: str) -> list[str]:
        """The columns of a table that are read, without the primary key and what others refer to."""
        table = self.handles[name].table
        kept = {column.lower() for key in (*table.keys[:1], *self.links.targets[name]) for column in key}
        return [column.name for column in table.columns if column.name.lower() in self.read.get(name, set()) - kept]

    def free(self, name: str) -> list[str]:
        """Those of them that refer to nothing."""
        referring = {column.lower() for key in self.links.of[name] for column in key.columns}
        return [column for column in self.plantable(name) if column.lower() not in referring]

    def places(self, name: str) -> dict[str, int]:
        return {column.name: place for place, column in enumerate(self.handles[name].table.columns)}

    def _lonely_first(self, handle: Handle) -> list[Row]:
        found = handle.some(_SITES, self.rng)
        met = self.conditions.where(handle.table.name.lower(), [c for key in handle.table.keys[:1] for c in key])
        if met != "1":  # the query speaks of the key, which is not changed
            some, ends = handle.keys(f"WHERE {met} LIMIT {_MOST_MET}"), handle.ends()
            chosen = [key for key in self.rng.sample(some, min(_SITES, len(some))) if key not in ends]
            found = list(dict.fromkeys(key for pair in zip_longest(chosen, found) for key in pair if key is not None))
        for name, child in self.handles.items():
            for key in self.links.of[name]:
                if key.parent == handle.table.name.lower() and len(key.columns) == 1 and found:
                    own = {handle.values(key.parent_columns, site)[0]: site for site in found}
                    counts = child.counts(key.columns[0], list(own))
                    order = {site: counts.get(value, 0) for value, site in own.items()}
                    found.sort(key=lambda site: order.get(site, 0))
        return found


def namesake(ground: Ground, name: str, row: Row) -> Row | None:
    """The real row with the key of one of a sample, where the query names that key."""
    table = ground.handles[name].table
    if not table.keys or len(table.keys[0]) != 1:
        return None
    (column,) = table.keys[0]
    places = ground.places(name)
    value: Value = row[places[column]] if column in places else None
    if value is None or value not in ground.literals.get(column.lower(), ()):
        return None
    return next(iter(ground.handles[name].keys(f"WHERE {quoted(column)} = ?", (value,))), None)
