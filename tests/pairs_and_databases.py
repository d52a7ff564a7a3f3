"""Fixtures of queries and their rewrites, and random databases on which both must agree."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from math import isclose
from pathlib import Path

import apsw
import sqlglot
from sqlglot import exp

from sqlopt_env.databases.shop import SCHEMA
from sqlopt_env.sqlite.connection import quoted
from sqlopt_env.trees.draft import Draft, parse_draft
from sqlopt_env.trees.schema import Column, Schema, Table, read_schema

DATABASES = 40


@dataclass(frozen=True)
class Block:
    """One case of a fixture: `expected` is empty where the technique must not fire."""

    name: str
    shows: str
    ddl: str
    query: str
    expected: str


def blocks(path: Path) -> Iterator[Block]:
    for text in re.split(r"^----$", path.read_text(), flags=re.MULTILINE):
        shown, _, rest = text.strip().partition("\n")
        given, _, expected = rest.partition("-->")
        ddl, mark, query = given.rpartition("-- query\n")
        yield Block(path.stem, shown.removeprefix("-- "), ddl if mark else SCHEMA, query.strip(), expected.strip())


def drafted(block: Block) -> Draft:
    draft = parse_draft(block.query, shape(block.ddl))
    assert draft is not None, f"the query of '{block.shows}' cannot be read"
    return draft


def plain(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def unequal(ddl: str, query: str, script: str, n: int = DATABASES, seed: int = 0) -> str:
    """What differs between a query and its rewrite on small random databases, or ""."""
    *indexes, rewrite = script.split(";\n")
    is_total, is_cut = order_of(query)
    for connection in databases(ddl, query, n, seed):
        expected = connection.execute(query).fetchall()
        try:
            connection.execute(";".join(indexes))
            found = connection.execute(rewrite).fetchall()
        except apsw.Error as error:
            return f"{script}\n{error}"
        if is_cut and not is_total:
            continue  # several results are right
        if not is_total:
            expected, found = sorted(expected, key=rank), sorted(found, key=rank)
        if not same(expected, found):
            rows = {name: connection.execute(f"SELECT * FROM {name}").fetchall() for name in shape(ddl).tables}
            return f"{query}\n{script}\n{rows}\nexpected {expected}\nfound    {found}"
    return ""


def order_of(query: str) -> tuple[bool, bool]:
    """Whether the outermost ORDER BY ends in an id, which leaves no ties, and whether there is an outermost LIMIT."""
    tail = query.rpartition("ORDER BY")[2]
    is_outermost = "ORDER BY" in query and tail.count("(") == tail.count(")")
    is_total = is_outermost and re.search(r"\bid(?: DESC)?(?: LIMIT \d+)?(?: OFFSET \d+)?\Z", tail)
    return bool(is_total), bool(re.search(r"\bLIMIT[^()]*\Z", query))


def rank(row: tuple[object, ...]) -> tuple[tuple[str, float, str], ...]:
    """A key that puts rows of any values in one order, nearly equal floats together."""
    return tuple(
        ("number", round(value, 6), "") if isinstance(value, int | float) else (type(value).__name__, 0.0, str(value))
        for value in row
    )


def same(one: list[tuple[object, ...]], other: list[tuple[object, ...]]) -> bool:
    return len(one) == len(other) and all(
        len(a) == len(b) and all(map(same_value, a, b)) for a, b in zip(one, other, strict=True)
    )


def same_value(one: object, other: object) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return isclose(one, other, rel_tol=1e-9)
    return one == other and isinstance(one, str) == isinstance(other, str)


def databases(ddl: str, query: str, n: int, seed: int = 0) -> Iterator[apsw.Connection]:
    """Tables of 0 to 12 rows; values repeat, are NULL where they may be, and often are one of the query's constants."""
    for image in _images(ddl, query, n, seed):
        connection = apsw.Connection(":memory:")
        connection.deserialize("main", image)
        yield connection


