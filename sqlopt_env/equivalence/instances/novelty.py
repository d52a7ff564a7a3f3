"""What a rewrite says that the original does not: literals of its own, and the columns that they are compared with.

Read off the words of both, without a tree: that takes a tenth of the time. A literal that is not plainly compared with
a column (`day < '2024-06-01'`, `age BETWEEN 20 AND 29`, `id IN (7, 8)`) may be about anything: a sum, a number of rows,
the size of the database.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from ...sqlite.script import Script
from ...sqlite.words import Word, words
from ..compare import Value
from ..shape import TableShape
from .literals import Literals, number
from .phrases import LITERALS, made_constants

_COMPARES = ("=", "==", "!=", "<>", "<", "<=", ">", ">=")
_COMPARING = ("IN", "BETWEEN")  # not LIKE and GLOB: a pattern may be about any letters
_MOST_VALUES = 200  # of a column
_COMPUTES = ("+", "-", "*", "/", "%", "||", "&", "|", "~", "<<", ">>", "->", "->>")


def novel_comparisons(original: str, rewrite: Script) -> dict[str, set[Value]] | None:
    """The literals that only the rewrite has, 0 and 1 aside, by the lower-case column that each is compared with; None
    where one of them may be about anything else."""
    names = {column.lower() for _, column in rewrite.reads if column}
    found: dict[str, set[Value]] = {}
    known = words(original)
    literals = {word.text for word in known if word.kind in LITERALS} | {"0", "1"}
    quoted = {word.text for word in known if word.kind == "quoted"} | literals
    made = made_constants(original)
    for statement in (rewrite.query, *rewrite.indexes):
        said = words(statement)
        fresh = made_constants(statement) - made
        if not all(phrase.startswith("- ") for phrase in fresh):
            return None  # an operator or a function may make anything
        renamed = {after.text.lower() for word, after in pairwise(said) if word.is_word("AS")}
        runs: dict[int, tuple[int, bool]] = {}
        for place, word in enumerate(said):
            if word.kind in LITERALS and (word.text not in literals or f"- {word.text}" in fresh):
                column, value = _compared(said, place, runs), _value(said, place)
                if column not in names - renamed or value is None:
                    return None
                found.setdefault(column, set()).add(value)
            elif word.kind == "quoted" and word.text not in quoted and word.text.lower() not in names:
                return None  # "text" is text where no column has that name
    return {column: _thinned(values) for column, values in found.items()}


def novel_values(tables: Sequence[TableShape], original: str, rewrite: str) -> dict[str, set[Value]]:
    """Values by the columns that stand in one comparison with them, also where they are computed: of the rewrite alone.

    Read off the trees of both: slower, but it finds what `novel_comparisons` leaves open.
    """
    known, own = (Literals((query,), tables).columns for query in (original, rewrite))
    found = {column: values - known.get(column, set()) for column, values in own.items()}
    return {column: _thinned(values) for column, values in found.items() if values}


def _thinned(values: set[Value]) -> set[Value]:
    """Of a list of thousands, as many as small databases have room for."""
    return set(sorted(values, key=repr)[:: -(-len(values) // _MOST_VALUES)])


def _compared(said: Sequence[Word], place: int, runs: dict[int, tuple[int, bool]]) -> str:
    """What this literal is compared with, where both stand there by themselves; else "".

    `runs` keeps where the words before a literal lead to, for the next one of its list.
    """
    if place + 1 < len(said) and _computes(said[place + 1]):
        return ""
    compares, left = False, place - 1
    while left > 0 and (_lies_between(said[left]) or _is_between(said, left)):
        compares = compares or _compares(said[left])
        left -= 1
        if left in runs:
            left, compares = runs[left][0], compares or runs[left][1]
            break
    runs[place] = left, compares
    before = left - 3 if left >= 2 and said[left - 1].is_sign(".") else left - 1
    computed = before >= 0 and _computes(said[before])
    return said[left].text.lower() if compares and not computed else ""


def _compares(word: Word) -> bool:
    return word.is_sign(*_COMPARES) or word.is_word(*_COMPARING)


def _computes(word: Word) -> bool:
    return word.is_sign(*_COMPUTES) or word.is_word("COLLATE")


def _lies_between(word: Word) -> bool:
    """Whether it may stand between a column and what that is compared with."""
    return _compares(word) or word.kind in LITERALS or word.is_sign(",", "(", "-") or word.is_word("NOT")


def _is_between(said: Sequence[Word], place: int) -> bool:
    """Whether this is the AND of `BETWEEN literal AND`."""
    signed = said[place - 2].is_sign("-")
    return (
        said[place].is_word("AND")
        and said[place - 1].kind in LITERALS
        and said[place - 3 if signed else place - 2].is_word("BETWEEN")
    )


def _value(said: Sequence[Word], place: int) -> Value:
    word = said[place]
    if word.kind == "blob":
        return bytes.fromhex(word.text)
    if word.kind != "number":
        return word.text
    found = number(word.text)
    return -found if found is not None and said[place - 1].is_sign("-") else found
