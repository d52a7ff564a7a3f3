"""A pair of queries that skip more rows than small databases have, with a smaller OFFSET in both.

`LIMIT 50 OFFSET 30000` returns nothing on any of them. Where OFFSET 3 is said in its place, and 53 for the 30050th row,
there is something to compare. That refutes nothing: but only if it agrees are both taken for tested.
"""

from __future__ import annotations

from itertools import pairwise

from ..sqlite.words import Word, words
from .instances.literals import LARGEST_LIMIT, number

_SKIPPED = 3
_AROUND = 1000  # rows beyond an OFFSET of which a number may speak


def with_smaller_offsets(original: str, rewrite: str) -> tuple[str, str] | None:
    """Both queries, None where the original has no such OFFSET."""
    offsets = [offset for offset in _offsets(original) if offset > LARGEST_LIMIT]
    if not offsets:
        return None
    return _smaller(original, min(offsets)), _smaller(rewrite, min(offsets))


def _offsets(query: str) -> list[int]:
    """Plain numbers after OFFSET, or after LIMIT and before a comma."""
    said = words(query)
    found = [_number(after) for word, after in pairwise(said) if word.is_word("OFFSET")]
    triples = zip(said, said[1:], said[2:], strict=False)
    found += [_number(after) for word, after, sign in triples if word.is_word("LIMIT") and sign.is_sign(",")]
    return [value for value in found if value is not None]


def _smaller(query: str, offset: int) -> str:
    parts, end = [], 0
    for word in words(query):
        value = _number(word)
        if value is not None and -1 <= value - offset <= _AROUND:
            parts += [query[end : word.start], str(value - offset + _SKIPPED)]
            end = word.end
    return "".join([*parts, query[end:]])


def _number(word: Word) -> int | None:
    value = number(word.text) if word.kind == "number" else None
    return value if isinstance(value, int) else None
