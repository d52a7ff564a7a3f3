"""A statement cut into words as SQLite's own tokenizer cuts it: exact, and in a fraction of the time of a tree."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

# https://sqlite.org/src/file?name=src/tokenize.c: every character beyond ASCII is a letter there, but U+FEFF is white
# space where a word begins. A vertical tab is white space only behind other white space. What is never closed goes on
# to the end, and nothing is tried twice (`*+`), so that cutting takes a time in proportion to the length.
_LETTER = r"[\w$\x80-\U0010ffff]"
_NUMBER = r"(?:0[xX][\da-fA-F][\da-fA-F_]*+|(?:\d[\d_]*+(?:\.[\d_]*+)?+|\.\d[\d_]*+)(?:[eE][+-]?\d[\d_]*+)?+)"
_WORD = re.compile(
    rf"""(?P<blob>[xX]'(?:[\da-fA-F]{{2}})*+')
    |(?P<name>(?![xX]')[A-Za-z_\x80-\ufefe\uff00-\U0010ffff]{_LETTER}*+)
    |(?P<ignored>[ \t\n\f\r]\s*+|\ufeff++|--[^\n]*+|/\*(?!\Z).*?(?:\*/|\Z))
    |(?P<number>{_NUMBER}(?!{_LETTER}))
    |(?P<text>'[^']*+(?:''[^']*+)*+')
    |(?P<quoted>"[^"]*+(?:""[^"]*+)*+"|`[^`]*+(?:``[^`]*+)*+`|\[[^\]]*+\])
    |(?P<sign>->>?|\|\|?|<[<=>]?|>[>=]?|!=|==?|[-+*/%&~(),;.])
    |(?P<other>{_NUMBER}{_LETTER}++|[xX]'[^']*+(?:'|\Z)|['"`\[].*+|\?\d*+|[$@\#:]{_LETTER}*+|.)""",
    re.DOTALL | re.VERBOSE | re.ASCII,
)


class Word(NamedTuple):
    """`kind` is name (keywords too), quoted (a name; text where nothing has that name), text, blob, number, sign, or
    other: what no statement may hold here, such as `439ORDER`, a quote that is never closed, and parameters.

    `text` is what stands in its quotes, else the word as it is written; it begins at `start` and ends before `end`.
    """

    kind: str
    text: str
    start: int
    end: int

    def is_word(self, *names: str) -> bool:
        """Whether it is one of these keywords, given in upper case."""
        return self.kind == "name" and self.text.upper() in names

    def is_sign(self, *signs: str) -> bool:
        return self.kind == "sign" and self.text in signs


@lru_cache(maxsize=16)  # the longest statements take megabytes
def words(statement: str) -> tuple[Word, ...]:
    """The statement's words, without comments and white space."""
    return tuple(_cut(statement))


def _cut(statement: str) -> Iterator[Word]:
    for match in _WORD.finditer(statement):
        kind, text = match.lastgroup, match[0]
        if kind == "ignored" or kind is None:
            continue
        if kind == "text" or (kind == "quoted" and text[0] != "["):
            text = text[1:-1].replace(text[0] * 2, text[0])
        elif kind == "quoted":
            text = text[1:-1]
        elif kind == "blob":
            text = text[2:-1]
        yield Word(kind, text, match.start(), match.end())


def plain_text(statement: str) -> str:
    """The statement without comments, its words one space apart: other texts where SQLite sees other words.

    White space may matter to SQLite all the same: it calls a column `a + b` of a subquery by the text as it stands.
    """
    said = words(statement)
    first, last = 0, len(said)
    while first < last and said[first].is_sign(";"):
        first += 1
    while first < last and said[last - 1].is_sign(";"):
        last -= 1
    return " ".join(statement[word.start : word.end] for word in said[first:last])


def outermost(statement: str) -> Iterator[Word]:
    """Its words outside of all parentheses: the outermost query's own."""
    depth = 0
    for word in words(statement):
        if word.kind == "sign":
            depth -= word.text == ")"
        if depth == 0:
            yield word
        if word.kind == "sign":
            depth += word.text == "("
