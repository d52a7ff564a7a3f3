"""What a shape is: a kind of query that people ask, drawn over any database that has what it needs.

A shape is a module of this package with `NAME`, a docstring that shows one such query, and one function `draw(pen)`,
which writes a query in its *good* form, or None where the database, or this draw, has no place for it. Every column
carries the alias of its source, so that pessimisers can read the query. Its answer must be determined: what is cut by
LIMIT has a total order, and no column is taken from any row of a group.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from ..pen import Pen


@dataclass(frozen=True, slots=True)
class Sketch:
    """A query in its good form, and in a sentence what it asks."""

    sql: str
    description: str


class Shape(Protocol):
    """The shape of a shape's module."""

    NAME: str

    def draw(self, pen: Pen) -> Sketch | None: ...
