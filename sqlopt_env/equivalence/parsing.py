"""Queries as sqlglot's trees: they guide and explain, and decide nothing that SQLite can decide."""

from __future__ import annotations

from functools import lru_cache

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError


@lru_cache(maxsize=256)
def parsed(query: str) -> exp.Expr | None:
    """The query's tree, shared by all callers and so not to be changed; None where sqlglot cannot read it."""
    try:
        return sqlglot.parse_one(query, dialect="sqlite")
    except (SqlglotError, RecursionError):
        return None
