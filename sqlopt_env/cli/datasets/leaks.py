"""Does an example belong to the held-out tasks? By its database, by its slow query, or by a query within that."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from functools import cache, lru_cache
from itertools import islice

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlopt_curricula.diversity import fingerprints

from ...databases import held_out_name
from ...tasks import load_tasks
from .identity import Example

KINDS_OF_PRINT = ("exact", "literals", "names", "shape")  # from fine to coarse
_OUTERMOST = ("order", "limit", "offset")  # what may stand around a query without making it another one
_UNREADABLE = (SqlglotError, RecursionError, ValueError, AssertionError, AttributeError, TypeError)


def leak(example: Example) -> str:
    """Why an example gives away something of the held-out tasks, as a sentence; "" for one that does not."""
    if name := held_out_name(example["database"]):
        return f"its database {name} is held out"
    return _leak_of_query(example["slow_query"])


@lru_cache(maxsize=4096)
def _leak_of_query(query: str) -> str:
    prints = fingerprints(query)
    for kind, held_out in _held_out_prints().items():
        if getattr(prints, kind) in held_out:
            return f"its slow query has the fingerprint {kind!r} of a held-out task"
    # By its literals alone, in which the names stand: coarser ones are shared by small queries that are innocent.
    if _holds_held_out(query):
        return "its slow query has that of a held-out task within it, whatever its literals"
    return ""


@cache
def _held_out_prints() -> dict[str, frozenset[str]]:
    """The fingerprints of the held-out tasks, by their kind."""
    prints = [fingerprints(task.query) for task in load_tasks("heldout")]
    return {kind: frozenset(getattr(each, kind) for each in prints) for kind in KINDS_OF_PRINT}


@cache
def _held_out_cores() -> dict[tuple[str, ...], frozenset[str]]:
    """By the tables that they are of, the held-out tasks without ORDER BY and LIMIT around them: their `literals`."""
    found: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for task in load_tasks("heldout"):
        for node in islice(_queries(task.query), 1):
            found[_tables(node)].add(_core(node))
    return {tables: frozenset(cores) for tables, cores in found.items()}


def _holds_held_out(query: str) -> bool:
    """Whether the query, or one within it, is a held-out task but for literals and ORDER BY and LIMIT around it."""
    try:
        return any(
            _core(node) in cores
            for node in _queries(query)
            if (cores := _held_out_cores().get(_tables(node)))  # to write every part of a query anew would take long
        )
    except _UNREADABLE:
        return False


def _queries(query: str) -> Iterator[exp.Expr]:
    """The whole query first. Raises what sqlglot raises."""
    return sqlglot.parse_one(query, dialect="sqlite").find_all(exp.Select, exp.SetOperation)


def _tables(node: exp.Expr) -> tuple[str, ...]:
    return tuple(sorted(table.name.lower() for table in node.find_all(exp.Table)))


def _core(node: exp.Expr) -> str:
    core = node.copy()
    for part in _OUTERMOST:
        core.set(part, None)
    return fingerprints(core.sql(dialect="sqlite", comments=False)).literals
