"""A twin of a database: the same schema, about the same sizes, keys and statistics, but other contents.

An answer that was looked up in the real database and written into a rewrite is wrong on the twin; so is a rewrite that
behaves only where a table is small. Values are drawn anew column by column, so that what stands in one row no longer
belongs together; a few rows are left out; foreign keys point at parents that are there.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any

import apsw
import numpy as np

from ...sqlite.connection import blank_copy, quoted
from ..shape import TableShape, read_shape
from .references import References
from .refilling import Refilling
from .resampling import Cells, cells

MOST_ROWS, MOST_ROWS_IN_ALL = 200_000, 1_000_000
_ANALYZED = 400  # entries of each index that ANALYZE looks at


def make_twin(source: apsw.Connection, seed: int) -> apsw.Connection:
    """A private in-memory database with the schema and indexes of `source`, filled anew; the same for the same seed.

    Every constraint of the schema holds, foreign keys too, also those that the source itself breaks. Of a table with
    more than `MOST_ROWS` rows, or with fewer where all would come to more than `MOST_ROWS_IN_ALL`, a sample is taken.
    Tables of fewer than eight rows keep their number of rows. Text that is not UTF-8 gets replacement characters.
    Virtual tables stay empty, and so does a table into which nothing can be inserted here (where a constraint needs
    what only another program has). Raises apsw.Error where the source cannot be read.
    """
    twin = blank_copy(source)
    tables = [_insertable(table) for table in read_shape(twin)]
    counts = {table.name: _rows(source, table) for table in tables}
    cap = MOST_ROWS
    while sum(min(count, cap) for count in counts.values()) > MOST_ROWS_IN_ALL:
        cap //= 2
    references = References(twin, tables)
    twin.execute("BEGIN")
    for number, table in enumerate(tables):
        columns = _read(source, table, max(1, -(-counts[table.name] // cap)))
        if columns:
            rng = np.random.default_rng([seed % 2**63, number])
            with suppress(apsw.SQLError):  # no such function, no such collation
                Refilling(twin, table, columns, references, rng).run()
        references.filled(table)
    references.repair()
    twin.execute("COMMIT")
    if source.execute("SELECT 1 FROM main.sqlite_schema WHERE name = 'sqlite_stat1'").get:
        twin.execute(f"PRAGMA analysis_limit = {_ANALYZED}; ANALYZE").fetchall()
    return twin


def _insertable(table: TableShape) -> TableShape:
    """Without the keys that hold generated columns."""
    names = {column.name.lower() for column in table.columns}
    return replace(
        table,
        keys=tuple(key for key in table.keys if names.issuperset(name.lower() for name in key)),
        foreign_keys=tuple(key for key in table.foreign_keys if names.issuperset(name.lower() for name in key.columns)),
    )


def _rows(source: apsw.Connection, table: TableShape) -> int:
    return int(source.execute(f"SELECT count(*) FROM main.{quoted(table.name)}").get)


def _read(source: apsw.Connection, table: TableShape, step: int) -> list[Cells]:
    """The columns of a table, about every `step`-th row of it; [] for a table without rows."""
    names = [quoted(column.name) for column in table.columns]
    taken = {column.name.lower() for column in table.columns}
    rowid = next((name for name in ("rowid", "oid", "_rowid_") if name not in taken), "")
    query = f"FROM main.{quoted(table.name)}"
    if step > 1 and rowid and not _without_rowid(source, table):
        # By a hash of the rowid: every k-th row would go in step with whatever repeats in the table.
        query += f" WHERE (({rowid} & 0xFFFFFF) * 2654435761 >> 16) % {step} = 0"
    elif step > 1:
        query += f" LIMIT {_rows(source, table) // step}"
    try:
        rows: list[Any] = source.execute(f"SELECT {', '.join(names)} {query}").fetchall()
    except UnicodeDecodeError:
        pairs = (f"typeof({n}), CASE typeof({n}) WHEN 'text' THEN CAST({n} AS BLOB) ELSE {n} END" for n in names)
        rows = [_decoded(row) for row in source.execute(f"SELECT {', '.join(pairs)} {query}")]
    return [cells(column) for column in zip(*rows, strict=True)]


def _without_rowid(source: apsw.Connection, table: TableShape) -> bool:
    listed = source.execute("PRAGMA main.table_list").fetchall()
    return any(row[1] == table.name and row[4] for row in listed)


def _decoded(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """From (type, value, type, value, ...), texts as bytes, to the values."""
    pairs = zip(row[::2], row[1::2], strict=True)
    return tuple(value.decode("utf-8", "replace") if kind == "text" else value for kind, value in pairs)
