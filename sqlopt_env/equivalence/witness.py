"""A small database on which two queries differ, as SQL that anyone can run, with what both return there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import apsw

from ..sqlite.connection import identifier
from .compare import Row, Value, shown
from .instances import Rows
from .shape import TableShape

MOST_SHOWN = 12  # rows of a result; further ones are only said to be there
_BACKWARDS = (
    "PRAGMA reverse_unordered_selects = 1; -- rows are read in another order, and it is another day (2025-07-20)"
)


@dataclass(frozen=True, slots=True)
class Witness:
    """`sql` holds INSERT statements, to be run after the schema."""

    sql: str
    original_rows: tuple[str, ...]
    rewrite_rows: tuple[str, ...]


def witness_of(
    tables: Sequence[TableShape], rows: Rows, original: Sequence[Row], rewrite: Sequence[Row], backwards: bool
) -> Witness:
    """The witness of these rows; `backwards` where the difference needs them to be read the other way round."""
    lines = [_BACKWARDS] if backwards else []
    lines += [_insert(table, row) for table in tables for row in rows.get(table.name, [])]
    return Witness("\n".join(lines) or "-- no table has a row", _shown(original), _shown(rewrite))


def _shown(rows: Sequence[Row]) -> tuple[str, ...]:
    return (*(shown(row) for row in rows[:MOST_SHOWN]), *(["... and more"] if len(rows) > MOST_SHOWN else []))


def _insert(table: TableShape, row: Row) -> str:
    """One INSERT; what is NULL anyway is left out."""
    columns = [
        (identifier(column.name), _literal(value))
        for column, value in zip(table.columns, row, strict=True)
        if value is not None or column.default
    ]
    if not columns:
        columns = [(identifier(table.columns[0].name), "NULL")]
    names, values = ", ".join(name for name, _ in columns), ", ".join(value for _, value in columns)
    return f"INSERT INTO {identifier(table.name)} ({names}) VALUES ({values});"


def _literal(value: Value) -> str:
    return str(apsw.format_sql_value(value))
