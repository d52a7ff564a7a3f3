"""The CHECKs of a table over whole rows: does SQLite let a row in, and if not, what must be another value?

SQLite itself says so, of a table with the same columns and without keys.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import TypeAlias

import apsw
from sqlglot import exp
from sqlglot.errors import SqlglotError

from ...sqlite.connection import identifier
from ..compare import Value
from ..parsing import parsed
from ..shape import TableShape
from .checks import checks_of, columns_of
from .values import Pool, fitting, pick

_EQUATES = (exp.EQ, exp.Is, exp.NullSafeEQ, exp.GTE, exp.LTE)
_COMPARES = (*_EQUATES, exp.GT, exp.LT, exp.Between)
_COMPARED = 0.3  # how often a value is what a CHECK compares it with, where it may be
_RESTARTS = 4
_NULLS = 0.3  # of the values that a restart begins with
_MOST_NUMBERS = 4
_NUMBER = re.compile(r"(?<![\w.])\d{1,9}(?![\w.])")
_DAYS = re.compile(r"\b(date|julianday)\s*\(", re.IGNORECASE)
_MOST_ROWS = 500
_Truths: TypeAlias = tuple[bool, ...]  # one for each CHECK
_Values: TypeAlias = tuple[Value, ...]
_Key: TypeAlias = tuple[_Values, tuple[type, ...]]  # to some CHECKs 1 is not 1.0


class Law:
    """One table's CHECKs. `name` is free on the connection; `candidates` tells which table there holds the values `v`
    of a column's pool, by its place and whether the wider ones are meant too."""

    def __init__(
        self,
        connection: apsw.Connection,
        table: TableShape,
        name: str,
        pools: Sequence[Pool],
        candidates: Callable[[int, bool], str],
    ) -> None:
        self._connection, self._table, self._name = connection, table, name
        self._pools, self._candidates = pools, candidates
        self._checks = checks_of(table)
        place_of = {column.name.lower(): i for i, column in enumerate(table.columns)}
        self._checked = [{place_of[name] for name in columns_of(check, table)} for check in self._checks]
        self._places = sorted({place for places in self._checked for place in places})
        self._columns = ", ".join(identifier(table.columns[place].name) for place in self._places)
        marks = ", ".join("?" * len(self._places))
        self._insert = f"INSERT INTO {name} ({self._columns}) VALUES ({marks}) RETURNING"
        self._ask = f"{self._insert} {self._truth(range(len(self._checks)), ', ')}"
        self._compared: dict[int, str] = {}  # what the CHECKs compare a column with, as a list of SQL
        self._known: dict[_Key, _Truths] = {}
        self._choices: dict[tuple[int, int, bool, _Key], tuple[list[Value], list[Value]]] = {}
        self.is_sound = self._prepare()

    def _prepare(self) -> bool:
        """False where the CHECKs cannot be asked here."""
        columns = [self._table.columns[place] for place in self._places]
        parts = [f"{identifier(c.name)} {c.declared} COLLATE {c.collation}" for c in columns]
        known = {column.name.lower() for column in columns}
        formulas = [(name, sql) for name, sql in self._table.formulas if columns_of(sql, self._table) <= known]
        parts += [f"{identifier(name)} AS ({sql})" for name, sql in formulas]
        try:
            self._connection.execute(f"CREATE TABLE {self._name} ({', '.join(parts)})")
            self._connection.execute(f"EXPLAIN {self._ask}", [None] * len(columns)).fetchall()
        except apsw.Error:
            return False
        return True

    def _truth(self, checks: Sequence[int], joint: str) -> str:
        return joint.join(f"({self._checks[i]}) IS NOT FALSE" for i in checks)

    def allows(self, row: Sequence[Value]) -> bool:
        return all(self._verdict(row))

    def is_settled(self, given: Collection[int]) -> bool:
        """Whether all columns are given of which the CHECKs speak."""
        return all(place in given for place in self._places)

    def mend(self, row: list[Value], given: Collection[int], rng: random.Random, *, firm: bool) -> bool:
        """Lets a row be legal by other values: of columns that are not `given` if possible, and of these alone if it
        is `firm`. False where none were found."""
        for _ in self._checks:
            truths = self._verdict(row)
            if all(truths):
                return True
            broken = truths.index(False)
            places = sorted(self._checked[broken])
            rng.shuffle(places)
            order = [place for place in places if place not in given]
            order += [place for place in places if place in given and not firm]
            if not any(
                self._mended(row, broken, order, wider, rng) or self._restarted(row, broken, order, wider, rng)
                for wider in (False, True)
            ):
                return False
        return self.allows(row)

    def _mended(self, row: list[Value], broken: int, order: Sequence[int], wider: bool, rng: random.Random) -> bool:
        """Another value for one column: a CHECK that was broken holds then, and those that held hold still."""
        for place in order:
            compared, drawn = self._values(row, place, broken, wider)
            if compared or drawn:
                row[place] = pick(rng, compared if compared and (not drawn or rng.random() < _COMPARED) else drawn)
                return True
        return False

    def _restarted(self, row: list[Value], broken: int, order: Sequence[int], wider: bool, rng: random.Random) -> bool:
        """The same with other values for two columns."""
        held = sum(self._verdict(row))
        for _ in range(_RESTARTS if len(order) > 1 else 0):
            trial, one = list(row), pick(rng, order)
            trial[one] = self._drawn(one, wider, rng)
            self._mended(trial, broken, [place for place in order if place != one], wider, rng)
            if sum(self._verdict(trial)) > held:
                row[:] = trial
                return True
        return False

    def _drawn(self, place: int, wider: bool, rng: random.Random) -> Value:
        pool = self._pools[place]
        values = pool.wide if wider and pool.wide else pool.all
        if not values or (not self._table.columns[place].not_null and rng.random() < _NULLS):
            return None
        return pick(rng, values)

    def _verdict(self, row: Sequence[Value]) -> _Truths:
        values, _ = key = self._key(row)
        found = self._known.get(key)
        if found is None:
            try:
                found = self._answer(self._ask, values)
            except apsw.Error:  # of one of them: malformed JSON, say
                found = tuple(self._truth_of(i, values) for i in range(len(self._checks)))
            self._known[key] = found
            if len(self._known) % _MOST_ROWS == 0:
                self._connection.execute(f"DELETE FROM {self._name}")
        return found

    def _truth_of(self, check: int, values: _Values) -> bool:
        try:
            return all(self._answer(f"{self._insert} {self._truth([check], '')}", values))
        except apsw.Error:
            return False

    def _answer(self, sql: str, values: _Values) -> _Truths:
        return tuple(bool(truth) for truth in self._connection.execute(sql, values).fetchall()[0])

    def _key(self, row: Sequence[Value]) -> _Key:
        values = tuple(row[place] for place in self._places)
        return values, tuple(map(type, values))

    def _values(self, row: Sequence[Value], place: int, broken: int, wider: bool) -> tuple[list[Value], list[Value]]:
        """Values of a column with which a broken CHECK holds, and those of the others that held: what they compare it
        with, and what its column draws from."""
        key = (place, broken, wider, self._key(row))
        if key not in self._choices:
            truths = self._verdict(row)
            wanted = [i for i, places in enumerate(self._checked) if place in places and (truths[i] or i == broken)]
            self._choices[key] = self._compared_with(row, place, wanted), self._legal(row, place, wanted, wider)
        return self._choices[key]

    def _compared_with(self, row: Sequence[Value], place: int, wanted: Sequence[int]) -> list[Value]:
        if place not in self._compared:
            self._compared[place] = ", ".join(dict.fromkeys(_compared(self._table, place)))
        if not self._compared[place]:
            return []
        values, _ = self._key(row)
        try:
            sides = self._connection.execute(f"{self._insert} {self._compared[place]}", values).fetchall()[0]
        except apsw.Error:
            return []
        column = self._table.columns[place]
        found = fitting(column, dict.fromkeys(sides))
        if None in sides and not column.not_null:
            found.append(None)
        return self._holding(row, place, wanted, found)

    def _holding(self, row: Sequence[Value], place: int, wanted: Sequence[int], values: Iterable[Value]) -> list[Value]:
        """Those of the values with which these CHECKs hold."""
        tried = ((value, self._verdict([*row[:place], value, *row[place + 1 :]])) for value in values)
        return [value for value, truths in tried if all(truths[i] for i in wanted)]

    def _legal(self, row: Sequence[Value], place: int, wanted: Sequence[int], wider: bool) -> list[Value]:
        sources = ", ".join("v" if other == place else "?" for other in self._places)
        column = identifier(self._table.columns[place].name)
        try:
            rows = self._connection.execute(
                f"INSERT INTO {self._name} ({self._columns}) SELECT {sources} FROM {self._candidates(place, wider)}"
                f" RETURNING {column}, {self._truth(wanted, ' AND ')}",
                [row[other] for other in self._places if other != place],
            ).fetchall()
        except apsw.Error:  # of some of the values
            pool = self._pools[place]
            return self._holding(row, place, wanted, pool.wide if wider else pool.all)
        self._connection.execute(f"DELETE FROM {self._name}")
        return [value for value, is_legal in rows if is_legal]


