"""What a rewrite technique works on: a draft (a qualified sqlglot tree and index statements) and the schema.

A technique is a module of this package with `NAME`, `KIND` (one of KINDS), a docstring that shows the rewrite and says
when it is valid, and one pure function `applications(draft, schema)`, which yields every place where it applies
together with the draft that results. Techniques never change the tree that they are given.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Protocol

import apsw
import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.qualify import qualify

from sqlopt_env.sqlite.connection import quoted

KINDS = ("indexing", "join", "projection", "limit", "redundancy")
MAX_INDEXES = 4
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    type: str  # as declared, upper case
    not_null: bool  # declared NOT NULL, or an INTEGER PRIMARY KEY
    iso_date: bool  # a CHECK holds every value to YYYY-MM-DD


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


@dataclass(frozen=True, slots=True)
class Schema:
    """Tables by lower-case name."""

    tables: dict[str, Table]

    def table(self, name: str) -> Table | None:
        return self.tables.get(name.lower())


@dataclass(frozen=True, slots=True)
class Draft:
    """A rewrite in the making. In `query` every column carries the name of its source."""

    query: exp.Query
    indexes: tuple[str, ...] = ()

    @property
    def sql(self) -> str:
        return self.query.sql(dialect="sqlite")

    @property
    def script(self) -> str:
        return "".join(f"{statement};\n" for statement in self.indexes) + self.sql

    def with_query(self, query: exp.Query) -> Draft:
        return replace(self, query=query)

    def with_index(self, statement: str) -> Draft:
        return replace(self, indexes=(*self.indexes, statement))


@dataclass(frozen=True, slots=True)
class Application:
    """A technique applied at one place: `target` names the place, `draft` is the outcome."""

    target: str
    draft: Draft


class Rule(Protocol):
    """The shape of a technique's module."""

    NAME: str
    KIND: str

    @staticmethod
    def applications(draft: Draft, schema: Schema) -> Iterator[Application]: ...


def read_schema(ddl: str, connection: apsw.Connection) -> Schema:
    """The schema of a connection on which `ddl` was executed; row counts come from the DDL's comments."""
    rows = {
        table.strip('"`[]').lower(): int(count.replace(",", ""))
        for count, table in re.findall(r"-- ([\d,]+) rows?\nCREATE TABLE (\S+)", ddl)
    }
    names = [
        (name, sql)
        for name, sql in connection.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'table'")
        if not name.startswith("sqlite_")
    ]
    return Schema({name.lower(): _table(connection, name, sql, rows.get(name.lower(), 0)) for name, sql in names})


def _table(connection: apsw.Connection, name: str, sql: str, rows: int) -> Table:
    info = connection.execute(f"PRAGMA table_xinfo({quoted(name)})").fetchall()
    primary = [row[1] for row in sorted(info, key=lambda row: row[5]) if row[5]]
    rowid = next((row[1] for row in info if row[5] and len(primary) == 1 and row[2].upper() == "INTEGER"), "")
    columns = tuple(
        Column(row[1], row[2].upper(), bool(row[3]) or row[1] == rowid, _is_iso_date(row[1], sql)) for row in info
    )
    not_null = {column.name for column in columns if column.not_null}
    keys, indexes = [(rowid,)] if rowid else [], []
    for _, index, unique, _, partial in connection.execute(f"PRAGMA index_list({quoted(name)})").fetchall():
        members = tuple(row[2] or "" for row in connection.execute(f"PRAGMA index_info({quoted(index)})"))
        indexes.append(members)
        if unique and not partial and not_null.issuperset(members):
            keys.append(members)
    return Table(name, columns, tuple(keys), rowid, tuple(indexes), rows)


def _is_iso_date(column: str, sql: str) -> bool:
    return bool(re.search(rf"CHECK\s*\(\s*{re.escape(column)}\s+(IS|=)\s+date\(\s*{re.escape(column)}\s*\)\s*\)", sql, re.I))


def parse_draft(query: str, schema: Schema) -> Draft | None:
    """The query as a draft with every column qualified and every star spelt out; None where sqlglot cannot."""
    shape = {
        table.name: {column.name: column.type or "BLOB" for column in table.columns}
        for table in schema.tables.values()
    }
    try:
        tree = qualify(
            sqlglot.parse_one(query, dialect="sqlite"),
            schema=shape,
            dialect="sqlite",
            quote_identifiers=False,
            identify=False,
            validate_qualify_columns=False,
        )
    except (SqlglotError, RecursionError, ValueError, KeyError):
        return None
    return Draft(tree) if isinstance(tree, exp.Query) else None


def tables_of(select: exp.Select, schema: Schema) -> dict[str, Table]:
    """The plain tables in FROM and JOIN of this one SELECT, by the name that its columns carry."""
    sources = [join.this for join in select.args.get("joins") or []]
    from_ = select.args.get("from_")
    if from_ is not None:
        sources.insert(0, from_.this)
    shadowed = {cte.alias.lower() for with_ in select.root().find_all(exp.With) for cte in with_.expressions}
    found = {}
    for source in sources:
        if isinstance(source, exp.Table) and source.name.lower() not in shadowed:
            table = schema.table(source.name)
            if table is not None:
                found[source.alias_or_name] = table
    return found


def conjuncts(condition: exp.Expression | None) -> list[exp.Expression]:
    """The parts of a WHERE, HAVING or ON that are joined by AND."""
    if condition is None:
        return []
    if isinstance(condition, exp.Where | exp.Having | exp.Paren):
        return conjuncts(condition.this)
    if isinstance(condition, exp.And):
        return conjuncts(condition.left) + conjuncts(condition.right)
    return [condition]


def own_nodes(select: exp.Select, *kinds: type[exp.Expression]) -> list[exp.Expression]:
    """Nodes of the kinds that belong to this SELECT itself, not to a subquery inside it."""
    return [node for node in select.find_all(*kinds) if node.parent_select is select]


def index_statement(table: Table, parts: list[str], taken: tuple[str, ...]) -> str | None:
    """A CREATE INDEX over columns or expressions; None where the table or the draft has one that begins so."""
    if not parts or len(taken) >= MAX_INDEXES:
        return None
    lowered = tuple(part.lower() for part in parts)
    begins_so = (tuple(column.lower() for column in index[: len(parts)]) for index in table.indexes)
    if lowered in begins_so or (table.rowid and lowered == (table.rowid.lower(),)):
        return None
    words = "_".join(re.sub(r"\W+", "_", part.split(" ")[0]).strip("_") for part in parts)
    name = f"idx_{re.sub(r'[^A-Za-z0-9_]+', '_', table.name)}_{words}"
    columns = ", ".join(part if "(" in part or " " in part else identifier(part) for part in parts)
    statement = f"CREATE INDEX {name} ON {identifier(table.name)} ({columns})"
    return None if statement in taken or any(name in other.split() for other in taken) else statement


def identifier(name: str) -> str:
    """The name as SQL, quoted only where it must be."""
    return name if _PLAIN.match(name) and name.upper() not in _KEYWORDS else quoted(name)


_KEYWORDS = frozenset(keyword.upper() for keyword in apsw.keywords)
