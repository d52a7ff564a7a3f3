"""A comparison of a text's beginning becomes a range of the text itself, which an index can search.

    WHERE substr(u.name, 1, 3) = 'Ana' -> WHERE u.name >= 'Ana' AND u.name < 'Anb'
    WHERE instr(u.name, 'Ana') = 1     -> the same
    WHERE u.phone LIKE '+43%'          -> WHERE u.phone >= '+43' AND u.phone < '+44'
    WHERE u.phone LIKE '+43%7'         -> WHERE u.phone >= '+43' AND u.phone < '+44' AND u.phone LIKE '+43%7'

Valid for columns that hold text or NULL, of BINARY collation: between the bounds lie exactly the texts that begin so.
LIKE does not tell ASCII letters of different case apart, so that its beginning must have none, and no ESCAPE may
follow. (GLOB, which does, SQLite turns into a range by itself.)
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft, own_nodes
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import schema_column, selects, text_value, whole_number

from .base import Application
from .compared import Compared, beginning, by_column, compared, is_text

NAME = "prefix_to_range"
KIND = "redundancy"


def applications(draft: Draft, schema: Schema) -> Iterator[Application]:
    yield from by_column(draft, _changes(draft, schema))


def _changes(draft: Draft, schema: Schema) -> Iterator[tuple[exp.Expr, exp.Expr]]:
    for select in selects(draft):
        found = [(test.node, *_cut(test)) for test in compared(select)]
        found += [(node, *_liked(node)) for node in own_nodes(select, exp.Like)]
        for node, column, texts, more in found:
            new = beginning(column, texts) if is_text(schema_column(column, select, schema)) else None
            if new is not None:
                yield node, exp.and_(new, node.copy(), copy=False) if more else new


def _cut(test: Compared) -> tuple[exp.Expr, list[str], bool]:
    """(side, beginnings, False) of substr(x, 1, n) = 'abc', of IN over such texts, and of instr(x, 'abc') = 1."""
    side, nothing = test.side, (test.side, list[str](), False)
    if isinstance(side, exp.StrPosition) and test.kind is exp.EQ and test.whole == [1]:
        simple = {key for key, value in side.args.items() if value} == {"this", "substr"}
        text = text_value(side.args["substr"])
        return (side.this, [text], False) if simple and text else nothing
    if not isinstance(side, exp.Substring) or test.kind not in (exp.EQ, exp.In):
        return nothing
    length = whole_number(side.args.get("length"))
    begins = whole_number(side.args.get("start")) == 1 and length and all(len(text) == length for text in test.texts)
    return (side.this, test.texts, False) if begins else nothing


def _liked(node: exp.Expr) -> tuple[exp.Expr, list[str], bool]:
    """(side, [beginning], whether the pattern says more) of x LIKE 'abc%'."""
    pattern = text_value(node.expression) or ""
    fixed = re.match(r"[^%_]*", pattern)
    text = fixed.group() if fixed else ""
    escaped = isinstance(node.parent, exp.Escape) or node.args.get("negate")
    if escaped or not text or text == pattern or re.search(r"[A-Za-z]", text):
        return node.this, [], False
    return node.this, [text], pattern != f"{text}%"
