"""Foreign keys of a twin: children get parents that are there, hierarchies stay free of circles."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TypeAlias

import apsw
import numpy as np

from ...sqlite.connection import quoted
from ..compare import Value
from ..shape import ForeignKey, TableShape
from .resampling import Cells

Key: TypeAlias = tuple[Value, ...]

_MOVED = 0.03  # the share of children that get any parent
_LIFTED = 0.2  # the share of members of a hierarchy that go to their parent's parent
_DEEPEST = 10_000  # steps up a hierarchy that is followed


class References:
    """The keys that rows of the twin may refer to."""

    def __init__(self, twin: apsw.Connection, tables: Sequence[TableShape]) -> None:
        self._twin = twin
        self._tables = {table.name.lower(): table for table in tables}
        self._filled: set[str] = set()
        self._present: dict[tuple[str, tuple[str, ...]], dict[Key, None]] = {}
        self._inherited: dict[ForeignKey, dict[Key, Key]] = {}

    def filled(self, table: TableShape) -> None:
        """From now on others may refer to this table."""
        self._filled.add(table.name.lower())

    def refer(self, key: ForeignKey, parts: list[Cells], unique: bool, rng: np.random.Generator) -> None:
        """Changes the values of a foreign key's columns, where they must: each row names a parent that is there.

        With `unique`, none that need not be changed is. A parent that is not filled yet is left to `repair`.
        """
        if key.parent not in self._filled or not key.parent_columns:
            return
        present = self._keys(key.parent, key.parent_columns)
        wanted: list[Key] = list(zip(*(part.tolist() for part in parts), strict=True))
        heirs = self._heirs(key, wanted, present, rng)
        moved = np.zeros(len(wanted), dtype=bool) if unique else rng.random(len(wanted)) < _MOVED
        places = [i for i, want in enumerate(wanted) if None not in want and (moved[i] or want not in present)]
        anybody: list[Key] = list(present) or [(None,) * len(parts)]
        for place, other in zip(places, rng.integers(len(anybody), size=len(places)).tolist(), strict=True):
            found = anybody[other] if moved[place] else heirs.get(wanted[place], anybody[other])
            for part, value in zip(parts, found, strict=True):
                part[place] = value

    def _heirs(
        self, key: ForeignKey, wanted: list[Key], present: dict[Key, None], rng: np.random.Generator
    ) -> dict[Key, Key]:
        """For parents that are gone, ones without children: all rows of a parent go to the same heir."""
        if key not in self._inherited:
            gone = [want for want in dict.fromkeys(wanted) if want not in present and None not in want]
            free = list(present.keys() - set(wanted)) if gone else []
            free.sort(key=repr)  # the order of sets differs between processes
            self._inherited[key] = {want: free[i] for want, i in zip(gone, rng.permutation(len(free)), strict=False)}
        return self._inherited[key]

    def relink(self, table: TableShape, columns: list[Cells], rng: np.random.Generator) -> None:
        """Rows that refer to their own table: some move up by one generation, orphans to the nearest ancestor.

        `columns` are the source's. Whoever had no circle above has none then.
        """
        places = {column.name.lower(): i for i, column in enumerate(table.columns)}
        for key in table.foreign_keys:
            if key.parent != table.name.lower() or not places.keys() >= {name.lower() for name in key.parent_columns}:
                continue
            ends = [[columns[places[n.lower()]].tolist() for n in names] for names in (key.parent_columns, key.columns)]
            above: dict[Key, Key] = dict(zip(zip(*ends[0], strict=True), zip(*ends[1], strict=True), strict=True))
            names, width = [*map(quoted, key.parent_columns)], len(key.columns)
            query = f"SELECT {', '.join([*names, *map(quoted, key.columns)])} FROM main.{quoted(table.name)}"
            rows = [(row[:width], row[width:]) for row in self._twin.execute(query).fetchall()]
            present = {own for own, _ in rows}
            lifted = rng.random(len(rows)) < _LIFTED
            changes = []
            for (own, link), lift in zip(rows, lifted.tolist(), strict=True):
                new = _ancestor(link, above, present, lift)
                if new is not None and new != link:
                    changes.append((*new, *own))
            settings = ", ".join(f"{quoted(name)} = ?" for name in key.columns)
            where = " AND ".join(f"{name} IS ?" for name in names)
            self._twin.executemany(f"UPDATE OR IGNORE main.{quoted(table.name)} SET {settings} WHERE {where}", changes)

    def repair(self) -> None:
        """What still refers to nobody (in circles of tables, after orphans of hierarchies) is cut off or removed."""
        while True:
            before = self._twin.total_changes()
            for table in self._tables.values():
                # An error: the schema's own foreign key cannot be checked.
                with suppress(apsw.SQLError):
                    if self._twin.execute(f"PRAGMA main.foreign_key_check({quoted(table.name)})").fetchall():
                        for key in table.foreign_keys:
                            self._cut(table, key)
            if self._twin.total_changes() == before:
                return

    def _cut(self, table: TableShape, key: ForeignKey) -> None:
        if key.parent not in self._tables:
            return
        same = " AND ".join(
            f"parent.{quoted(theirs)} = child.{quoted(own)}"
            for own, theirs in zip(key.columns, key.parent_columns, strict=True)
        )
        given = " AND ".join(f"child.{quoted(name)} IS NOT NULL" for name in key.columns)
        lost = f"{given} AND NOT EXISTS (SELECT 1 FROM main.{quoted(key.parent)} AS parent WHERE {same})"
        for name in key.columns:
            column = table.column(name)
            if column is not None and not column.not_null:
                name = quoted(name)
                self._twin.execute(
                    f"UPDATE OR IGNORE main.{quoted(table.name)} AS child SET {name} = NULL WHERE {lost}"
                )
                break
        self._twin.execute(f"DELETE FROM main.{quoted(table.name)} AS child WHERE {lost}")

    def _keys(self, parent: str, names: tuple[str, ...]) -> dict[Key, None]:
        if (parent, names) not in self._present:
            columns = ", ".join(map(quoted, names))
            given = " AND ".join(f"{quoted(name)} IS NOT NULL" for name in names)
            rows = self._twin.execute(f"SELECT {columns} FROM main.{quoted(parent)} WHERE {given}").fetchall()
            self._present[parent, names] = dict.fromkeys(rows)
        return self._present[parent, names]


def _ancestor(link: Key, above: dict[Key, Key], present: set[Key], lift: bool) -> Key | None:
    """The nearest ancestor that is there, beginning with the parent, or beyond it with `lift`; None without one."""
    higher = above.get(link)
    if lift and higher is not None and higher in present:
        return higher
    for _ in range(_DEEPEST):
        if link in present:
            return link
        if link not in above:
            return None
        link = above[link]
    return None
