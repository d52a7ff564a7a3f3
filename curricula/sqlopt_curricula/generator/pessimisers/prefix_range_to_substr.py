"""A range of all texts with one beginning becomes a comparison of that beginning.

    WHERE u.name >= 'Ana' AND u.name < 'Anb' -> WHERE SUBSTR(u.name, 1, 3) = 'Ana'

Valid for columns that hold text or NULL, of BINARY collation, when the upper bound is the lower one with the next ASCII
character in the last place: between them lie exactly the texts that begin with the lower bound. A BLOB is greater than
every text, and so in neither. SQLite searches no index of the bare column for it.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft
from sqlopt_env.trees.schema import Schema

from .conditions import ranges

NAME = "prefix_range_to_substr"


def applications(draft: Draft, schema: Schema) -> Iterator[Draft]:
    for found in ranges(draft, schema):
        lows, highs = found.lower.texts, found.upper.texts
        if lows and highs and not found.starts_after and found.ends_before and highs[-1] == _following(lows[0]):
            first = exp.Substring(this=found.column.copy(), start=exp.convert(1), length=exp.convert(len(lows[0])))
            yield found.replaced(exp.EQ(this=first, expression=exp.Literal.string(lows[0])))


def _following(text: str) -> str | None:
    """The least text after all that begin with this one; None where its last character has no plain successor."""
    return text[:-1] + chr(ord(text[-1]) + 1) if text and " " <= text[-1] < "~" else None
