"""Parses a query with sqlglot, and refuses what sqlglot reads with loss."""

from __future__ import annotations

import re

import sqlglot
from sqlglot import TokenType, exp

from .algebra import NotUnderstood

_LONGEST = 5_000  # characters: some steps take quadratic time
_SEPARATED = re.compile(r"(?<!\w)\d+_\d")  # 1_000, which sqlglot takes for 1 AS _000

# What may stand before a binary plus; before any other token it is a unary one, which takes affinity away.
_OPERAND_ENDS = frozenset(
    (
        TokenType.VAR,
        TokenType.IDENTIFIER,
        TokenType.NUMBER,
        TokenType.STRING,
        TokenType.R_PAREN,
        TokenType.END,
        TokenType.NULL,
        TokenType.TRUE,
        TokenType.FALSE,
    )
)


def parsed(text: str) -> exp.Expr:
    """Raises NotUnderstood, or sqlglot's own errors."""
    if len(text) > _LONGEST:
        raise NotUnderstood("a long query")
    if "+" in text:
        sequence = sqlglot.tokenize(text, read="sqlite")
        for before, token in zip([None, *sequence], sequence, strict=False):
            if token.token_type == TokenType.PLUS and (before is None or before.token_type not in _OPERAND_ENDS):
                raise NotUnderstood("a unary plus")
    if _SEPARATED.search(text):
        raise NotUnderstood("a number with separators")
    tree = sqlglot.parse_one(text, read="sqlite")
    if not text.isascii() and any(not name.name.isascii() for name in tree.find_all(exp.Identifier)):
        raise NotUnderstood("names whose case SQLite distinguishes")
    return tree
