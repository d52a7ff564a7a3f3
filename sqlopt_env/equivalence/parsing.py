"""Queries as sqlglot's trees: they guide and explain, and decide nothing that SQLite can decide."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from sqlglot import exp
from sqlglot.dialects.sqlite import SQLite
from sqlglot.errors import SqlglotError
from sqlglot.parsers.sqlite import SQLiteParser

_DIALECT = SQLite()
_RETREATS_A_TOKEN, _RETREATS_ALWAYS = 8, 1000


@lru_cache(maxsize=32)  # the longest take many megabytes
def parsed(query: str) -> exp.Expr | None:
    """The query's tree, shared by all callers and so not to be changed; None where sqlglot cannot read it."""
    try:
        tokens = _DIALECT.tokenize(query)
        trees = _Parser(len(tokens), dialect=_DIALECT).parse(tokens, query)
    except (SqlglotError, RecursionError, _Impatience):
        return None
    return trees[0] if len(trees) == 1 else None


class _Impatience(Exception):
    """Not an error of sqlglot's, which it would take for another try that failed."""


class _Parser(SQLiteParser):
    """Gives up where it tries again and again: on `date(date(date(...` sqlglot's time grows exponentially."""

    def __init__(self, tokens: int, **options: Any) -> None:
        super().__init__(**options)
        self._patience = _RETREATS_ALWAYS + _RETREATS_A_TOKEN * tokens

    def _retreat(self, index: int) -> None:
        self._patience -= 1
        if self._patience < 0:
            raise _Impatience
        super()._retreat(index)
