"""New names for old ones, as a person would give them: other words, in another style of writing.

The same words of a database become the same other words under one seed, so that `users` and `user_id` still belong
together as `customers` and `customer_id`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Set
from itertools import chain, count, product
from string import ascii_lowercase, ascii_uppercase

import apsw

from ..sqlite.authorizer import FUNCTIONS
from .synonyms import BY_DOMAIN, COMMON

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Za-z][a-z]*|[0-9]+|[^\W_0-9]+")
_VOWELS = re.compile(r"[aeiou]|(.)(?=\1)")  # and the first of a doubled letter
_BEFORE, _BEHIND = ("the", "own", "given", "known"), ("info", "value", "data", "field", "entry")
_CHOICES = 4  # of other words, before a name is decorated instead
# Names that say something to SQLite wherever they stand; types and collations among them.
_SPECIAL = frozenset(
    """
    rowid oid _rowid_ main temp true false excluded new old integer int tinyint smallint mediumint bigint unsigned text
    char character varchar nchar nvarchar native varying clob string real double precision float numeric decimal
    boolean blob any date datetime binary nocase rtrim json_each json_tree jsonb_each jsonb_tree generate_series
    """.split()
)
_KEYWORDS = frozenset(keyword.lower() for keyword in apsw.keywords)
_PREFIXES = ("sqlite_", "pragma_", "sqlopt_")


_FOLDED = str.maketrans(ascii_uppercase, ascii_lowercase)


def folded(name: str) -> str:
    """Equal for names that are one to SQLite: it takes no notice of the case of ASCII letters, and of theirs alone."""
    return name.translate(_FOLDED)


def is_reserved(name: str) -> bool:
    """Whether a name means something to SQLite by itself: keywords, functions, types, rowid. It is never renamed, and
    no new name is such a one."""
    low = folded(name)
    return low in _KEYWORDS or low in FUNCTIONS or low in _SPECIAL or low.startswith(_PREFIXES)


class Namer:
    """Names for the database `domain` under one seed. The same old name gets the same new one, whoever else is named,
    as long as that one is free."""

    def __init__(self, domain: str, seed: int) -> None:
        self._domain, self._seed = domain, seed
        self._synonyms = COMMON | BY_DOMAIN.get(domain, {})
        self._style = _STYLES[(seed - 1) % len(_STYLES)]

    def table(self, name: str, taken: Set[str]) -> str:
        """A new name for a table; `taken` holds those that it may not be, in lower case."""
        prefix, style, _ = self._style
        return self._first_free(name, taken, lambda words: prefix + style(words))

    def column(self, name: str, taken: Set[str]) -> str:
        """The same for a column, or for anything that a query names itself."""
        return self._first_free(name, taken, self._style[2])

    def letter(self, name: str, table: str, taken: Set[str]) -> str:
        """A short alias for a short alias: the new initial where `table` is what it stands for, else any letter."""
        initial = [letter for letter in table[:1].lower() if letter in ascii_lowercase]
        letters = [*initial, *self._shuffled(name, ascii_lowercase)]
        numbered = (f"{letter}{number}" for number, letter in product(range(2, 1000), letters))
        return next(new for new in chain(letters, numbered) if _is_free(new, name, taken))

    def _first_free(self, name: str, taken: Set[str], written: Callable[[list[str]], str]) -> str:
        """The first way of saying the name's words that is another name, and free."""
        candidates = (written(words) for words in self._sayings(name))
        return next(new for new in candidates if _is_free(new, name, taken))

    def _sayings(self, name: str) -> Iterator[list[str]]:
        words = [word.lower() for word in _WORD.findall(name)] or ["column"]
        for choice in range(_CHOICES):
            yield [part for word in words for part in self._said(word, choice)]
        said = [part for word in words for part in self._said(word, 0)]
        for decoration in self._shuffled(name, (*_BEFORE, *_BEHIND)):
            yield [decoration, *said] if decoration in _BEFORE else [*said, decoration]
        for number in count(2):
            yield [*said, str(number)]

    def _said(self, word: str, choice: int) -> list[str]:
        """Another word for one, as parts; the word itself where no other is known. Neighbouring seeds choose others."""
        for singular, is_plural in _singulars(word):
            if others := self._synonyms.get(singular):
                parts = others[(_hash(self._domain, singular) + self._seed + choice) % len(others)].split("_")
                return [*parts[:-1], _plural(parts[-1])] if is_plural else parts
        return [word]

    def _shuffled(self, name: str, items: Iterable[str]) -> list[str]:
        return sorted(items, key=lambda item: _hash(self._domain, str(self._seed), name, item))


def _hash(*texts: str) -> int:
    """The same on every machine, and with every version of a library of random numbers."""
    text = "\0".join(texts).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.sha256(text).digest()[:8], "big")


def _is_free(new: str, old: str, taken: Set[str]) -> bool:
    low = folded(new)
    return low != folded(old) and low not in taken and not is_reserved(new) and new.isidentifier()


def _singulars(word: str) -> Iterator[tuple[str, bool]]:
    """(word, is it a plural): what the word may be a form of."""
    yield word, False
    if word.endswith("ies"):
        yield f"{word[:-3]}y", True
    if word.endswith("s"):
        yield word[:-1], True


def _plural(word: str) -> str:
    if word.endswith("s") and not word.endswith("ss"):
        return word  # it is one already
    if word.endswith("y") and word[-2:-1] not in "aeiou":
        return f"{word[:-1]}ies"
    return f"{word}es" if word.endswith(("ss", "x", "ch", "sh")) else f"{word}s"


def _snake(words: list[str]) -> str:
    return "_".join(words)


def _pascal(words: list[str]) -> str:
    return "".join(word.capitalize() for word in words)


def _camel(words: list[str]) -> str:
    return words[0] + _pascal(words[1:])


def _short(words: list[str]) -> str:
    return "_".join(word if len(word) < 6 else word[0] + _VOWELS.sub("", word[1:])[:3] for word in words)


_Writing = Callable[[list[str]], str]
# How tables begin, and how they and columns are written; the first seeds take one after the other.
_STYLES: tuple[tuple[str, _Writing, _Writing], ...] = (
    ("", _snake, _snake),
    ("", _pascal, _camel),
    ("", _short, _short),
    ("tbl_", _snake, _snake),
    ("", _pascal, _pascal),
    ("t_", _short, _snake),
)
