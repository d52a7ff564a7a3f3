"""A copy of a database with many indexes at once, to see which of them SQLite takes for a query.

Without ANALYZE SQLite plans by the schema alone, so that the indexes which it takes among many it takes as well when
there are no others. Building takes seconds on large tables; the pool is built once and serves thousands of queries.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .copies import Copy
from .plan import explain


@dataclass(frozen=True, slots=True)
class IndexPool:
    """`statements` by the names of their indexes, and what each costs: CPU seconds, or millions of steps."""

    copy: Copy
    statements: dict[str, str]
    costs: dict[str, float]

    def taken(self, query: str) -> list[str]:
        """The names of the indexes in the plan of a vetted query, in their order of building."""
        words = {word for _, detail in explain(self.copy.connection, query).steps for word in detail.split()}
        return [name for name in self.statements if name in words]


def build_pool(source: Copy, statements: Sequence[str], seconds: float) -> IndexPool:
    """The pool of these CREATE INDEX statements; the third word of each is its name. Raises Refusal."""
    copy = source.duplicate()
    try:
        named = {statement.split()[2]: statement for statement in statements}
        costs = {name: copy.build([statement], seconds).amount for name, statement in named.items()}
        copy.hold_all()
    except BaseException:
        copy.close()
        raise
    return IndexPool(copy, named, costs)