def _compared(table: TableShape, place: int) -> Iterator[str]:
    """What the CHECKs compare a column with, as SQL, where that is about other columns."""
    name = table.columns[place].name.lower()
    for check in checks_of(table):
        columns = columns_of(check, table)
        if name not in columns or len(columns) == 1:
            continue
        yield from _apart(table, place, check, columns)
        tree = parsed(f"SELECT {check}")
        for node in tree.find_all(*_COMPARES) if tree is not None else ():
            if isinstance(node, exp.Between):
                sides = [(node.this, node.args["low"]), (node.this, node.args["high"])]
            else:
                sides = [(node.this, node.expression), (node.expression, node.this)]
            for side, other in sides:
                found = _solved(name, side, other)
                if found is None or not found.find(exp.Column):
                    continue
                try:
                    sql = found.sql(dialect="sqlite")
                except (SqlglotError, RecursionError):
                    continue
                yield sql
                if not isinstance(node, _EQUATES):
                    yield from (f"({sql}) + 1", f"({sql}) - 1")


def _apart(table: TableShape, place: int, check: str, columns: Iterable[str]) -> Iterator[str]:
    """What is as far from another column as the numbers of a CHECK say: `ends - starts >= 15 * 60`."""
    said = " ".join((check, *(formula for _, formula in table.formulas)))
    numbers = [int(number) for number in _NUMBER.findall(said)][:_MOST_NUMBERS]
    products = dict.fromkeys(n for one in numbers for n in (one, *(one * other for other in numbers)) if n < 10**9)
    column = table.columns[place]
    for name in sorted(columns):
        other = table.column(name)
        if other is None or other is column or other.kind != column.kind:
            continue
        if column.kind in ("INTEGER", "REAL"):
            yield from (f"{identifier(other.name)} {sign} {number}" for number in products for sign in "+-")
        elif column.kind == "TEXT" and _DAYS.search(said):
            yield from (f"date({identifier(other.name)}, '{sign}{number} days')" for number in numbers for sign in "+-")


def _solved(name: str, side: exp.Expr, other: exp.Expr) -> exp.Expr | None:
    """What the column is where both sides are equal: of `a + b = c`, a is `c - b`. None where that is not so simple."""
    while not isinstance(side, exp.Column):
        if isinstance(side, exp.Paren):
            side = side.this
        elif isinstance(side, exp.Add | exp.Sub):
            left, right = (_speaks_of(part, name) for part in (side.left, side.right))
            if left is right:
                return None
            there, away = (side.left, side.right) if left else (side.right, side.left)
            opposite = exp.Add if isinstance(side, exp.Sub) and left else exp.Sub
            one, two = (away, other) if isinstance(side, exp.Sub) and right else (other, away)
            side, other = there, exp.paren(opposite(this=one.copy(), expression=two.copy()))
        else:
            return None
    return other if side.name.lower() == name and not _speaks_of(other, name) else None


def _speaks_of(node: exp.Expr, name: str) -> bool:
    return any(column.name.lower() == name for column in node.find_all(exp.Column))
