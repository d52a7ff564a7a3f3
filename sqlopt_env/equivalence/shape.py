"""What instances must respect: tables, columns, keys and foreign keys, as SQLite itself reports them."""

from __future__ import annotations

from dataclasses import dataclass

import apsw
import sqlglot
from sqlglot import TokenType
from sqlglot.errors import SqlglotError

from ..sqlite.connection import quoted, table_names


@dataclass(frozen=True, slots=True)
class ColumnShape:
    name: str
    kind: str  # what its declared type means to hold: INTEGER, REAL, NUMERIC, TEXT or BLOB (anything)
    not_null: bool  # as declared: NOT NULL, or a primary key by itself
    unique: bool  # a member of a key: it needs many different values
    collation: str = "BINARY"
    declared: str = ""  # the type as the schema writes it
    default: str = ""  # the SQL of its DEFAULT
    may_hold_null: bool = False  # though declared otherwise: SQLite lets NULL into most primary keys


@dataclass(frozen=True, slots=True)
class ForeignKey:
    columns: tuple[str, ...]
    parent: str  # in lower case
    parent_columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TableShape:
    name: str
    columns: tuple[ColumnShape, ...]
    foreign_keys: tuple[ForeignKey, ...]
    keys: tuple[tuple[str, ...], ...] = ()  # PRIMARY KEY and UNIQUE, without partial ones and those over expressions
    checks: tuple[str, ...] = ()  # the SQL of its CHECK constraints
    computed: tuple[str, ...] = ()  # generated columns, which are not among `columns`
    formulas: tuple[tuple[str, str], ...] = ()  # generated columns with their SQL, where that could be read

    def column(self, name: str) -> ColumnShape | None:
        return next((column for column in self.columns if column.name.lower() == name.lower()), None)


def kind_of(declared: str) -> str:
    """SQLite's rule for a type's affinity (datatype3.html, section 3.1), but truth values are whole numbers, and dates
    and enumerations texts."""
    upper = declared.upper()
    if "INT" in upper or upper.startswith("BOOL"):
        return "INTEGER"
    if any(word in upper for word in ("CHAR", "CLOB", "TEXT")):
        return "TEXT"
    if not upper or "BLOB" in upper:
        return "BLOB"
    if any(word in upper for word in ("REAL", "FLOA", "DOUB")):
        return "REAL"
    return "NUMERIC" if upper.startswith(("NUM", "DEC")) else "TEXT"


def read_shape(connection: apsw.Connection) -> list[TableShape]:
    """The plain tables, parents before the children that refer to them where that is possible."""
    kinds = {str(row[1]): row[2] for row in connection.execute("PRAGMA main.table_list")}
    tables = [_table(connection, name) for name in table_names(connection) if kinds[name] == "table"]
    ordered: list[TableShape] = []
    while tables:
        placed = {table.name.lower() for table in ordered}
        ready = [
            table for table in tables if all(key.parent in placed | {table.name.lower()} for key in table.foreign_keys)
        ] or tables[:1]
        ordered += ready
        tables = [table for table in tables if table not in ready]
    return ordered


def _table(connection: apsw.Connection, name: str) -> TableShape:
    # `hidden` is 2 or 3 for generated columns, which are not inserted.
    all_info = connection.execute(f"PRAGMA main.table_xinfo({quoted(name)})").fetchall()
    info = [row for row in all_info if row[6] == 0]
    primary = [str(row[1]) for row in info if row[5]]
    keys = [tuple(primary)] if primary else []
    unique = set(primary)
    keyed = False  # the primary key has an index of its own: it is no other name of the rowid, which is never NULL
    for _, index, is_unique, origin, partial in connection.execute(
        f"PRAGMA main.index_list({quoted(name)})"
    ).fetchall():
        keyed = keyed or origin == "pk"
        if is_unique:
            members = [row[2] for row in connection.execute(f"PRAGMA main.index_info({quoted(str(index))})")]
            unique |= {str(member) for member in members if member is not None}
            if not partial and None not in members and tuple(members) not in keys:
                keys.append(tuple(map(str, members)))
    columns = tuple(
        ColumnShape(
            name=column,
            kind=kind_of(str(row[2])),
            not_null=bool(row[3]) or [column] == primary,
            unique=column in unique,
            collation=str(connection.column_metadata("main", name, column)[1]).upper(),
            declared=str(row[2]),
            default=str(row[4] or ""),
            may_hold_null=[column] == primary and not row[3] and keyed,
        )
        for row in info
        for column in [str(row[1])]
    )
    computed = tuple(str(row[1]) for row in all_info if row[6] != 0)
    sql = str(connection.execute("SELECT sql FROM main.sqlite_schema WHERE type = 'table' AND name = ?", (name,)).get)
    checks = _in_parentheses(sql, "CHECK")
    formulas = _in_parentheses(sql, "AS") if computed else ()
    known = tuple(zip(computed, formulas, strict=True)) if len(formulas) == len(computed) else ()
    return TableShape(name, columns, _foreign_keys(connection, name), tuple(keys), checks, computed, known)


def _in_parentheses(sql: str, keyword: str) -> tuple[str, ...]:
    """What stands in parentheses after each of these keywords in a CREATE TABLE."""
    if keyword not in sql.upper():
        return ()
    try:
        tokens = sqlglot.tokenize(sql, read="sqlite")
    except SqlglotError:
        return ()
    found = []
    for i, token in enumerate(tokens[:-1]):
        if token.text.upper() == keyword and tokens[i + 1].token_type is TokenType.L_PAREN:
            depth, end = 0, i + 1
            while end < len(tokens):
                depth += {TokenType.L_PAREN: 1, TokenType.R_PAREN: -1}.get(tokens[end].token_type, 0)
                if depth == 0:
                    break
                end += 1
            found.append(sql[tokens[i + 1].end + 1 : tokens[min(end, len(tokens) - 1)].start])
    return tuple(found)


def _foreign_keys(connection: apsw.Connection, name: str) -> tuple[ForeignKey, ...]:
    members: dict[int, list[tuple[str, str, str]]] = {}
    for number, _, parent, column, target, *_ in connection.execute(f"PRAGMA main.foreign_key_list({quoted(name)})"):
        members.setdefault(int(str(number)), []).append((str(parent).lower(), str(column), str(target or "")))
    keys = []
    for rows in members.values():
        parent = rows[0][0]
        targets = [target for _, _, target in rows]
        if not all(targets):  # REFERENCES parent: its primary key
            info = connection.execute(f"PRAGMA main.table_info({quoted(parent)})").fetchall()
            targets = [str(row[1]) for row in sorted(info, key=lambda row: int(str(row[5]))) if row[5]]
        keys.append(ForeignKey(tuple(column for _, column, _ in rows), parent, tuple(targets)))
    return tuple(keys)
