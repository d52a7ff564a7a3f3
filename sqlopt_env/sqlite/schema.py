"""Makes an empty database from a schema's text, such as `sqlite3 my.db .schema` prints it."""

from __future__ import annotations

import re

import apsw

from ..types import SqlOptError
from .connection import memory_connection

SCHEMA_BYTES = 2**20
_SECONDS_STEPS = 50_000_000  # virtual-machine steps that a schema may take: far more than any honest one does
# What dumps hold beside the schema, and what rewrites never see.
_SKIPPED = re.compile(
    r"\s*((PRAGMA|BEGIN|COMMIT|END|ANALYZE|CREATE\s+(TEMP\s+|TEMPORARY\s+)?TRIGGER)\b|CREATE\s+TABLE\s+[\"'`\[]?sqlite_)",
    re.IGNORECASE,
)
_CREATES = re.compile(r"\s*CREATE\s+(TABLE|VIEW|(UNIQUE\s+)?INDEX|VIRTUAL\s+TABLE)\b", re.IGNORECASE)
_COMMENTS = re.compile(r"\A(\s+|--[^\n]*(\n|\Z)|/\*.*?(\*/|\Z))+", re.DOTALL)


def schema_connection(text: str) -> apsw.Connection:
    """An empty private database with this schema; raises SqlOptError, in one sentence, where SQLite refuses it."""
    if not isinstance(text, str):
        raise SqlOptError(f"the schema must be a text of CREATE statements, not {type(text).__name__}")
    if len(text.encode("utf-8", "surrogatepass")) > SCHEMA_BYTES:
        raise SqlOptError(f"the schema has more than the {SCHEMA_BYTES:,} bytes allowed")
    if "\0" in text:
        raise SqlOptError("the schema holds a NUL character")
    connection = memory_connection()
    try:
        _create(connection, text)
    except BaseException:
        connection.close(True)
        raise
    return connection


def _create(connection: apsw.Connection, text: str) -> None:
    statements = [_COMMENTS.sub("", statement) for statement in _split(text)]
    connection.limit(apsw.SQLITE_LIMIT_ATTACHED, 0)
    connection.set_progress_handler(lambda: True, _SECONDS_STEPS)
    for statement in statements:
        if not statement.strip(" \t\r\n;") or _SKIPPED.match(statement):
            continue
        beginning = " ".join(statement.split())[:60]
        if not _CREATES.match(statement):
            raise SqlOptError(f"the schema must hold CREATE statements only, not: {beginning}")
        try:
            connection.execute(statement).fetchall()
        except (apsw.Error, UnicodeEncodeError) as error:
            problem = "not valid Unicode" if isinstance(error, UnicodeEncodeError) else str(error)
            raise SqlOptError(f"SQLite refuses the schema: {problem} (in: {beginning})") from None
    connection.set_progress_handler(None)
    _empty(connection)


def _split(text: str) -> list[str]:
    """Statements, as SQLite's own `sqlite3_complete` ends them."""
    found, start = [], 0
    for match in re.finditer(";", text):
        piece = text[start : match.end()]
        if len(piece) < 2**16 and apsw.complete(piece):
            found.append(piece)
            start = match.end()
    return [*found, text[start:]]


def _empty(connection: apsw.Connection) -> None:
    """CREATE TABLE ... AS SELECT brings rows; a schema has none."""
    names = connection.execute(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND sql NOT LIKE '%VIRTUAL%'"
    ).fetchall()
    for (name,) in names:
        quoted = '"' + str(name).replace('"', '""') + '"'
        connection.execute(f"DELETE FROM {quoted}")
