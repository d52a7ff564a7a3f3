"""When are two rewrites the same text but for its dress? Used to count distinct rewrites, never to judge one."""

from __future__ import annotations

import hashlib
from functools import lru_cache

import sqlglot
from sqlglot import TokenType
from sqlglot.errors import SqlglotError

from .types import Rewrite


def fingerprint(rewrite: Rewrite) -> str:
    """A short hash, equal for scripts that differ in white space, comments, letter case of keywords and names, or in
    the order and names of their indexes."""
    query = normal_form(rewrite.query or rewrite.script)
    indexes = sorted(_index_form(statement, query) for statement in rewrite.indexes)
    text = "\n".join([*indexes, query])
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


@lru_cache(maxsize=4096)
def normal_form(statement: str) -> str:
    """The statement's tokens in lower case, one space apart; texts as they are.

    Tokens and not a tree: a unary plus, which SQLite takes as a hint, is lost in sqlglot's.
    """
    try:
        tokens = sqlglot.tokenize(statement, dialect="sqlite")
    except (SqlglotError, RecursionError):
        return " ".join(statement.split())
    texts = (repr(t.text) if t.token_type is TokenType.STRING else t.text.lower() for t in tokens)
    return " ".join(text for text in texts if text != ";")


def _index_form(statement: str, query: str) -> str:
    """An index without its name, unless the query calls it by it."""
    form = normal_form(statement)
    head, on, rest = form.partition(" on ")
    return form if not on or head.split()[-1] in query.split() else rest
