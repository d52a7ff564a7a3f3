"""Makes an instance minimal while it still tells two queries apart: fewer rows, then plainer values.

Delta debugging (Zeller and Hildebrandt 2002): halves first, then single rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from .compare import Row, Value
from .instances import Rows
from .shape import ColumnShape, TableShape

_MOST_ATTEMPTS = 500
_MOST_ROWS = 15_000  # that all attempts together may load
_PLAIN: dict[str, tuple[Value, ...]] = {
    "INTEGER": (1, 0, 2),
    "REAL": (1.0, 0.0, 2.0),
    "NUMERIC": (1, 0, 2),
    "TEXT": ("a", "b"),
    "BLOB": (1, "a"),
}
_MOST_KEYS = 20  # different ones, that plainer ones are looked for
_NUMBERS = tuple(range(1, 8))
_LETTERS = ("a", "b", "c", "d")

Differs = Callable[[Rows], Rows | None]  # the rows as SQLite accepted them, where they tell the two apart


def smaller(tables: Sequence[TableShape], rows: Rows, differs: Differs) -> Rows:
    """The smallest instance found, itself one for which `differs` gives rows. The same rows give the same one."""
    shrinking = _Shrinking(rows, differs)
    shrinking.rows_of([table.name for table in reversed(tables)])
    for table in tables:
        shrinking.values_of(table)
    shrinking.keys_of(tables)
    return shrinking.rows


class _Shrinking:
    def __init__(self, rows: Rows, differs: Differs) -> None:
        self.rows = rows
        self._differs = differs
        self._attempts, self._loads = _MOST_ATTEMPTS, _MOST_ROWS

    def _takes(self, rows: Rows) -> bool:
        if self._attempts <= 0 or self._loads <= 0:
            return False
        self._attempts -= 1
        self._loads -= sum(map(len, rows.values()))
        accepted = self._differs(rows)
        if accepted is None:
            return False
        self.rows = accepted
        return True

    def rows_of(self, names: list[str]) -> None:
        shrinking = True
        while shrinking:
            shrinking = [name for name in names if self._shorter(name)] != []

    def _shorter(self, name: str) -> bool:
        """Leaves out runs of rows of one table, halves of it first."""
        before = len(self.rows[name])
        size = before
        while size >= 1:
            start = max(0, len(self.rows[name]) - size)
            while start >= 0:
                members = self.rows[name]
                self._takes({**self.rows, name: members[:start] + members[start + size :]})
                start = start - size if start > 0 else -1
            size //= 2
        return len(self.rows[name]) < before

    def values_of(self, table: TableShape) -> None:
        """Plainer values: all of a column at once, then one by one."""
        for place, column in enumerate(table.columns):
            if column.unique:
                continue
            for value in _plain(column):
                members = self.rows[table.name]
                if all(row[place] == value for row in members) or self._takes(
                    {**self.rows, table.name: [_with(row, place, value) for row in members]}
                ):
                    break
            else:
                self._one_by_one(table, place, column)

    def _one_by_one(self, table: TableShape, place: int, column: ColumnShape) -> None:
        for i in reversed(range(len(self.rows[table.name]))):
            for value in _plain(column):
                members = self.rows[table.name]
                if i >= len(members) or members[i][place] == value:
                    break
                changed = [*members[:i], _with(members[i], place, value), *members[i + 1 :]]
                if self._takes({**self.rows, table.name: changed}):
                    break

    def keys_of(self, tables: Sequence[TableShape]) -> None:
        """Plainer keys, changed wherever their value stands, so that what refers to them still does."""
        found: dict[Value, None] = {}
        for table in tables:
            places = [place for place, column in enumerate(table.columns) if column.unique]
            found |= {row[place]: None for row in self.rows[table.name] for place in places}
        if len(found) > _MOST_KEYS:
            return
        for value in found:
            plain = _NUMBERS if isinstance(value, int) else _LETTERS if isinstance(value, str) else ()
            for other in plain:
                if other == value:
                    break
                if self._takes(_exchanged(self.rows, value, other)):
                    break


def _exchanged(rows: Rows, value: Value, other: Value) -> Rows:
    kind = type(value)
    return {
        name: [tuple(other if type(v) is kind and v == value else v for v in row) for row in members]
        for name, members in rows.items()
    }


def _plain(column: ColumnShape) -> Iterator[Value]:
    if not column.not_null:
        yield None
    yield from _PLAIN[column.kind]


def _with(row: Row, place: int, value: Value) -> Row:
    return (*row[:place], value, *row[place + 1 :])
