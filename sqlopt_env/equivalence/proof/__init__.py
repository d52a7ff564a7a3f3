"""Proofs that two queries are the same query, on every database that its schema allows.

Both queries are translated into an algebra of bags (algebra.py), brought into a normal form (normal.py) and compared
(matching.py). A proof is sound or it is not given: whatever is outside of the fragment that is understood is simply
not proved.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..shape import TableShape
from .algebra import Query
from .embedding import Context
from .kinds import is_mixed
from .matching import same_query
from .normal import normal_query
from .parsing import parsed
from .rows import determines
from .scope import Environment, Relation, Statement
from .sources import query_types
from .statements import read_statement
from .substitute import Workspace

_STEPS = 2500

__all__ = ["prove"]


def prove(tables: Sequence[TableShape], original: str, rewrite: str) -> str:
    """One sentence on why the rewrite is the same query as the original, or "" where that is not proved.

    `tables` are all plain tables that the queries may read. Their declared keys, foreign keys, NOT NULLs and the kinds
    of their columns are taken as holding, as far as SQLite enforces them; tables with generated columns are not
    understood. Never raises; the same answer for the same arguments; takes some
    milliseconds, and never more than about a tenth of a second.
    """
    tables = [_as_enforced(table) for table in tables if not table.computed]
    work = Workspace(_STEPS)
    environment = Environment(work, {table.name.lower(): table for table in tables}, {})
    try:
        trees = [parsed(text) for text in (original, rewrite)]
        first, second = (_normal(read_statement(tree, environment), work) for tree in trees)
        if (first.limit is not None or first.offset) and not first.descending and trees[0] != trees[1]:
            return ""  # which rows they are is undetermined
        if not _same_statement(first, second, work):
            return ""
    except Exception:  # what goes wrong is no proof: no query may make this raise
        return ""
    way = f", by way of: {', '.join(sorted(work.rules))}" if work.rules else ""
    return f"both have the same normal form{way}"


def _as_enforced(table: TableShape) -> TableShape:
    """The table with NULL wherever SQLite lets it in."""
    columns = tuple(replace(column, not_null=column.not_null and not column.may_hold_null) for column in table.columns)
    return replace(table, columns=columns)


def _normal(statement: Statement, work: Workspace) -> Statement:
    """With a normal query, and without the sort terms that those before them determine."""
    query = normal_query(statement.relation.query, False, work)
    kept: list[int] = []
    exact: list[int] = []  # those of them whose ties have the same value
    for number in range(len(statement.descending)):
        index = statement.width + number
        if query.blocks and determines(query, exact, index, work):
            continue
        kept.append(index)
        if query.blocks and not is_mixed(query_types(query)[index]):
            exact.append(index)
    outputs = [*range(statement.width), *kept]
    descending = tuple(statement.descending[index - statement.width] for index in kept)
    return replace(
        statement,
        relation=Relation(_only(query, outputs), statement.relation.columns),
        descending=descending,
    )


def _only(query: Query, outputs: list[int]) -> Query:
    return Query(
        tuple(replace(block, outputs=tuple(block.outputs[index] for index in outputs)) for block in query.blocks)
    )


def _same_statement(original: Statement, rewrite: Statement, work: Workspace) -> bool:
    if original.width != rewrite.width or (original.limit, original.offset) != (rewrite.limit, rewrite.offset):
        return False
    sorts = original.descending
    if rewrite.descending[: len(sorts)] != sorts:
        return False
    if (original.limit is not None or original.offset) and rewrite.descending != sorts:
        return False
    outputs = list(range(original.width + len(sorts)))
    queries = [_only(statement.relation.query, outputs) for statement in (original, rewrite)]
    return same_query(queries[0], queries[1], Context(), work)
