"""A copy of a database with many indexes at once, to see which of them SQLite takes for a query.

Without ANALYZE SQLite plans by the schema alone, so that the indexes which it takes among many it nearly always takes
as well when there are no others. Building takes seconds on large tables; the pool is built once and serves thousands
of queries.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import apsw

from .copies import Copy, failure
from .script import Refusal
from .steps import count_steps

_OPENING = ("OpenRead", "ReopenIdx")  # what opens an index to read it, in SQLite's programs


@dataclass(frozen=True, slots=True)
class PooledIndex:
    """`steps` are those of building it."""

    statement: str
    steps: int


@dataclass(frozen=True, slots=True)
class IndexPool:
    """`indexes` by their root pages, in their order of building. A context manager, which closes the copy."""

    copy: Copy
    indexes: dict[int, PooledIndex]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.copy.close()

    def taken(self, query: str) -> list[PooledIndex]:
        """The indexes that a vetted query reads, in their order of building."""
        # By root page, and not by the plan's words: tables may have aliases that are names of indexes.
        program = self.copy.connection.execute(f"EXPLAIN {query}", can_cache=False)
        opened = {int(str(root)) for _, opcode, _, root, *_ in program if opcode in _OPENING}
        return [index for root, index in self.indexes.items() if root in opened]


def build_pool(source: Copy, statements: Sequence[str], seconds: float) -> IndexPool:
    """The pool of these vetted CREATE INDEX statements, each of which may take so many seconds. Raises Refusal."""
    copy = source.duplicate()
    try:
        known = len(_roots(copy))
        built = [PooledIndex(statement, _build(copy, statement, seconds)) for statement in statements]
        roots = _roots(copy)[known:]
        if len(roots) != len(built):  # IF NOT EXISTS
            raise Refusal("invalid", "one of them has been there before")
        copy.hold_all()
    except BaseException:
        copy.close()
        raise
    return IndexPool(copy, dict(zip(roots, built, strict=True)))


def _build(copy: Copy, statement: str, seconds: float) -> int:
    try:
        with copy.budget(seconds), copy.authorizer.guarded():
            return count_steps(copy.connection, statement)
    except apsw.InterruptError:
        raise Refusal("timeout", f"building one takes longer than {seconds:g} s") from None
    except apsw.Error as error:
        raise failure(error) from None


def _roots(copy: Copy) -> list[int]:
    """The root pages of all indexes, in their order of building."""
    found = copy.connection.execute("SELECT rootpage FROM main.sqlite_schema WHERE type = 'index' ORDER BY rowid")
    return [int(str(root)) for (root,) in found]
