"""Writes a domain's database file, atomically, and says what is in it."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Protocol

import apsw

from ..sqlite.connection import quoted, table_names
from ..types import SqlOptError

APPLICATION_ID = 0x53514C4F  # "SQLO": the file is ours, and `user_version` tells the recipe's version


class Domain(Protocol):
    SCHEMA: str
    FILE: str
    VERSION: int
    rows: Callable[[int, int], Iterable[tuple[str, Iterable[Sequence[object]]]]]


def build(domain: Domain, path: Path, *, seed: int, scale: int) -> None:
    """Builds the database beside `path` and moves it there in one step, so that readers see all of it or none.

    Two processes that build at once do the same work twice, and the later one's equal file replaces the other's.
    """
    if scale < 1:
        raise SqlOptError(f"scale must be a whole number of at least 1, not {scale}")
    if seed < 0:
        raise SqlOptError(f"seed must be a whole number of at least 0, not {seed}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".building", dir=path.parent)
    except OSError as error:
        raise SqlOptError(f"the folder {path.parent} cannot be written: {error.strerror}") from error
    os.close(handle)
    try:
        _write(domain, name, seed, scale)
        os.chmod(name, 0o644)
        os.replace(name, path)
    except (OSError, apsw.Error) as error:
        raise SqlOptError(f"the database cannot be written to {path}: {error}") from error
    finally:
        if os.path.exists(name):
            os.unlink(name)


def _write(domain: Domain, name: str, seed: int, scale: int) -> None:
    connection = apsw.Connection(name)
    connection.pragma("journal_mode", "off")
    connection.pragma("synchronous", "off")
    connection.pragma("application_id", APPLICATION_ID)
    connection.pragma("user_version", domain.VERSION)
    with connection:
        connection.execute(domain.SCHEMA)
        for table, rows in domain.rows(seed, scale):
            width = len(connection.execute(f"PRAGMA table_info({quoted(table)})").fetchall())
            values = ", ".join("?" * width)
            connection.executemany(f"INSERT INTO {quoted(table)} VALUES ({values})", rows)
    connection.close()


def is_current(path: Path, domain: Domain) -> bool:
    """Whether `path` is a database that this version of the domain's recipe wrote."""
    try:
        with path.open("rb") as file:
            header = file.read(100)
    except OSError:
        return False
    version, application = int.from_bytes(header[60:64], "big"), int.from_bytes(header[68:72], "big")
    return header.startswith(b"SQLite format 3\0") and (version, application) == (
        domain.VERSION,
        APPLICATION_ID,
    )


def content_hash(path: Path) -> str:
    """SHA-256 over schema and rows in rowid order: equal for equal contents, whatever the file's layout."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    digest = hashlib.sha256()
    for (sql,) in connection.execute("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid"):
        digest.update(sql.encode())
    for table in table_names(connection):
        for row in connection.execute(f"SELECT * FROM {quoted(table)}"):
            digest.update(repr(row).encode())
    connection.close()
    return digest.hexdigest()


def file_hash(path: Path) -> str:
    """A short hash of a database file, and of its write-ahead log where there is one."""
    digest = hashlib.sha256()
    for part in (path, path.with_name(path.name + "-wal")):
        if part.exists():
            with part.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]
