"""What a query asks of single columns: which real rows it meets, and which values it does not let pass."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence

import apsw

from ...sqlite.connection import quoted
from ..compare import Value
from ..instances.reading import Reading
from ..shape import TableShape

_CELL = re.compile(r"\bc0\.v\b")


class Conditions:
    """Those of one query that always hold, by table and column in lower case, with `{}` for the column."""

    def __init__(self, tables: Sequence[TableShape], query: str) -> None:
        reading = Reading(tables, query)
        self._found: dict[str, dict[str, dict[str, None]]] = defaultdict(lambda: defaultdict(dict))
        for condition in reading.conditions:
            if len(condition.cells) == 1 and not condition.guards:
                occurrence, place = condition.cells[0]
                table = reading.occurrences[occurrence].table
                self._found[table.name.lower()][table.columns[place].name.lower()][condition.sql] = None
        self._scratch = apsw.Connection(":memory:")

    def where(self, name: str, columns: Iterable[str] | None = None) -> str:
        """What holds of the rows of a table that the query meets, as far as it is about these columns."""
        about = self._found[name] if columns is None else [column.lower() for column in columns]
        terms = [
            f"({_CELL.sub(lambda _: quoted(column), condition)})"  # noqa: B023 - used at once
            for column in about
            for condition in self._found[name].get(column, ())
        ]
        return " AND ".join(terms) or "1"

    def breaking(self, name: str, column: str, values: Iterable[Value]) -> list[Value]:
        """Those of the values that the query does not let pass."""
        return [value for value in values if not self._pass(self._found[name][column.lower()], value)]

    def _pass(self, conditions: Iterable[str], value: Value) -> bool:
        try:
            given = "(SELECT ? AS v) AS c0"
            return all(self._scratch.execute(f"SELECT ({c}) IS TRUE FROM {given}", (value,)).get for c in conditions)
        except apsw.Error:
            return True
