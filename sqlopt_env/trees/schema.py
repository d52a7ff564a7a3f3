"""What a database declares about its tables, as far as techniques rely on it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import apsw

from ..sqlite.connection import quoted

_FIGURES = r"(?:-- distinct values: (.*)\n)?-- ([\d,]+) rows?\nCREATE TABLE (\S+)"
_DISTINCT = r'("(?:[^"]|"")*"|\w+) (\d+)'


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    type: str  # as declared, upper case
    not_null: bool  # declared NOT NULL, or an INTEGER PRIMARY KEY
    iso_date: bool  # a CHECK holds every value to YYYY-MM-DD
    collation: str = "BINARY"
    distinct: int = 0  # different values, roughly; 0 where it is not known


@dataclass(frozen=True, slots=True)
class Table:
    name: str
    columns: tuple[Column, ...]
    keys: tuple[tuple[str, ...], ...]  # column sets declared unique, with all their columns NOT NULL
    rowid: str  # the INTEGER PRIMARY KEY's name, or ""
    indexes: tuple[tuple[str, ...], ...]  # columns of the indexes that exist; "" stands for an expression
    rows: int  # 0 where it is not known

    def column(self, name: str) -> Column | None:
        return next((column for column in self.columns if column.name.lower() == name.lower()), None)


@dataclass(frozen=True, slots=True, eq=False)
class Schema:
    """Tables by lower-case name. Equal only to itself."""

    tables: dict[str, Table]

    def table(self, name: str) -> Table | None:
        return self.tables.get(name.lower())


def read_schema(ddl: str, connection: apsw.Connection) -> Schema:
    """The schema of a connection on which `ddl` was executed; figures come from the DDL's comments."""
    rows: dict[str, int] = {}
    distinct: dict[str, dict[str, int]] = {}
    for values, count, table in re.findall(_FIGURES, ddl):
        name = table.strip('"`[]').lower()
        rows[name] = int(count.replace(",", ""))
        distinct[name] = {
            column.removeprefix('"').removesuffix('"').replace('""', '"'): int(number)
            for column, number in re.findall(_DISTINCT, values)
        }
    names = [
        (str(name), str(sql))
        for name, sql in connection.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'table'")
        if not str(name).startswith("sqlite_")
    ]
    tables = {}
    for name, sql in names:
        low = name.lower()
        tables[low] = _table(connection, name, sql, rows.get(low, 0), distinct.get(low, {}))
    return Schema(tables)


def _table(connection: apsw.Connection, name: str, sql: str, rows: int, distinct: dict[str, int]) -> Table:
    info: list[Any] = connection.execute(f"PRAGMA table_xinfo({quoted(name)})").fetchall()
    primary = [row[1] for row in sorted(info, key=lambda row: row[5]) if row[5]]
    listed: list[Any] = connection.execute(f"PRAGMA index_list({quoted(name)})").fetchall()
    by_index = any(row[3] == "pk" for row in listed)  # as for INTEGER PRIMARY KEY DESC, which is no rowid
    whole = len(primary) == 1 and not by_index
    rowid = next((row[1] for row in info if row[5] and whole and row[2].upper() == "INTEGER"), "")
    collations = {row[1]: _collation(connection, name, row[1]) for row in info}
    columns = tuple(
        Column(
            name=row[1],
            type=row[2].upper(),
            not_null=bool(row[3]) or row[1] == rowid,
            iso_date=_is_iso_date(row[1], sql),
            collation=collations[row[1]],
            distinct=distinct.get(row[1], 0),
        )
        for row in info
    )
    not_null = {column.name for column in columns if column.not_null}
    keys: list[tuple[str, ...]] = [(rowid,)] if rowid else []
    indexes: list[tuple[str, ...]] = []
    for _, index, unique, _, partial in listed:
        parts: list[Any] = connection.execute(f"PRAGMA index_xinfo({quoted(index)})").fetchall()
        members = tuple(row[2] or "" for row in parts if row[5])
        indexes.append(members)
        # Unique by another collation than the column's own is not unique for DISTINCT or GROUP BY.
        own = all(collations.get(row[2]) == row[4].upper() for row in parts if row[5])
        if unique and not partial and own and not_null.issuperset(members):
            keys.append(members)
    return Table(name, columns, tuple(keys), rowid, tuple(indexes), rows)


def _collation(connection: apsw.Connection, table: str, column: str) -> str:
    return str(connection.column_metadata("main", table, column)[1]).upper()


def _is_iso_date(column: str, sql: str) -> bool:
    name = re.escape(column)
    return bool(re.search(rf"CHECK\s*\(\s*{name}\s+(IS|=)\s+date\(\s*{name}\s*\)\s*\)", sql, re.IGNORECASE))
