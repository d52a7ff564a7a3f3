"""Renames what is said about SQL: the names in techniques and explanations, among words that only look like names."""

from __future__ import annotations

import re

from ..databases.naming import folded
from ..databases.renaming import Renaming

_WORD = re.compile(r"(?<![\w'])[^\W\d]\w*")
_QUALIFIES = re.compile(r"\.\w")


def renamed_prose(text: str, renaming: Renaming) -> str:
    """The text with the names of tables and columns exchanged wherever they stand, also at a sentence's beginning.

    Of a query's own names only those that cannot be an ordinary word are exchanged: `order_count`, and `o` in
    `o.amount`.
    """
    of_schema = {folded(name) for name in [*renaming.tables, *(column for _, column in renaming.columns)]}

    def exchanged(match: re.Match[str]) -> str:
        word, low = match[0], folded(match[0])
        new = renaming.names.get(low)
        if new is None:
            return word
        is_told = (low in of_schema and word in (low, low.capitalize())) or "_" in word
        if not is_told and not _QUALIFIES.match(text, match.end()):
            return word
        return new[0].upper() + new[1:] if word[0].isupper() else new

    return _WORD.sub(exchanged, text)
