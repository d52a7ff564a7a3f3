"""What is in a database: its tables, keys and columns, with a sample of the values.

Read by a worker process, in the same words for the same database: what shows a database to people (`sqlopt db show`)
and what the generator of slow queries draws its literals from.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import islice
from math import isfinite
from typing import Any

import apsw

from .equivalence.shape import ColumnShape, ForeignKey, TableShape, read_shape
from .sqlite.connection import quoted

SAMPLED = 400  # rows of a table, evenly spaced, from which values are kept
COUNTED = 250_000  # rows of a table, the first ones, in which values and NULLs are counted
CELLS = 10_000_000  # of all tables that are counted: where there are very many columns, fewer rows are
LONGEST = 200  # characters of a text in a sample
ROOM = 2**24  # bytes of JSON for all samples, shared among the columns evenly
Value = int | float | str
# Looked up now: a worker can open no file, not even Python's own.
_CODECS = {name: codecs.lookup(name) for name in ("UTF-8", "UTF-16le", "UTF-16be")}
_MOST_BYTES = 4 * LONGEST  # of a text of so many characters, in any of them


@dataclass(frozen=True, slots=True)
class ColumnSurvey:
    """`kind` is INTEGER, REAL, NUMERIC, TEXT or BLOB (anything); `declared` is the type as the schema writes it.

    `nulls` is a share, `distinct` a number of values. `values` is a sorted sample of the values of the column's kind,
    as often as they stand in the sampled rows; blobs, long texts and broken ones are left out.
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
    """Reads every plain table once for the sample, and every column once to count."""
    shapes = read_shape(connection)
    columns = max(1, sum(len(shape.columns) for shape in shapes))
    with _any_length(connection):
        return Survey(schema, tuple(_table(connection, shape, columns) for shape in shapes))


@contextmanager
def _any_length(connection: apsw.Connection) -> Iterator[None]:
    """Lifts the limits that are meant for queries: what the database holds may be longer."""
    kinds = (apsw.SQLITE_LIMIT_LENGTH, apsw.SQLITE_LIMIT_SQL_LENGTH, apsw.SQLITE_LIMIT_COLUMN)
    limits = {kind: connection.limit(kind, 2**31 - 1) for kind in kinds}
    try:
        yield
    finally:
        for kind, limit in limits.items():
            connection.limit(kind, limit)


def _table(connection: apsw.Connection, shape: TableShape, all_columns: int) -> TableSurvey:
    """`all_columns` of the database share what may be counted, and the room for samples."""
    name = f"main.{quoted(shape.name)}"
    rows = int(connection.execute(f"SELECT count(*) FROM {name}").get)
    sample = _sample(connection, name, shape.columns, max(1, rows // SAMPLED))
    seen = min(rows, COUNTED, max(SAMPLED, CELLS // all_columns))
    found = []
    for i, column in enumerate(shape.columns):
        distinct, filled = _counts(connection, name, column, seen)
        found.append(
            ColumnSurvey(
                name=column.name,
                kind=column.kind,
                declared=column.declared,
                not_null=column.not_null,
                collation=column.collation,
                nulls=1 - filled / seen if seen else 0.0,
                distinct=distinct,
                values=_thinned(_values(column.kind, [row[i] for row in sample]), ROOM // all_columns),
            )
        )
    return TableSurvey(shape.name, rows, tuple(found), shape.keys, shape.foreign_keys)


def _counts(connection: apsw.Connection, table: str, column: ColumnShape, rows: int) -> tuple[int, int]:
    """Distinct values, and values that are not NULL, in the first rows of a table."""
    term = quoted(column.name)
    if column.collation not in ("BINARY", "NOCASE", "RTRIM"):
        term += " COLLATE BINARY"  # it is one that only the database's own program knows
    first = f"SELECT {term} AS value FROM {table} NOT INDEXED LIMIT {rows}"
    ((distinct, filled),) = connection.execute(f"SELECT count(DISTINCT value), count(value) FROM ({first})")
    return int(distinct), int(filled)


def _sample(
    connection: apsw.Connection, table: str, columns: tuple[ColumnShape, ...], every: int
) -> list[tuple[Value | None, ...]]:
    """Every so many-th row; None stands for blobs, long texts, and texts that are broken."""
    codec = _CODECS[str(connection.pragma("encoding"))]
    # Texts come as bytes: a single broken one would end the reading.
    terms = ", ".join(
        f"CASE typeof({name}) WHEN 'text' THEN CASE WHEN octet_length({name}) <= {_MOST_BYTES}"
        f" THEN CAST({name} AS BLOB) END WHEN 'blob' THEN NULL ELSE {name} END"
        for name in (quoted(column.name) for column in columns)
    )
    with closing(connection.execute(f"SELECT {terms} FROM {table} NOT INDEXED")) as cursor:
        return [tuple(_value(cell, codec) for cell in row) for row in islice(cursor, 0, None, every)]


def _value(cell: apsw.SQLiteValue, codec: codecs.CodecInfo) -> Value | None:
    if not isinstance(cell, bytes):
        return cell
    try:
        return codec.decode(cell)[0]
    except UnicodeDecodeError:
        return None


def _values(kind: str, sample: list[Value | None]) -> tuple[Value, ...]:
    """Sorted, of one type: what the column is meant to hold, for SQLite lets any value into any column."""
    texts = [value for value in sample if isinstance(value, str) and len(value) <= LONGEST and "\0" not in value]
    numbers = [value for value in sample if isinstance(value, int | float) and isfinite(value)]
    if kind == "INTEGER":
        return tuple(sorted(value for value in numbers if isinstance(value, int)))
    if kind == "TEXT" or len(texts) > len(numbers):
        return tuple(sorted(texts))
    return tuple(sorted(numbers))


def _thinned(values: tuple[Value, ...], room: int) -> tuple[Value, ...]:
    """As many of the values, evenly spaced, as there is room for."""
    return values[:: max(1, -(-len(json.dumps(values)) // max(1, room)))]


def _table_from_dict(data: dict[str, Any]) -> TableSurvey:
    columns = tuple(ColumnSurvey(**{**column, "values": tuple(column["values"])}) for column in data["columns"])
    foreign = tuple(
        ForeignKey(tuple(key["columns"]), key["parent"], tuple(key["parent_columns"])) for key in data["foreign_keys"]
    )
    return TableSurvey(data["name"], data["rows"], columns, tuple(map(tuple, data["keys"])), foreign)
