"""Which values matter to a pair of queries: their literals, column by column, and what lies next to them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import date, datetime, timedelta
from functools import lru_cache
from math import isfinite

from sqlglot import exp

from ...sqlite.connection import identifier
from ...sqlite.script import Script
from ...sqlite.words import words
from ..compare import Value
from ..parsing import parsed
from ..shape import TableShape
from .constants import column_names, constants
from .phrases import LITERALS, made_constants
from .solved import turning_points

LARGEST_LIMIT = 1100  # LIMITs and OFFSETs beyond it are not filled
_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d)?")
_MONTH = re.compile(r"(\d{4})-(\d\d)\Z")
_YEAR = re.compile(r"(19|20)\d\d\Z")


class Literals:
    """`columns` holds values by lower-case column name, `values` all of them, `sizes` the LIMITs and OFFSETs, `names`
    the lower-case names of the columns that are named at all.

    The literals of CHECK constraints and defaults count too.
    """

    def __init__(self, queries: Iterable[str], tables: Sequence[TableShape] = ()) -> None:
        self.columns: dict[str, set[Value]] = defaultdict(set)
        self.values: set[Value] = set()
        self.sizes: set[int] = set()
        self._known = {column.name.lower() for table in tables for column in table.columns}
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
        tree = parsed(query)
        if tree is None:
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
            self._note(node, _value(node))
        for constant, value in constants(tree, column_names(tree, self._known) if self._known else ()):
            self._note(constant, value)
        for column, turning in turning_points(tree):
            self.values.add(turning)
            self.columns[column.name.lower()].add(turning)
        for escape in tree.find_all(exp.Escape):  # what a pattern means where its signs are no wildcards
            if isinstance(escape.this, exp.Like) and isinstance(escape.this.expression, exp.Literal):
                self._note(escape.this, escape.this.expression.name.replace(escape.expression.name or " ", ""))
        comparisons = tree.find_all(exp.EQ)
        self.share((c.left.name, c.right.name) for c in comparisons if _joins_columns(c))

    def _note(self, node: exp.Expr, value: Value) -> None:
        self.values.add(value)
        holder = node if isinstance(node, exp.Like) else _comparison(node)
        if holder is not None:
            for column in holder.find_all(exp.Column):
                self.columns[column.name.lower()].add(value)

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
    found = number(node.this)
    if not isinstance(found, int | float):  # sqlglot takes 1e6+1 for one number
        return str(node.this)
    return -found if isinstance(node.parent, exp.Neg) else found


def number(text: str) -> int | float | None:
    """What SQLite takes a numeric literal for: an integer of 64 bits, or else a float; None for no number."""
    text = text.replace("_", "")
    try:
        return int(text) if text.isdecimal() and len(text) < 20 and int(text) < 2**63 else float(text)
    except ValueError:
        return None


def _comparison(node: exp.Expr) -> exp.Expr | None:
    """The innermost comparison, IN, BETWEEN, LIKE or CASE around a literal."""
    return node.find_ancestor(
        exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.In, exp.Between, exp.Like, exp.Glob, exp.Case, exp.Is
    )


def neighbours(value: Value) -> Iterator[Value]:
    """The value and what a wrong rewrite may confuse it with."""
    yield value
    if isinstance(value, int):
        yield from (value - 1, value + 1, -value, value + 0.5, value * 2, value + 0.4)
        yield from (f"0{value}", f"{value}x", f"{value}.0")  # where a text column meets a number
    elif isinstance(value, float) and isfinite(value):
        yield from (value - 0.5, value + 0.5, value * 2, -value, int(value), int(value) + 1)
    elif isinstance(value, str):
        yield from _texts(value)
    elif isinstance(value, bytes):
        yield from (value + b"\0", b"")
        if value:
            yield from (value[:-1], *(value[:-1] + bytes([(value[-1] + step) % 256]) for step in (-1, 1)))


def _texts(value: str) -> Iterator[str]:
    yield from (value.lower(), value.upper(), value.swapcase(), value + "x", value[:-1], "", value + " ", " " + value)
    if "%" in value or "_" in value:
        yield "x".join(reversed(value.split("%")))
        for filling in ("", "0", "x", "xy", "x" * 80):
            yield value.replace("%", filling).replace("_", "y")
    for i, day in enumerate(_days(value)):
        yield day.isoformat()
        if i % 2:
            yield f"{day.isoformat()} 12:30:00"
    if _DATE.fullmatch(value):
        yield from (f"{value} 00:00:00", f"{value} 12:30:00", f"{value} 23:59:59")
    elif _MOMENT.fullmatch(value):
        with suppress(ValueError):
            moment = datetime.fromisoformat(value)
            for seconds in (-1, 1, 30):
                yield (moment + timedelta(seconds=seconds)).isoformat(sep=value[10], timespec="seconds")


def _days(value: str) -> Iterator[date]:
    """Days in and around the day, month or year that a text names, and the same days a year away."""
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
    for day in dict.fromkeys((first, last)):
        yield from (day - timedelta(days=1), day, day + timedelta(days=1))
    for year in (first.year - 1, first.year + 1):
        with suppress(ValueError):
            yield first.replace(year=year)


def unreachable_size(original: str, rewrite: str) -> str:
    """A LIMIT or OFFSET that one of them has alone, and that no instance goes beyond for certain; "" if none."""
    sizes = [_sizes(query) for query in (original, rewrite)]
    alone = sorted(sizes[0] ^ sizes[1])
    return next((size for size in alone if not (size.isdigit() and int(size) <= LARGEST_LIMIT)), "")


def _sizes(query: str) -> set[str]:
    tree = parsed(query)
    if tree is None:
        return {"its own"} if re.search(r"\b(limit|offset)\b", query, re.IGNORECASE) else set()
    nodes = tree.find_all(exp.Limit, exp.Offset)
    return {node.expression.sql(dialect="sqlite") for node in nodes if node.expression is not None}


@lru_cache(maxsize=64)
def _said(statement: str) -> frozenset[str]:
    """The literals of a statement, and its names in quotes: "text" is text where no column has that name."""
    return frozenset(word.text for word in words(statement) if word.kind in LITERALS or word.kind == "quoted")


def brings_literals(original: str, rewrite: Script) -> bool:
    """Whether the rewrite has a number or text that the original has not, 0 and 1 aside, or makes one of others.

    Without one it can neither hold an answer by heart nor a threshold that only large databases pass.
    """
    return any(brought(original, statement) for statement in (rewrite.query, *rewrite.indexes))


def brought(original: str, statement: str) -> bool:
    """Whether a statement, or a part of one, has a constant that the original has not, 0 and 1 aside."""
    known = _said(original) | {"0", "1"}
    return not (_said(statement) <= known and made_constants(statement) - {"- 0", "- 1"} <= made_constants(original))
