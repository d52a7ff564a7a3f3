"""When are two rewrites the same text but for its dress? Used to count distinct rewrites, never to judge one."""

from __future__ import annotations

import hashlib
from functools import lru_cache

import sqlglot
from sqlglot.errors import SqlglotError

from .types import Rewrite


def fingerprint(rewrite: Rewrite) -> str:
    """A short hash, equal for scripts that differ in white space, comments, letter case of keywords and names, or in
    the order and names of their indexes."""
    query = rewrite.query or rewrite.script
    text = "\n".join([*sorted(_index_form(statement) for statement in rewrite.indexes), normal_form(query)])
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


@lru_cache(maxsize=4096)
def normal_form(statement: str) -> str:
    """The statement in one dress; its own text, white space aside, where sqlglot cannot read it."""
    try:
        tree = sqlglot.parse_one(statement, dialect="sqlite")
    except (SqlglotError, RecursionError):
        return " ".join(statement.split())
    return tree.sql(dialect="sqlite", normalize=True, comments=False)


def _index_form(statement: str) -> str:
    """An index without its name."""
    head, on, rest = normal_form(statement).partition(" ON ")
    return on + rest if on else head
