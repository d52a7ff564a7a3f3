"""Conditions that compare something with literals, whatever the operator; what techniques on conditions ask of them.

Types are as declared: a column declared INTEGER holds whole numbers or NULL, one declared TEXT holds text or NULL.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from sqlglot import exp

from sqlopt_env.trees.draft import Draft
from sqlopt_env.trees.schema import Column
from sqlopt_env.trees.selects import comparisons, in_where, replaced, text_value, whole_number

from .base import Application

WHOLE_TYPES = {"INTEGER", "INT", "BIGINT", "SMALLINT"}


@dataclass(frozen=True, slots=True)
class Compared:
    """`side kind literals`; kind is one of = <> < <= > >=, exp.Between or exp.In."""

    node: exp.Expr
    side: exp.Expr
    kind: type[exp.Expr]
    literals: tuple[exp.Expr, ...]

    @property
    def texts(self) -> list[str]:
        """The literals' values where all of them are texts; [] otherwise."""
        texts = [text for literal in self.literals if (text := text_value(literal)) is not None]
        return texts if len(texts) == len(self.literals) else []

    @property
    def whole(self) -> list[int]:
        """The literals' values where all of them are whole numbers; [] otherwise."""
        numbers = [number for literal in self.literals if (number := whole_number(literal)) is not None]
        return numbers if len(numbers) == len(self.literals) else []

    def of(self, side: exp.Expr, literals: Sequence[exp.Expr] | None = None) -> exp.Expr:
        """The same comparison of something else, with these literals or its own."""
        values = [literal.copy() for literal in (self.literals if literals is None else literals)]
        if self.kind is exp.In:
            return exp.In(this=side.copy(), expressions=values)
        if self.kind is exp.Between:
            return exp.Between(this=side.copy(), low=values[0], high=values[1])
        return self.kind(this=side.copy(), expression=values[0])


def compared(select: exp.Select) -> Iterator[Compared]:
    """Every such condition of this SELECT itself, wherever it stands."""
    found: list[tuple[exp.Expr, exp.Expr, type[exp.Expr], list[exp.Expr]]] = [
        (node, left, kind, [right]) for node, left, kind, right in comparisons(select)
    ]
    for between in select.find_all(exp.Between):
        found.append((between, between.this, exp.Between, [between.args["low"], between.args["high"]]))
    for listed in select.find_all(exp.In):
        found.append((listed, listed.this, exp.In, listed.expressions))
    for node, side, kind, literals in found:
        fixed = bool(literals) and all(is_literal(literal) for literal in literals)
        if fixed and not is_literal(side) and node.parent_select is select:
            yield Compared(node, side.unnest(), kind, tuple(literals))


def by_column(draft: Draft, changes: Iterable[tuple[exp.Expr, exp.Expr]]) -> Iterator[Application]:
    """(condition, what it becomes) of one column each: all of a column at once, for an index serves all or none."""
    found: dict[str, list[tuple[exp.Expr, exp.Expr]]] = {}
    for node, new in changes:
        column = new.find(exp.Column)
        assert column is not None
        together = found.setdefault(column.sql(dialect="sqlite"), [])
        if not any(node is other or _is_inside(node, other) or _is_inside(other, node) for other, _ in together):
            together.append((node, new))
    for together in found.values():
        changed = draft
        for node, new in together:
            changed = replaced(changed, node, new)
        yield Application(", ".join(node.sql(dialect="sqlite") for node, _ in together), changed)


def _is_inside(node: exp.Expr, other: exp.Expr) -> bool:
    above = node.parent
    while above is not None and above is not other:
        above = above.parent
    return above is not None


def is_literal(node: exp.Expr) -> bool:
    return isinstance(node.this if isinstance(node, exp.Neg) else node, exp.Literal)


def is_whole(declared: Column | None) -> bool:
    """A column of whole numbers."""
    return declared is not None and declared.type in WHOLE_TYPES


def is_text(declared: Column | None) -> bool:
    """A column of texts that compare byte by byte."""
    if declared is None or declared.collation != "BINARY" or "INT" in declared.type:
        return False
    return any(word in declared.type for word in ("CHAR", "CLOB", "TEXT"))


def lets_through(node: exp.Expr) -> exp.Select | None:
    """The SELECT whose WHERE holds this condition under AND and OR alone: there FALSE and NULL are the same."""
    return in_where(node, exp.Or)


def number_literal(text: str) -> exp.Expr | None:
    """The whole number that SQLite writes as this text; None where it writes none so."""
    known = re.fullmatch(r"0|-?[1-9][0-9]{0,17}", text)
    return exp.convert(int(text)) if known else None


def beginning(column: exp.Expr, texts: Iterable[str]) -> exp.Expr | None:
    """The condition that a text column begins with one of these texts, as ranges; None where one has no end."""
    ranges: list[exp.Expr] = []
    for text in texts:
        end = following(text)
        if end is None:
            return None
        low = exp.GTE(this=column.copy(), expression=exp.Literal.string(text))
        ranges.append(exp.and_(low, exp.LT(this=column.copy(), expression=exp.Literal.string(end)), copy=False))
    return exp.or_(*ranges, copy=False) if ranges else None


def following(text: str) -> str | None:
    """The least text, byte by byte, after all that begin with this one; None where the last character is a rare one."""
    return text[:-1] + chr(ord(text[-1]) + 1) if text and " " <= text[-1] < "\ud7ff" and text[-1] != "\x7f" else None
