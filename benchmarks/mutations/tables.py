"""The tables of a schema, as the oracle's random rows need them."""

from __future__ import annotations

import re
from dataclasses import dataclass

import apsw


@dataclass(frozen=True)
class Column:
    name: str
    kind: str  # integer, truth, real, text, day, moment or any
    nullable: bool
    key: bool
    naming: bool  # a text that names something


@dataclass(frozen=True)
class Table:
    name: str
    columns: tuple[Column, ...]
    references: tuple[tuple[tuple[int, ...], str, tuple[str, ...]], ...]  # places, parent, the parent's columns
    insert: str


def read_tables(connection: apsw.Connection) -> list[Table]:
    """The plain tables, parents before children where that is possible."""
    names = [str(r[1]) for r in connection.execute("PRAGMA main.table_list") if r[2] == "table" and r[0] == "main"]
    return _parents_first([_table(connection, name, names) for name in names if not name.startswith("sqlite_")])


def _table(connection: apsw.Connection, name: str, tables: list[str]) -> Table:
    sql = str(connection.execute("SELECT sql FROM sqlite_schema WHERE name = ?", (name,)).fetchall()[0][0])
    info = [row for row in connection.execute(f'PRAGMA table_xinfo("{name}")') if row[6] == 0]
    unique: set[str] = {str(row[1]) for row in info if row[5]}
    for row in connection.execute(f'PRAGMA index_list("{name}")').fetchall():
        if row[2]:
            unique |= {str(member[2]) for member in connection.execute(f'PRAGMA index_info("{row[1]}")')}
    columns = tuple(
        Column(
            name=str(r[1]),
            kind=_kind(str(r[1]), str(r[2]), sql),
            nullable=not r[3] and not r[5],
            key=str(r[1]) in unique,
            naming=re.search("name|title|mail", str(r[1]), re.IGNORECASE) is not None
            and "INT" not in str(r[2]).upper(),
        )
        for r in info
    )
    keys: dict[int, list[tuple[str, str, str]]] = {}
    for number, _, parent, child, target, *_ in connection.execute(f'PRAGMA foreign_key_list("{name}")'):
        keys.setdefault(int(str(number)), []).append((str(parent), str(child), str(target or "")))
    places = {column.name: i for i, column in enumerate(columns)}
    references = []
    for members in keys.values():
        parent = next(other for other in tables if other.lower() == members[0][0].lower())
        targets = [target for _, _, target in members]
        if not all(targets):
            targets = [str(r[1]) for r in connection.execute(f'PRAGMA table_info("{parent}")') if r[5]]
        references.append((tuple(places[child] for _, child, _ in members), parent, tuple(targets)))
    names, marks = ", ".join(f'"{c.name}"' for c in columns), ", ".join("?" * len(columns))
    return Table(name, columns, tuple(references), f'INSERT INTO "{name}" ({names}) VALUES ({marks})')


def _kind(name: str, declared: str, sql: str) -> str:
    if re.search(rf"\b{name} IS datetime\(", sql):
        return "moment"
    if re.search(rf"\b{name} IS date\(", sql):
        return "day"
    upper = declared.upper()
    if not upper or "BLOB" in upper:
        return "any"
    if "BOOL" in upper:
        return "truth"
    if "INT" in upper:
        return "integer"
    return "real" if re.search("REAL|FLOA|DOUB|DEC|NUM", upper) else "text"


def _parents_first(tables: list[Table]) -> list[Table]:
    ordered: list[Table] = []
    while tables:
        known = {table.name for table in ordered}
        ready = [t for t in tables if all(parent in known | {t.name} for _, parent, _ in t.references)] or tables[:1]
        ordered += ready
        tables = [table for table in tables if table not in ready]
    return ordered
