"""What a rewrite technique is.

A technique is a module of this package with `NAME`, `KIND` (one of KINDS), a docstring that shows the rewrite and says
when it is valid, and one pure function `applications(draft, schema)`, which yields every place where it applies
together with the draft that results. Techniques never change the tree that they are given.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from sqlopt_env.trees.draft import Draft
from sqlopt_env.trees.schema import Schema

INDEXING = "indexing"
KINDS = (INDEXING, "join", "projection", "limit", "redundancy")


@dataclass(frozen=True, slots=True)
class Application:
    """A technique applied at one place: `target` names the place, `draft` is the outcome."""

    target: str
    draft: Draft


class Rule(Protocol):
    """The shape of a technique's module."""

    NAME: str
    KIND: str

    def applications(self, draft: Draft, schema: Schema) -> Iterator[Application]: ...
