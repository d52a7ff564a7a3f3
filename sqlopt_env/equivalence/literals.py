"""Which values matter to a pair of queries: their literals, column by column, and what lies next to them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date, timedelta

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from ..sqlite.connection import identifier
from .compare import Value
from .shape import TableShape

_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)")
_MONTH = re.compile(r"(\d{4})-(\d\d)\Z")
_YEAR = re.compile(r"(19|20)\d\d\Z")


class Literals:
    """`columns` holds values by lower-case column name, `values` all of them, `sizes` the LIMITs and OFFSETs, `names`
    the lower-case names of the columns that are named at all.

    The literals of CHECK constraints and defaults count too.
    """

    def __init__(self, queries: Iterable[str], tables: Iterable[TableShape] = ()) -> None:
        self.columns: dict[str, set[Value]] = defaultdict(set)
        self.values: set[Value] = set()
        self.sizes: set[int] = set()
        names: set[str] = set()
        for query in queries:
            names |= self._take(query)
        for table in tables:
            for check in table.checks:
                names |= self._take(f"SELECT {check}")
            for column in table.columns:
                if column.default:
                    self._take(f"SELECT {identifier(column.name)} = {column.default}")
            # What a foreign key is compared with, its parent must be able to be.
            for key in table.foreign_keys:
                self.share(zip(key.columns, key.parent_columns, strict=False))
        self.names = frozenset(names)

    def _take(self, query: str) -> set[str]:
        """Reads one query, and gives the names in it."""
        try:
            tree = sqlglot.parse_one(query, dialect="sqlite")
        except (SqlglotError, RecursionError):
            self._read_tokens(query)
            return set(re.findall(r"\w+", query.lower()))
        self._read(tree)
        names = {column.name.lower() for column in tree.find_all(exp.Column)}
        for join in tree.find_all(exp.Join):
            names |= {used.name.lower() for used in join.args.get("using") or ()}
        return names

    def _read(self, tree: exp.Expr) -> None:
        for node in tree.find_all(exp.Literal):
            if isinstance(node.parent, exp.Limit | exp.Offset):
                if node.is_int:
                    self.sizes.add(int(node.this))
                continue
            value = _value(node)
            self.values.add(value)
            holder = _comparison(node)
            if holder is not None:
                for column in holder.find_all(exp.Column):
                    self.columns[column.name.lower()].add(value)
        comparisons = tree.find_all(exp.EQ)
        self.share((c.left.name, c.right.name) for c in comparisons if _joins_columns(c))

    def share(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Columns that are compared with each other draw from one pool."""
        for one, other in pairs:
            shared = self.columns[one.lower()] | self.columns[other.lower()]
            self.columns[one.lower()] |= shared
            self.columns[other.lower()] |= shared

    def _read_tokens(self, query: str) -> None:
        """Numbers and texts of a query that sqlglot cannot read."""
        self.values |= {text.replace("''", "'") for text in re.findall(r"'((?:[^']|'')*)'", query)}
        self.values |= {int(number) for number in re.findall(r"(?<![\w.])\d{1,15}(?![\w.])", query)}


def _joins_columns(comparison: exp.EQ) -> bool:
    return isinstance(comparison.left, exp.Column) and isinstance(comparison.right, exp.Column)


def _value(node: exp.Literal) -> Value:
    if node.is_string:
        return str(node.this)
    number = float(node.this) if not node.is_int else int(node.this)
    return -number if isinstance(node.parent, exp.Neg) else number


def _comparison(node: exp.Expr) -> exp.Expr | None:
    """The innermost comparison, IN, BETWEEN, LIKE or CASE around a literal."""
    return node.find_ancestor(
        exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.In, exp.Between, exp.Like, exp.Glob, exp.Case, exp.Is
    )


def neighbours(value: Value) -> Iterator[Value]:
    """The value and what a wrong rewrite may confuse it with."""
    yield value
    if isinstance(value, int):
        yield from (value - 1, value + 1, -value, value + 0.5, value * 2)
    elif isinstance(value, float):
        yield from (value - 0.5, value + 0.5, value * 2, -value, int(value), int(value) + 1)
    elif isinstance(value, str):
        yield from _texts(value)


def _texts(value: str) -> Iterator[str]:
    yield from (value.lower(), value.upper(), value.swapcase(), value + "x", value[:-1], "")
    if "%" in value or "_" in value:
        for filling in ("", "x", "xy"):
            yield value.replace("%", filling).replace("_", "y")
    for day in _days(value):
        yield day.isoformat()
    if _DATE.fullmatch(value):
        yield from (f"{value} 00:00:00", f"{value} 12:30:00")


def _days(value: str) -> Iterator[date]:
    """Days in and around the day, month or year that a text names."""
    try:
        if match := _DATE.match(value):
            first = last = date(*(int(part) for part in match.groups()))
        elif match := _MONTH.match(value):
            year, month = (int(part) for part in match.groups())
            first = date(year, month, 1)
            last = date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)
        elif _YEAR.match(value):
            first, last = date(int(value), 1, 1), date(int(value), 12, 31)
        else:
            return
    except ValueError:
        return
    for day in (first, last):
        yield from (day - timedelta(days=1), day, day + timedelta(days=1))