@lru_cache(maxsize=2)
def _images(ddl: str, query: str, n: int, seed: int) -> tuple[bytes, ...]:
    """The databases as files: to fill one takes longer than all that is asked of it for one rewrite."""
    blank = apsw.Connection(":memory:")
    blank.execute(ddl)
    schema = read_schema(ddl, blank)
    pools = _Pools(query)
    images = []
    for i in range(n):
        draws = random.Random(1_000_003 * seed + i)
        connection = apsw.Connection(":memory:")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(ddl)
        filled: dict[str, list[dict[str, object]]] = {}
        for table in schema.tables.values():
            filled[table.name.lower()] = _fill(connection, table, pools, draws, filled)
        images.append(connection.serialize("main"))
    return tuple(images)


def shape(ddl: str) -> Schema:
    connection = apsw.Connection(":memory:")
    connection.execute(ddl)
    return read_schema(ddl, connection)


class _Pools:
    """Values of each kind: a few fixed ones, and the query's constants with their neighbours."""

    def __init__(self, query: str) -> None:
        literals = list(sqlglot.parse_one(query, dialect="sqlite").find_all(exp.Literal))
        texts = [literal.name for literal in literals if literal.is_string]
        numbers = [int(literal.name) for literal in literals if literal.is_int and int(literal.name) < 10**6]
        self.whole = [-1, 0, 1, 2, 3]
        self.whole += [value for n in numbers for value in (n, n - 1, n + 1)]
        self.whole += [value for n in numbers for m in numbers for value in (n - m, n + m, n * m, n // max(m, 1))]
        self.real = [0.5, 1.0, 2.0, 7.25, *map(float, self.whole)]
        self.text = ["", "a", "A", "b", "ab", *texts, *(text.upper() for text in texts)]
        days = [date(2023, 12, 31), date(2024, 1, 1), date(2024, 2, 29)]
        for text in texts:
            if match := re.fullmatch(r"(\d{4})(-0\d|-1[0-2])?(-\d\d)?", text):
                first = date.fromisoformat(match[1] + (match[2] or "-01") + (match[3] or "-01"))
                later = [first + timedelta(days=k) for k in (-1, 0, 1, 27, 28, 30, 31, 364, 365, 366)]
                days += [day for day in later if day.year < 9999]
        self.days = [day.isoformat() for day in days]

    def draw(self, column: Column, draws: random.Random) -> object:
        if not column.not_null and draws.random() < 0.2:
            return None
        if column.iso_date:
            return draws.choice(self.days)
        if "INT" in column.type:
            return draws.choice(self.whole)
        return draws.choice(self.real if column.type in ("REAL", "FLOAT", "DOUBLE") else self.text)


def _fill(
    connection: apsw.Connection,
    table: Table,
    pools: _Pools,
    draws: random.Random,
    filled: dict[str, list[dict[str, object]]],
) -> list[dict[str, object]]:
    parents = {
        str(row[3]): (str(row[2]).lower(), str(row[4]).lower())
        for row in connection.execute(f"PRAGMA foreign_key_list({quoted(table.name)})")
    }
    rows: list[dict[str, object]] = []
    for _ in range(draws.choice((0, 1, 3, 6, 12))):
        row: dict[str, object] = {}
        for column in table.columns:
            row[column.name] = pools.draw(column, draws)
            if column.name in parents and row[column.name] is not None:
                parent, key = parents[column.name]
                choices = [other[key] for other in filled[parent]]
                row[column.name] = draws.choice(choices) if choices else None
            if column.name == table.rowid:
                row[column.name] = draws.choice((draws.randint(1, 15), *(n for n in pools.whole if n > 0)))
        if any(row[column.name] is None for column in table.columns if column.not_null):
            continue
        marks = ", ".join("?" for _ in row)
        before = connection.total_changes()
        connection.execute(f"INSERT OR IGNORE INTO {quoted(table.name)} VALUES ({marks})", tuple(row.values()))
        if connection.total_changes() > before:
            rows.append({name.lower(): value for name, value in row.items()})
    return rows
