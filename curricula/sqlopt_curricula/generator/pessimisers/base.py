"""What a pessimiser is: the inverse of a rewrite technique, which makes a query slower and leaves it the same query.

A pessimiser is a module of this package with `NAME`, a docstring that shows the change and says when it is valid, and
one pure function `applications(draft, schema)`, which yields a slower draft for every place where it applies. It never
changes the tree that it is given. Valid means: on every database that the schema allows, as SQLite reads it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from sqlopt_env.trees.draft import Draft
from sqlopt_env.trees.schema import Schema


class Pessimiser(Protocol):
    """The shape of a pessimiser's module."""

    NAME: str

    def applications(self, draft: Draft, schema: Schema) -> Iterator[Draft]: ...
