"""Reads the conditions of a WHERE that compare a column with literals: one by one, by column, and as ranges."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

from sqlglot import exp

from sqlopt_env.trees.draft import Draft, conjuncts
from sqlopt_env.trees.schema import Column, Schema
from sqlopt_env.trees.selects import comparisons, in_where, replaced, schema_column, selects, text_value, whole_number

_WHOLE_TYPES = {"INTEGER", "INT", "BIGINT", "SMALLINT"}
_SMALL = 10**12  # far from the rim of 64 bits, and exact as a float


@dataclass(frozen=True, slots=True)
class Test:
    """`column kind literals` in a WHERE under AND and OR alone; kind is = < <= > >=, exp.Between or exp.In.

    Under NOT, and for <>, SQLite searches no index, so that there is nothing to make slower.
    """

    node: exp.Expr
    column: exp.Column
    declared: Column
    kind: type[exp.Expr]
    literals: tuple[exp.Expr, ...]

    @property
    def whole(self) -> list[int]:
        """The literals of an INTEGER column, which holds whole numbers or NULL; [] for any other test."""
        numbers = [whole_number(literal) for literal in self.literals]
        small = [number for number in numbers if number is not None and abs(number) <= _SMALL]
        return small if is_whole(self.declared) and len(small) == len(numbers) else []

    @property
    def texts(self) -> list[str]:
        """The literals of a column that holds text or NULL and compares byte by byte; [] for any other test."""
        texts = [text for literal in self.literals if (text := text_value(literal)) is not None]
        return texts if is_binary_text(self.declared) and len(texts) == len(self.literals) else []

    @property
    def days(self) -> list[str]:
        """The literals of a column of ISO dates; [] for any other test."""
        texts = [text for literal in self.literals if (text := text_value(literal)) is not None]
        return texts if self.declared.iso_date and len(texts) == len(self.literals) else []

    def of(self, side: exp.Expr, values: Iterable[int | str]) -> exp.Expr:
        """The same test of something else against other values."""
        literals = [exp.convert(value) for value in values]
        if self.kind is exp.In:
            return exp.In(this=side, expressions=literals)
        if self.kind is exp.Between:
            return exp.Between(this=side, low=literals[0], high=literals[1])
        return self.kind(this=side, expression=literals[0])


def is_whole(declared: Column) -> bool:
    return declared.type in _WHOLE_TYPES


def is_binary_text(declared: Column) -> bool:
    textual = any(word in declared.type for word in ("CHAR", "CLOB", "TEXT")) and "INT" not in declared.type
    return textual and declared.collation == "BINARY"


def tests(select: exp.Select, schema: Schema) -> Iterator[Test]:
    """Every test in the WHERE of this SELECT itself that an index could serve."""
    found: list[tuple[exp.Expr, exp.Expr, type[exp.Expr], list[exp.Expr]]] = [
        (node, left, kind, [right]) for node, left, kind, right in comparisons(select) if kind is not exp.NEQ
    ]
    for between in select.find_all(exp.Between):
        found.append((between, between.this, exp.Between, [between.args["low"], between.args["high"]]))
    for listed in select.find_all(exp.In):
        found.append((listed, listed.this, exp.In, listed.expressions))
    for node, column, kind, literals in found:
        declared = schema_column(column, select, schema)
        plain = all(isinstance(part, exp.Literal | exp.Neg) for literal in literals for part in literal.walk())
        if not isinstance(column, exp.Column) or declared is None or not literals or not plain:
            continue
        if in_where(node, exp.Or) is select:
            yield Test(node, column, declared, kind, tuple(literals))


@lru_cache(maxsize=16)  # a dozen pessimisers ask about the same draft
def searched_columns(draft: Draft, schema: Schema) -> list[list[Test]]:
    """All the tests of one column in one WHERE."""
    found: list[list[Test]] = []
    for select in selects(draft):
        by_column: dict[str, list[Test]] = {}
        for test in tests(select, schema):
            by_column.setdefault(test.column.sql(dialect="sqlite"), []).append(test)
        found += by_column.values()
    return found


def with_tests(draft: Draft, changed: Iterable[tuple[Test, exp.Expr]]) -> Draft:
    """The draft with each of these tests replaced."""
    for test, new in changed:
        draft = replaced(draft, test.node, new)
    return draft


@dataclass(frozen=True, slots=True)
class Range:
    """`column >= low AND column < high`, each bound strict or not, or the same as BETWEEN."""

    draft: Draft
    lower: Test
    upper: Test
    column: exp.Column
    low: exp.Expr
    high: exp.Expr

    @property
    def starts_after(self) -> bool:
        return self.lower.kind is exp.GT

    @property
    def ends_before(self) -> bool:
        return self.upper.kind is exp.LT

    def replaced(self, new: exp.Expr) -> Draft:
        if self.lower is self.upper:
            return replaced(self.draft, self.lower.node, new)
        top = _chain(self.lower.node)
        assert top is not None
        parts = [
            new if part is self.lower.node else part.copy() for part in conjuncts(top) if part is not self.upper.node
        ]
        return replaced(self.draft, top, exp.and_(*parts, copy=False))


def ranges(draft: Draft, schema: Schema) -> Iterator[Range]:
    """Every range of a column between two literals."""
    for found in searched_columns(draft, schema):
        for test in found:
            if test.kind is exp.Between:
                yield Range(draft, test, test, test.column, *test.literals)
        lower = [test for test in found if test.kind in (exp.GT, exp.GTE) and _chain(test.node)]
        upper = [test for test in found if test.kind in (exp.LT, exp.LTE)]
        for one, other in product(lower, upper):
            if _chain(one.node) is _chain(other.node):
                yield Range(draft, one, other, one.column, one.literals[0], other.literals[0])


def _chain(node: exp.Expr) -> exp.And | None:
    """The whole AND chain in which a condition stands."""
    top = None
    while isinstance(node.parent, exp.And | exp.Paren):
        node = node.parent
        top = node if isinstance(node, exp.And) else top
    return top
