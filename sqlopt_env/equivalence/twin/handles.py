"""How the rows of a real table are named, found and changed: by rowid, or by primary key where there is none."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from itertools import cycle
from typing import TypeAlias

import apsw

from ...sqlite.connection import quoted
from ..compare import Row, Value
from ..shape import TableShape
from .documents import are_documents, is_document

Step: TypeAlias = tuple[str, list[Row]]  # a statement, and what it is run with
Changes: TypeAlias = dict[Row, dict[str, Value]]  # new values by column, for each row by its key

_NEIGHBOURS = 10  # rows that are drawn together
_SAMPLE = 200  # values that tell whether a column holds JSON
_MOST_LISTED = 100_000  # keys of a table without rowid that rows are drawn from


class Handle:
    """One table of a connection. A row's `key` is its rowid, or its primary key."""

    def __init__(self, connection: apsw.Connection, table: TableShape) -> None:
        self.table, self._connection = table, connection
        self._name = f"main.{quoted(table.name)}"
        taken = {column.name.lower() for column in table.columns}
        rowid = next((name for name in ("rowid", "_rowid_", "oid") if name not in taken), "rowid")
        try:
            connection.execute(f"SELECT {rowid} FROM {self._name} LIMIT 0")
            self._terms = [rowid]
        except apsw.SQLError:  # WITHOUT ROWID
            self._terms = [quoted(column) for column in table.keys[0]]
        self._documents: dict[str, cycle[Value] | None] = {}  # by column, where it holds JSON
        self._where = " AND ".join(f"{term} = ?" for term in self._terms)

    def values(self, columns: Iterable[str], key: Row) -> Row:
        return self._rows(f"SELECT {', '.join(map(quoted, columns))} FROM {self._name} WHERE {self._where}", key)[0]

    def keys(self, rest: str, arguments: Row = ()) -> list[Row]:
        """The keys of the rows that the rest of a SELECT chooses; none where its conditions fail on what is there."""
        try:
            return self._rows(f"SELECT {', '.join(self._terms)} FROM {self._name} {rest}", arguments)
        except apsw.SQLError:  # a query's conditions may fail on what was planted
            return []

    def holds(self, columns: Iterable[str], values: Row) -> bool:
        terms = " AND ".join(f"{quoted(column)} = ?" for column in columns)
        return self.keys(f"WHERE {terms} LIMIT 1", values) != []

    def span(self, column: str) -> tuple[Value, Value]:
        """The smallest and the largest value of a column."""
        ((first, last),) = self._rows(f"SELECT min({quoted(column)}), max({quoted(column)}) FROM {self._name}")
        return first, last

    def counts(self, column: str, values: Sequence[Value]) -> dict[Value, int]:
        """How many rows hold each of these values."""
        name, marks = quoted(column), ", ".join("?" * len(values))
        query = f"SELECT {name}, count(*) FROM {self._name} WHERE {name} IN ({marks}) GROUP BY 1"
        return {row[0]: int(str(row[1])) for row in self._rows(query, tuple(values))}

    def commonest(self, column: str, met: str, most: int) -> list[Value]:
        """The most frequent values of a column, given as SQL, in rows that are `met`."""
        rest = f"{met} AND {column} IS NOT NULL GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT {most}"
        try:
            return [row[0] for row in self._rows(f"SELECT {column} FROM {self._name} {rest}")]
        except apsw.SQLError:  # as above
            return []

    def ends(self) -> list[Row]:
        """The rows with the smallest and the largest key."""
        up = ", ".join(self._terms)
        down = ", ".join(f"{term} DESC" for term in self._terms)
        return [*self.keys(f"ORDER BY {up} LIMIT 1"), *self.keys(f"ORDER BY {down} LIMIT 1")]

    def some(self, size: int, rng: random.Random) -> list[Row]:
        """Rows at random, but some neighbours together: what lies on one page costs little more than one row of it.

        The outermost rows are none of them: their keys are what a database is best known by.
        """
        order, ends = ", ".join(self._terms), self.ends()
        if not ends:
            return []
        (first, *_), (last, *_) = ends
        count = int(str(self._rows(f"SELECT count(*) FROM {self._name}")[0][0]))
        found: dict[Row, None] = {}
        if len(self._terms) > 1 or not (isinstance(first, int) and isinstance(last, int)) or count <= 4 * size:
            inner = sorted(set(self.keys(f"ORDER BY {order} LIMIT {_MOST_LISTED}")) - set(ends), key=_in_order)
            starts = rng.sample(range(len(inner)), len(inner) if count <= 4 * size else 2 * size)
            near = (inner[start : start + _NEIGHBOURS] for start in starts)
        else:
            rest = f"WHERE {order} >= ? AND {order} NOT IN (?, ?) ORDER BY {order} LIMIT {_NEIGHBOURS}"
            near = (self.keys(rest, (rng.randint(first, last), first, last)) for _ in range(2 * size))
        for keys in near:
            if len(found) >= size:
                break
            found |= dict.fromkeys(keys)
        chosen = list(found)[:size]
        rng.shuffle(chosen)
        return chosen

    def accepted(self, rows: Changes) -> list[Step]:
        """One step for all rows that change in the same columns, in the order of their keys. Tried here, so that a
        value which a constraint refuses does not keep the others of its row back."""
        steps: dict[tuple[str, ...], list[Row]] = {}
        for key in sorted(rows, key=_in_order):
            values = self._fitting(rows[key])
            kept = values if self._takes(values, key) else {c: v for c, v in values.items() if self._takes({c: v}, key)}
            if kept:
                steps.setdefault(tuple(kept), []).append((*kept.values(), *key))
        return [(self._update(columns), arguments) for columns, arguments in steps.items()]

    def inserted(self, rows: Iterable[Mapping[str, Value]]) -> list[Step]:
        """The steps that put new rows in, those that no constraint refuses."""
        columns = [column.name for column in self.table.columns]
        names, marks = ", ".join(map(quoted, columns)), ", ".join("?" * len(columns))
        statement = f"INSERT OR IGNORE INTO {self._name} ({names}) VALUES ({marks})"
        found = (tuple(self._fitting(row)[column] for column in columns) for row in rows)
        kept = [values for values in found if self._runs(statement, values)]
        return [(statement, kept)] if kept else []

    def deleted(self, keys: Iterable[Row]) -> list[Step]:
        gone = list(keys)
        return [(f"DELETE FROM {self._name} WHERE {self._where}", gone)] if gone else []

    def _fitting(self, values: Mapping[str, Value]) -> dict[str, Value]:
        """The same, with values that are there already for texts that would be the first of a column not to be JSON."""
        found = dict(values)
        for column, value in values.items():
            if column not in self._documents:
                self._documents[column] = self._present_documents(column)
            documents = self._documents[column]
            if documents is not None and value is not None and not is_document(value):
                found[column] = next(documents)
        return found

    def _present_documents(self, column: str) -> cycle[Value] | None:
        """To be asked before anything is put into the column."""
        name = quoted(column)
        try:
            rows = self._rows(f"SELECT {name} FROM {self._name} WHERE {name} IS NOT NULL LIMIT {_SAMPLE}")
        except UnicodeDecodeError:
            return None
        values = [row[0] for row in rows]
        return cycle(values) if are_documents(values) else None

    def _takes(self, values: Mapping[str, Value], key: Row) -> bool:
        return bool(values) and self._runs(self._update(values), (*values.values(), *key))

    def _runs(self, statement: str, arguments: Row) -> bool:
        try:
            self._connection.execute(statement, arguments)
        except (apsw.Error, OverflowError):  # of a trigger, of an index over an expression
            return False
        return self._connection.changes() > 0

    def _update(self, columns: Iterable[str]) -> str:
        assignments = ", ".join(f"{quoted(column)} = ?" for column in columns)
        return f"UPDATE OR IGNORE {self._name} SET {assignments} WHERE {self._where}"

    def _rows(self, query: str, arguments: Row = ()) -> list[Row]:
        return self._connection.execute(query, arguments).fetchall()


def _in_order(key: Row) -> tuple[int, str]:
    """Neighbours lie on the same pages."""
    return (key[0], "") if isinstance(key[0], int) else (0, repr(key))
