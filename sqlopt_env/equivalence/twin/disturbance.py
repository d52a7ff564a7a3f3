"""Small changes to a real database under which an answer known by heart is found out.

A rewrite may recognise the real database by its size, its largest key or one of its rows, answer by heart there, and
compute its answer everywhere else: on small databases and on a twin. Here the real database itself is changed, in few
rows, so that nearly all such signs stay while the answer moves: first values, then the number of rows.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import apsw

from ...sqlite.connection import quoted
from ..compare import Value
from ..shape import TableShape

Step: TypeAlias = tuple[str, list[tuple[Value, ...]]]  # a statement, and what it is run with

SIZES = (100, 1000, 10_000)  # rows of a table that are changed; the first with which the answer moves is taken
_DELETED = 7


@dataclass(frozen=True, slots=True)
class Disturbance:
    """Steps to be run one after the other inside a transaction: `changes` first, then `losses`."""

    changes: list[Step]
    losses: list[Step]


def apply(connection: apsw.Connection, steps: Iterable[Step]) -> None:
    """Changes the database. What a constraint refuses stays as it is."""
    for statement, arguments in steps:
        connection.executemany(statement, arguments)


def disturbance(
    connection: apsw.Connection, tables: Sequence[TableShape], reads: Iterable[tuple[str, str]], size: int, seed: int
) -> Disturbance:
    """Changes `size` rows of each table that a query reads, in the columns that it reads, and takes some rows away."""
    rng = random.Random(seed)
    columns: dict[str, set[str]] = {}
    for name, column in reads:
        columns.setdefault(name.lower(), set()).add(column.lower())
    changes: list[Step] = []
    losses: list[Step] = []
    parents = {key.parent for table in tables for key in table.foreign_keys}
    for table in tables:
        if table.name.lower() in columns:
            rowids = _rowids(connection, table, size + _DELETED, rng)
            changes += _changed(connection, table, columns[table.name.lower()], rowids[_DELETED:], rng)
            if len(rowids) > _DELETED and table.name.lower() not in parents:  # whose rows others may refer to
                gone: list[tuple[Value, ...]] = [(rowid,) for rowid in rowids[:_DELETED]]
                losses.append((f"DELETE FROM main.{quoted(table.name)} WHERE rowid = ?", gone))
    return Disturbance(changes, losses)


def _rowids(connection: apsw.Connection, table: TableShape, size: int, rng: random.Random) -> list[int]:
    try:
        first, last, count = connection.execute(
            f"SELECT min(rowid), max(rowid), count(*) FROM main.{quoted(table.name)}"
        ).fetchall()[0]
    except apsw.SQLError:  # WITHOUT ROWID
        return []
    if not (isinstance(first, int) and isinstance(last, int) and isinstance(count, int)):
        return []
    # The outermost rows stay: their keys are what a database is most easily known by.
    wanted = [(rng.randint(first, last),) for _ in range(4 * size)] if count > 4 * size else [(first,)]
    step = f"SELECT rowid FROM main.{quoted(table.name)} WHERE rowid >= ? AND rowid NOT IN (?, ?) ORDER BY rowid LIMIT "
    most = 4 * size if len(wanted) == 1 else 1
    found = {int(str(row[0])) for (low,) in wanted for row in connection.execute(f"{step} {most}", (low, first, last))}
    return rng.sample(sorted(found), min(size, len(found)))


def _changed(
    connection: apsw.Connection, table: TableShape, read: set[str], rowids: list[int], rng: random.Random
) -> list[Step]:
    """The rows exchange their values, column by column, and some numbers and texts become new ones."""
    in_keys = {column.lower() for key in table.keys for column in key}
    in_references = {column.lower() for key in table.foreign_keys for column in key.columns}
    steps: list[Step] = []
    for column in table.columns:
        name = column.name.lower()
        if name not in read or name in in_keys or len(rowids) < 2:
            continue
        select = f"SELECT {quoted(column.name)} FROM main.{quoted(table.name)} WHERE rowid = ?"
        values: list[Value] = [connection.execute(select, (rowid,)).get for rowid in rowids]
        rng.shuffle(values)
        if name not in in_references:
            values = [_other(value, rng) if rng.random() < 0.25 else value for value in values]
        statement = f"UPDATE OR IGNORE main.{quoted(table.name)} SET {quoted(column.name)} = ? WHERE rowid = ?"
        steps.append((statement, list(zip(values, rowids, strict=True))))
    return steps


def _other(value: Value, rng: random.Random) -> Value:
    """A value of the same kind that is rarely there already."""
    if isinstance(value, float):
        return round(value * rng.choice((0.5, 1.5, 3.0)), 2)
    if isinstance(value, int) and abs(value) < 2**40:
        return value + rng.choice((-1, 1, 2, 1000))
    if isinstance(value, str) and value[:1].isalpha():
        return value + rng.choice("xyz")
    return value
