"""What refers to what: declared foreign keys, and columns that a query equates with a key."""

from __future__ import annotations

from collections.abc import Sequence

from ..instances.reading import Reading
from ..shape import ForeignKey, TableShape


class Links:
    """`of` holds the references of each table, `targets` the columns of it that others refer to, all by its name in
    lower case; `declared` says which of them the schema demands."""

    def __init__(self, tables: Sequence[TableShape], query: str) -> None:
        self._tables = {table.name.lower(): table for table in tables}
        self.of = {table.name.lower(): self._sound(table) for table in tables}
        self.declared = {key for keys in self.of.values() for key in keys}
        self.parents = {key.parent for table in tables for key in table.foreign_keys}
        self.targets: dict[str, set[tuple[str, ...]]] = {name: set() for name in self._tables}
        for child, column, parent, target in _equated(tables, query):
            known = {name for key in self.of[child.name.lower()] for name in key.columns}
            if (target,) in parent.keys and (column,) not in child.keys and column not in known:
                self.of[child.name.lower()].append(ForeignKey((column,), parent.name.lower(), (target,)))
        for keys in self.of.values():
            for key in keys:
                self.targets[key.parent].add(key.parent_columns)

    def _sound(self, child: TableShape) -> list[ForeignKey]:
        """The foreign keys of a table that can hold, with names as the tables write them."""
        found = []
        for key in child.foreign_keys:
            parent = self._tables.get(key.parent)
            here = [child.column(name) for name in key.columns]
            there = [parent.column(name) for name in key.parent_columns] if parent is not None else []
            columns = tuple(column.name for column in here if column is not None)
            targets = tuple(column.name for column in there if column is not None)
            if len(columns) == len(targets) == len(key.columns):
                found.append(ForeignKey(columns, key.parent, targets))
        return found


def _equated(tables: Sequence[TableShape], query: str) -> list[tuple[TableShape, str, TableShape, str]]:
    """Pairs of columns that the query equates, either way round."""
    reading = Reading(tables, query)
    found = []
    for condition in reading.conditions:
        if condition.equates and len(condition.cells) == 2:
            ends = [(reading.occurrences[i].table, place) for i, place in condition.cells]
            for (one, here), (other, there) in (ends, ends[::-1]):
                found.append((one, one.columns[here].name, other, other.columns[there].name))
    return found
