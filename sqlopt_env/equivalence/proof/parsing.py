"""Parses a query with sqlglot, and refuses what sqlglot reads with loss."""

from __future__ import annotations

import re

import sqlglot
from sqlglot import Parser, Token, TokenType, exp

from ..parsing import parsed as read
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
# After these a text is the name of an output or a table. sqlglot takes `text 'x'` for a CAST.
_NAMES = frozenset((TokenType.VAR, TokenType.IDENTIFIER, *Parser.TYPE_TOKENS))


_TYPE_NAMES = frozenset(("INTEGER", "INT", "BIGINT", "TEXT", "VARCHAR", "CHAR", "REAL", "DOUBLE", "FLOAT", "NUMERIC"))


def _cast_types(sequence: list[Token]) -> set[str]:
    """The first words of the types in CAST(... AS type)."""
    found: set[str] = set()
    depths: list[int] = []  # of the parentheses of CASTs that are open
    depth = 0
    for i, token in enumerate(sequence):
        if token.token_type == TokenType.L_PAREN:
            depth += 1
            if i and sequence[i - 1].text.upper() == "CAST":
                depths.append(depth)
        elif token.token_type == TokenType.R_PAREN:
            if depths and depths[-1] == depth:
                depths.pop()
            depth -= 1
        elif token.text.upper() == "AS" and depths and depths[-1] == depth and i + 1 < len(sequence):
            found.add(sequence[i + 1].text.upper())
    return found


def parsed(text: str) -> exp.Expr:
    """Raises NotUnderstood, or sqlglot's own errors."""
    if len(text) > _LONGEST:
        raise NotUnderstood("a long query")
    sequence = sqlglot.tokenize(text, read="sqlite")
    for before, token in zip([None, *sequence], sequence, strict=False):
        if token.token_type == TokenType.PLUS and (before is None or before.token_type not in _OPERAND_ENDS):
            raise NotUnderstood("a unary plus")
        if before is None:
            continue
        if token.token_type == TokenType.STRING and before.token_type in _NAMES:
            raise NotUnderstood("a text as a name")
        if token.token_type == TokenType.L_PAREN and before.text.lower() == "mod":
            raise NotUnderstood("mod, which is not %")
    if _cast_types(sequence) - _TYPE_NAMES:
        raise NotUnderstood("a type name that sqlglot and SQLite may take for different ones")
    if _SEPARATED.search(text):
        raise NotUnderstood("a number with separators")
    shared = read(text)
    if shared is None:
        raise NotUnderstood("what sqlglot cannot read")
    tree = shared.copy()
    if not text.isascii() and any(not name.name.isascii() for name in tree.find_all(exp.Identifier)):
        raise NotUnderstood("names whose case SQLite distinguishes")
    return tree
