"""The names that a script gives itself: aliases, common table expressions and their columns, windows, indexes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError


class Declared(NamedTuple):
    """A name as it is written; `table` is the table that it stands for, "" where it stands for none."""

    name: str
    table: str = ""


def declared_names(script: str) -> list[Declared] | None:
    """In the order in which they are found; None where sqlglot cannot read the script."""
    try:
        statements = sqlglot.parse(script, dialect="sqlite")
        return [name for statement in statements if statement is not None for name in _declared(statement)]
    except (SqlglotError, RecursionError, AssertionError, LookupError, TypeError, ValueError):
        return None


def _declared(statement: exp.Expr) -> Iterator[Declared]:
    for node in statement.walk():
        if isinstance(node, exp.TableAlias):
            source = node.parent
            table = source.name if isinstance(source, exp.Table) else ""
            yield from (Declared(name.name, table) for name in (node.this, *node.columns) if name)
        elif isinstance(node, exp.Alias):
            yield Declared(node.alias)
        elif isinstance(node, exp.Index) and node.name:
            yield Declared(node.name)
        elif isinstance(node, exp.Select):
            yield from (Declared(window.name) for window in node.args.get("windows") or [])
