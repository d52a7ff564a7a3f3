"""Conditions that no small database decides both ways: `substr(s, 3, 4) = 'WXYZ'`, `(SELECT count(*) FROM t) < 9000`.

Where a condition was never true (or never false) on any of them, equal results say nothing about it: a rewrite may
leave it out, or bring it, unnoticed. So both queries must say it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from sqlglot import exp
from sqlglot.errors import SqlglotError

from .arena import Arena
from .coverage import Coverage, all_conditions
from .instances.literals import brought
from .parsing import parsed

ALWAYS_THE_SAME = "the original gives the same answer on every database that was made: nothing tells it from a constant"
_LONGEST = 200  # characters of a condition in a sentence
_MIRRORED: dict[type[exp.Expr], type[exp.Expr]] = {
    exp.LT: exp.GT, exp.LTE: exp.GTE, exp.GT: exp.LT, exp.GTE: exp.LTE, exp.EQ: exp.EQ, exp.NEQ: exp.NEQ,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Blind:
    """What a task's small databases do not show: `conditions` that none of them decides, normalised, and whether the
    original's answer on all of them is that on the real database."""

    conditions: tuple[str, ...] = ()
    always_the_same: bool = False

    def __bool__(self) -> bool:
        return bool(self.conditions) or self.always_the_same


class Deciding:
    """Watches the original while instances are tried for its samples."""

    def __init__(self, arena: Arena, query: str) -> None:
        self._arena, self._query = arena, query
        self._coverage = Coverage(arena, (query,), wanted=_may_change)
        self._eager: Coverage | None = None
        self._texts: dict[int, str] = {}  # of conditions, by the identity of their nodes

    @property
    def is_over(self) -> bool:
        return self._coverage.is_complete or not self._left()

    def observe(self) -> None:
        """On the instance that the arena holds."""
        self._coverage.observe()

    def observe_eagerly(self) -> None:
        """The same, but conditions that others imply are computed too."""
        if self._eager is None:
            open_ones = {self._text(node) for node, _, _ in self._coverage.undecided}
            self._eager = Coverage(
                self._arena, (self._query,), wanted=lambda node: normalised(node) in open_ones, eagerly=True
            )
        self._eager.observe()

    def conditions(self) -> tuple[str, ...]:
        """Those that are not decided, normalised; none for a query that cannot be read, or watched."""
        return tuple(dict.fromkeys(self._left())) if self._coverage.is_readable and self._coverage.has_run else ()

    def _left(self) -> list[str]:
        open_ones = self._open(self._coverage)
        if self._eager is not None and self._eager.has_run:
            still = set(self._open(self._eager))
            return [condition for condition in open_ones if condition in still]
        return open_ones

    def _open(self, coverage: Coverage) -> list[str]:
        """What the schema promises (that a key is there to which a row refers) need not be false anywhere."""
        return [self._text(node) for node, met, _ in coverage.undecided if not (met and _asks_for_rows(node))]

    def _text(self, node: exp.Expr) -> str:
        if id(node) not in self._texts:
            self._texts[id(node)] = normalised(node)
        return self._texts[id(node)]


def _asks_for_rows(node: exp.Expr) -> bool:
    return isinstance(node, exp.Exists) or (isinstance(node, exp.In) and node.args.get("query") is not None)


def _may_change(condition: exp.Expr) -> bool:
    """Whether a small database may decide it at all: a NOT NULL may hinder it, and virtual tables stay empty."""
    if isinstance(condition, exp.Match):
        return False
    if isinstance(condition, exp.Is) and isinstance(condition.expression, exp.Null):
        return False
    return condition.find(exp.Column, exp.Query, exp.AggFunc) is not None


def left_out(blind: Blind, rewrite: str) -> str:
    """The first of the conditions that the rewrite does not say, or ""."""
    if not blind.conditions:
        return ""
    said = said_conditions(rewrite)
    return next((condition for condition in blind.conditions if condition not in said), "")


@lru_cache(maxsize=32)
def said_conditions(query: str) -> frozenset[str]:
    """All conditions of a query, normalised; none where sqlglot cannot read it."""
    tree = parsed(query)
    if tree is None:
        return frozenset()
    try:
        return frozenset(normalised(node) for node in all_conditions(tree.copy()))
    except (SqlglotError, RecursionError):
        return frozenset()


def normalised(condition: exp.Expr) -> str:
    """A condition's text, the same whatever its tables are called and whichever way round a comparison stands."""
    bare = condition.transform(_plain)
    mirrored = _MIRRORED.get(type(bare))
    if mirrored is not None and bare.this.find(exp.Column, exp.Query, exp.AggFunc) is None:
        bare = mirrored(this=bare.expression, expression=bare.this)
    return str(bare.sql(dialect="sqlite"))


def _plain(node: exp.Expr) -> exp.Expr:
    if isinstance(node, exp.Column) and isinstance(node.this, exp.Identifier):
        return exp.column(exp.to_identifier(node.name.lower()))
    if isinstance(node, exp.Table):
        return exp.Table(this=exp.to_identifier(node.name.lower()))
    return node.this if isinstance(node, exp.Paren) and isinstance(node.this, exp.Column | exp.Literal) else node


def brought_conditions(arena: Arena, original: str, rewrite: str) -> Coverage | None:
    """Watches those of the rewrite's conditions that hold a constant of its own; None where it cannot be read."""
    known = said_conditions(original)
    tree = parsed(original)
    written = f"{original} {tree.sql(dialect='sqlite')}" if tree is not None else original  # as sqlglot writes it

    def is_brought(condition: exp.Expr) -> bool:
        if not _may_change(condition) or normalised(condition) in known:
            return False
        return brought(written, str(condition.sql(dialect="sqlite")))

    coverage = Coverage(arena, (rewrite,), wanted=is_brought)
    return coverage if coverage.is_readable else None


def unproved(whose: str, condition: str, ending: str = "") -> str:
    short = condition if len(condition) <= _LONGEST else condition[: _LONGEST - 3] + "..."
    return f"no small database decides whether {whose}{short} holds{ending}"
