"""How large a query is to its reader, counted over SQLite's own words: no tree is built, and nothing is too odd for it.

It judges no style. Comments, white space and the length of names count nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TypeAlias

from .sqlite.words import words
from .types import Size, SizeChange

_QUERY = frozenset(("SELECT", "WITH", "VALUES"))  # what a parenthesis with a query in it begins with
_AFTER_FROM = frozenset(("WHERE", "GROUP", "HAVING", "WINDOW", "ORDER", "LIMIT", "UNION", "INTERSECT", "EXCEPT"))
_TABLE_DUE = frozenset(("FROM", "JOIN", ",", "("))

Counts: TypeAlias = tuple[int, int, int, int]  # nodes, depth, joins, subqueries


def size_change(original: str, rewrite: Sequence[int], indexes: int) -> SizeChange:
    """The sizes of an original and of its rewrite, of which the counts and the number of index statements are given."""
    nodes, depth, joins, subqueries = rewrite
    return SizeChange(size_of(original), Size(nodes, depth, joins, subqueries, indexes))


@lru_cache(maxsize=256)
def size_of(query: str) -> Size:
    """The size of a query that wants no index; see `counts`."""
    return Size(*counts(query), indexes=0)


def counts(query: str) -> Counts:
    """The four counts of a query, in time proportional to its length:

    - nodes: its words (names, keywords, literals, operators), without parentheses, commas, full stops and semicolons;
    - depth: how many parentheses are open at once where most are, be it for subqueries, functions or lists;
    - joins: JOINs, and commas between the tables of a FROM;
    - subqueries: parentheses that begin with SELECT, WITH or VALUES, those of WITH and of IN among them.
    """
    nodes = depth = joins = subqueries = 0
    among_tables = [False]  # for every open parenthesis: whether a FROM is being read in it
    before = ""  # the word before, in upper case; a quoted one or a text stands as "?"
    for kind, text, _, _ in words(query):
        if kind == "name":
            nodes += 1
            said = text.upper()
            if said in _QUERY:
                subqueries += before == "("
                among_tables[-1] = False
            elif said == "FROM":
                if before != "DISTINCT":  # IS DISTINCT FROM
                    among_tables[-1] = True
            elif said == "JOIN":
                joins += 1
            elif said in _AFTER_FROM:
                among_tables[-1] = False
            before = said
        elif kind != "sign":
            nodes += 1
            before = "?"
        else:
            if text == "(":
                # One where a table is due holds tables; any other holds expressions or columns.
                among_tables.append(among_tables[-1] and before in _TABLE_DUE)
                depth = max(depth, len(among_tables) - 1)
            elif text == ")":
                if len(among_tables) > 1:
                    among_tables.pop()
            elif text == ",":
                joins += among_tables[-1]
            elif text not in (".", ";"):
                nodes += 1
            before = text
    return nodes, depth, joins, subqueries
