"""A text column that is compared with text is joined with the empty text first.

    WHERE u.name = 'Ana Silva' -> WHERE u.name || '' = 'Ana Silva'

Valid for columns that hold text or NULL, of BINARY collation (an expression has no other), compared with text literals
alone: the column's affinity, which would turn a number into text, goes too. All the comparisons of the column change
alike, or an index would still serve one of them; SQLite searches none for an expression.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft
from sqlopt_env.trees.schema import Schema

from .conditions import Test, searched_columns, with_tests

NAME = "text_through_concat"


def applications(draft: Draft, schema: Schema) -> Iterator[Draft]:
    for found in searched_columns(draft, schema):
        if all(test.texts for test in found):
            yield with_tests(draft, [(test, test.of(_joined(test), test.texts)) for test in found])


def _joined(test: Test) -> exp.Expr:
    return exp.DPipe(this=test.column.copy(), expression=exp.Literal.string(""), safe=True)
