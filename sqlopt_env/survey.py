"""What is in a database: its tables, keys and columns, with a sample of the values.

Read by a worker process, in the same words for the same database: what shows a database to people (`sqlopt db show`)
and what the generator of slow queries draws its literals from.
"""

from __future__ import annotations

from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import islice
from math import isfinite
from typing import Any

import apsw

from .equivalence.shape import ForeignKey, TableShape, read_shape
from .sqlite.connection import quoted

SAMPLED = 400  # rows of a table, evenly spaced, from which values are kept
COUNTED = 250_000  # rows of a table, the first ones, in which values and NULLs are counted
LONGEST = 200  # characters of a text in a sample
Value = int | float | str


@dataclass(frozen=True, slots=True)
class ColumnSurvey:
    """`kind` is INTEGER, REAL, NUMERIC, TEXT or BLOB (anything); `declared` is the type as the schema writes it.

    `nulls` is a share, `distinct` a number of values. `values` is a sorted sample of the values of the column's kind,
    as often as they stand in the sampled rows; blobs and long texts are left out.
    """

    name: str
    kind: str
    declared: str
    not_null: bool
    collation: str
    nulls: float
    distinct: int
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class TableSurvey:
    """`keys` are the column sets that are declared PRIMARY KEY or UNIQUE, the primary key first where there is one."""

    name: str
    rows: int
    columns: tuple[ColumnSurvey, ...]
    keys: tuple[tuple[str, ...], ...]
    foreign_keys: tuple[ForeignKey, ...]

    def column(self, name: str) -> ColumnSurvey:
        """The column of that name, whatever its case; KeyError where there is none."""
        for column in self.columns:
            if column.name.lower() == name.lower():
                return column
        raise KeyError(name)


@dataclass(frozen=True, slots=True)
class Survey:
    """`schema` is the DDL with row counts as comments; views and virtual tables are not among the `tables`."""

    schema: str
    tables: tuple[TableSurvey, ...]

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Survey:
        """The inverse of `dataclasses.asdict`, also after a trip through JSON."""
        return cls(data["schema"], tuple(map(_table_from_dict, data["tables"])))


def survey(connection: apsw.Connection, schema: str) -> Survey:
    """Reads every plain table twice: once for the sample, once to count."""
    return Survey(schema, tuple(_table(connection, shape) for shape in read_shape(connection)))


def _table(connection: apsw.Connection, shape: TableShape) -> TableSurvey:
    name = f"main.{quoted(shape.name)}"
    rows = int(connection.execute(f"SELECT count(*) FROM {name}").get)
    columns = ", ".join(quoted(column.name) for column in shape.columns)
    sample = _sample(connection, f"SELECT {columns} FROM {name} NOT INDEXED", max(1, rows // SAMPLED))
    counted = ", ".join(f"count(DISTINCT {quoted(c.name)}), count({quoted(c.name)})" for c in shape.columns)
    counts: list[Any] = list(connection.execute(f"SELECT {counted} FROM (SELECT * FROM {name} LIMIT {COUNTED})"))
    seen = min(rows, COUNTED)
    found = [
        ColumnSurvey(
            name=column.name,
            kind=column.kind,
            declared=column.declared,
            not_null=column.not_null,
            collation=column.collation,
            nulls=1 - counts[0][2 * i + 1] / seen if seen else 0.0,
            distinct=counts[0][2 * i],
            values=_values(column.kind, [row[i] for row in sample]),
        )
        for i, column in enumerate(shape.columns)
    ]
    return TableSurvey(shape.name, rows, tuple(found), shape.keys, shape.foreign_keys)


def _sample(connection: apsw.Connection, query: str, every: int) -> list[tuple[Any, ...]]:
    """Every so many-th row; no further than to a text that is not UTF-8."""
    found: list[tuple[Any, ...]] = []
    with closing(connection.execute(query)) as cursor, suppress(UnicodeDecodeError):
        found.extend(islice(cursor, 0, None, every))
    return found


def _values(kind: str, sample: list[Any]) -> tuple[Value, ...]:
    """Sorted, of one type: what the column is meant to hold, for SQLite lets any value into any column."""
    texts = [value for value in sample if isinstance(value, str) and len(value) <= LONGEST and "\0" not in value]
    numbers = [value for value in sample if isinstance(value, int | float) and isfinite(value)]
    if kind == "INTEGER":
        return tuple(sorted(value for value in numbers if isinstance(value, int)))
    if kind == "TEXT" or len(texts) > len(numbers):
        return tuple(sorted(texts))
    return tuple(sorted(numbers))


def _table_from_dict(data: dict[str, Any]) -> TableSurvey:
    columns = tuple(ColumnSurvey(**{**column, "values": tuple(column["values"])}) for column in data["columns"])
    foreign = tuple(
        ForeignKey(tuple(key["columns"]), key["parent"], tuple(key["parent_columns"])) for key in data["foreign_keys"]
    )
    return TableSurvey(data["name"], data["rows"], columns, tuple(map(tuple, data["keys"])), foreign)
