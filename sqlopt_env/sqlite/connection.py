"""Private in-memory copies of databases, with SQLite's own limits set and the clock stopped.

Nothing here judges anything: it gives connections that a rewrite may be run on without harm to the file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import apsw

from ..types import Settings, SqlOptError
from .snapshot import Image, image_of

FROZEN_NOW = "2025-01-01 00:00:00"  # the shop's data end the day before
_FROZEN_JULIAN_MS = 212_602_449_600_000  # FROZEN_NOW in milliseconds since noon on 24 November 4714 BC
_VFS_NAME = "sqlopt-frozen-clock"
_ROOM = 4096  # bytes, for what the judge adds to a statement
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_KEYWORDS = frozenset(keyword.upper() for keyword in apsw.keywords)


class _FrozenClock(apsw.VFS):
    """The default VFS, but `now` is always FROZEN_NOW (the authorizer cannot see the literal 'now'), and temporary
    files are in memory.

    That is not PRAGMA temp_store = memory, with which SQLite sorts in another way: slower, and at a speed that
    depends on how the heap happens to look.
    """

    def __init__(self) -> None:
        super().__init__(_VFS_NAME, base="")
        self.ahead = 0  # milliseconds

    def xOpen(self, name: Any, flags: list[int]) -> apsw.VFSFile:  # noqa: N802 - SQLite's name
        return apsw.VFSFile("memdb", None, flags) if name is None else super().xOpen(name, flags)

    def xCurrentTimeInt64(self) -> int:  # noqa: N802 - SQLite's name
        return _FROZEN_JULIAN_MS + self.ahead

    def xCurrentTime(self) -> float:  # noqa: N802 - SQLite's name
        return self.xCurrentTimeInt64() / 86_400_000


_frozen_clock = _FrozenClock()


def set_clock(days_ahead: float) -> None:
    """Sets the clock of all connections of this process so far beyond FROZEN_NOW, where it stands still again."""
    _frozen_clock.ahead = round(days_ahead * 86_400_000)


def memory_connection() -> apsw.Connection:
    """An empty private database whose clock stands still."""
    connection = apsw.Connection(":memory:", vfs=_VFS_NAME)
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0)
    return connection


def open_copy(source: Path | Image) -> apsw.Connection:
    """A private in-memory copy of a database file, or of an image of one."""
    if isinstance(source, Path):
        with image_of(source) as image:
            return open_copy(image)
    copy = memory_connection()
    if not source.contents:
        return copy
    path = source.signature.path
    try:
        # The image can be opened as it is, but not with a clock that stands still: hence a copy of the copy.
        with closing(apsw.Connection(":memory:")) as opened:
            opened.deserialize("main", source.contents)
            with copy.backup("main", opened, "main") as backup:
                backup.step(-1)
    except apsw.Error as error:
        raise SqlOptError(f"the database {path} cannot be read: {error}") from error
    return copy


def blank_copy(source: apsw.Connection) -> apsw.Connection:
    """The same schema without rows: scripts are read and plans tried on it at no cost."""
    shadows = {str(row[1]) for row in source.execute("PRAGMA main.table_list") if row[2] == "shadow"}
    blank = memory_connection()
    created = source.execute("SELECT type, name, sql FROM main.sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid")
    for kind, name, sql in ((str(kind), str(name), str(sql)) for kind, name, sql in created.fetchall()):
        if kind == "trigger" or name in shadows or name.startswith("sqlite_"):
            continue
        # What cannot be made here (a view of a table that is gone, a collation that only its program knows) is left
        # out: a query that uses it is told so by SQLite.
        with suppress(apsw.Error):
            blank.execute(sql)
    return blank


def set_limits(connection: apsw.Connection, settings: Settings) -> None:
    """SQLite's own limits on what a statement may be."""
    widest = sum(1 for _ in all_columns(connection))
    for limit, value in {
        apsw.SQLITE_LIMIT_SQL_LENGTH: settings.script_bytes + _ROOM,
        apsw.SQLITE_LIMIT_LENGTH: settings.cell_bytes,
        apsw.SQLITE_LIMIT_COLUMN: min(2000, max(200, 2 * widest)),
        apsw.SQLITE_LIMIT_EXPR_DEPTH: 200,
        apsw.SQLITE_LIMIT_COMPOUND_SELECT: 50,
        apsw.SQLITE_LIMIT_ATTACHED: 0,
        apsw.SQLITE_LIMIT_WORKER_THREADS: 0,
    }.items():
        connection.limit(limit, value)


def table_names(connection: apsw.Connection) -> list[str]:
    """Tables and views that a query may read, in the order of their creation."""
    known = {row[1] for row in connection.execute("PRAGMA main.table_list") if row[2] != "shadow"}
    created = connection.execute("SELECT name FROM main.sqlite_schema WHERE type IN ('table', 'view') ORDER BY rowid")
    return [name for (name,) in created if name in known and not name.startswith("sqlite_")]


def all_columns(connection: apsw.Connection) -> list[tuple[str, str]]:
    """(table, column) of every table and view, generated columns included; broken views are left out."""
    found = []
    for table in table_names(connection):
        with suppress(apsw.Error):
            columns = connection.execute(f"PRAGMA main.table_xinfo({quoted(table)})").fetchall()
            found += [(table, str(row[1])) for row in columns]
    return found


def row_counts(connection: apsw.Connection) -> list[tuple[str, int]]:
    """(table, rows) of every table, views left out."""
    views = {row[1] for row in connection.execute("PRAGMA main.table_list") if row[2] == "view"}
    return [
        (name, int(connection.execute(f"SELECT count(*) FROM main.{quoted(name)}").get))
        for name in table_names(connection)
        if name not in views
    ]


def schema_text(
    connection: apsw.Connection,
    counts: list[tuple[str, int]],
    distinct: Mapping[str, list[tuple[str, int]]] | None = None,
) -> str:
    """The DDL as its author wrote it, with comments before each table: the number of its rows, and where `distinct`
    tells (column, distinct values) of tables, those too."""
    rows = dict(counts)
    shown = set(table_names(connection))
    parts = []
    for kind, name, table, sql in connection.execute(
        "SELECT type, name, tbl_name, sql FROM main.sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid"
    ):
        if kind != "trigger" and table in shown:
            comment = f"-- {rows[name]:,} rows\n" if name in rows else ""
            values = [f"{identifier(c)} {n}" for c, n in (distinct or {}).get(name, ()) if c.isprintable()]
            if comment and values:
                comment = f"-- distinct values: {', '.join(values)}\n{comment}"
            parts.append(f"{comment}{sql.strip().rstrip(';')};")
    return "\n".join(parts)


def quoted(name: str) -> str:
    """An SQL identifier in double quotes."""
    return '"' + name.replace('"', '""') + '"'


def identifier(name: str) -> str:
    """The name as SQL, quoted only where it must be."""
    return name if _PLAIN.match(name) and name.upper() not in _KEYWORDS else quoted(name)
