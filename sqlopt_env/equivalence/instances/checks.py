"""Which CHECKs speak of which columns. What a parent's key must be, a column that refers to it must be too."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import TypeAlias

from sqlglot import exp

from ...sqlite.words import words
from ..parsing import parsed
from ..shape import TableShape

Check: TypeAlias = tuple[str, str]  # of a single column: the name that it has there, and the CHECK's SQL
Column: TypeAlias = tuple[str, str]  # table and column in lower case
_DEEPEST = 8  # tables that refer to each other in a row


@lru_cache(maxsize=512)
def names_in(check: str) -> frozenset[str]:
    """What may be columns in an expression, in lower case; where sqlglot cannot read it, all of its words."""
    tree = parsed(f"SELECT {check}")
    if tree is None:
        return frozenset(word.lower() for word in re.findall(r"\w+", check))
    return frozenset(column.name.lower() for column in tree.find_all(exp.Column))


def checks_of(table: TableShape) -> tuple[str, ...]:
    """A table's CHECKs; of one with AND, the parts."""
    return tuple(part for check in table.checks for part in _parts(check))


@lru_cache(maxsize=512)
def _parts(check: str) -> tuple[str, ...]:
    """A condition taken apart at its outermost ANDs, as it is written. (NULL lets a row in, in each part as in all.)"""
    said = words(check)
    depth = betweens = start = 0
    closes_first = -1  # the word with which a parenthesis closes that opens with the first word
    found = []
    for place, word in enumerate(said):
        depth += word.is_sign("(") + word.is_word("CASE") - word.is_sign(")") - word.is_word("END")
        if depth == 0 and closes_first < 0:
            closes_first = place
        if depth < 0 or (depth == 0 and word.is_word("OR")):
            return (check,)  # (END may be a column's name)
        betweens += depth == 0 and word.is_word("BETWEEN")
        if depth == 0 and word.is_word("AND"):
            if betweens:
                betweens -= 1
            else:
                found.append(check[start : word.start])
                start = word.end
    if found:
        return tuple(part for whole in (*found, check[start:]) for part in _parts(whole))
    if len(said) > 2 and said[0].is_sign("(") and closes_first == len(said) - 1:
        return _parts(check[said[0].end : said[-1].start])
    return (check,)


def columns_of(check: str, table: TableShape) -> frozenset[str]:
    """The lower-case names of the table's columns in one of its CHECKs; of a generated one, what it is made from too.
    (Other names in double quotes are text.)"""
    known = {column.name.lower() for column in table.columns}
    formulas = {name.lower(): formula for name, formula in table.formulas}
    found: set[str] = set()
    new = set(names_in(check))
    while new := (new & (known | set(formulas))) - found:
        found |= new
        new = {name for made in new if made in formulas for name in names_in(formulas[made])}
    return frozenset(found & known)


def checks_by_column(tables: Sequence[TableShape]) -> dict[Column, tuple[Check, ...]]:
    """The CHECKs over each column alone, its own and those of the keys that it refers to. Columns without one are left
    out."""
    if not any(table.checks for table in tables):
        return {}
    own: dict[Column, list[Check]] = {}
    for table in tables:
        for check in checks_of(table):
            names = list(columns_of(check, table))
            if len(names) == 1:
                own.setdefault((table.name.lower(), names[0]), []).append((names[0], check))
    parents: dict[Column, set[Column]] = {}
    for table in tables:
        for key in table.foreign_keys:
            for here, there in zip(key.columns, key.parent_columns, strict=False):
                parents.setdefault((table.name.lower(), here.lower()), set()).add((key.parent, there.lower()))
    found = {}
    for column in [*own, *(column for column in parents if column not in own)]:
        above = {column}
        for _ in range(_DEEPEST):
            above |= {parent for child in above for parent in parents.get(child, ())}
        checks = tuple(dict.fromkeys(check for each in (column, *sorted(above)) for check in own.get(each, ())))
        if checks:
            found[column] = checks
    return found
