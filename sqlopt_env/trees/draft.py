"""A query as a tree that can be rewritten: a qualified sqlglot tree, and the index statements that go with it.

Rewrite techniques and their inverses work on drafts. They never change the tree that they are given.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cached_property

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.qualify import qualify

from ..sqlite.connection import identifier as identifier
from .reading import all_columns_known, can_be_read, free_commas, name_subqueries, rename_hiding_sources
from .schema import Column as Column
from .schema import Schema as Schema
from .schema import Table as Table
from .schema import read_schema as read_schema

MAX_INDEXES = 4


@dataclass(frozen=True, eq=False)
class Draft:
    """A rewrite in the making. In `query` every column carries the name of its source. Equal only to itself."""

    query: exp.Query
    indexes: tuple[str, ...] = ()

    @cached_property
    def sql(self) -> str:
        return self.query.sql(dialect="sqlite")

    @property
    def script(self) -> str:
        return "".join(f"{statement};\n" for statement in self.indexes) + self.sql

    def with_query(self, query: exp.Query) -> Draft:
        return replace(self, query=query)

    def with_index(self, statement: str) -> Draft:
        return self.with_indexes((*self.indexes, statement))

    def with_indexes(self, indexes: tuple[str, ...]) -> Draft:
        draft = replace(self, indexes=indexes)
        vars(draft)["sql"] = self.sql  # writing a tree out is what costs most here
        return draft


def parse_draft(query: str, schema: Schema) -> Draft | None:
    """The query as a draft with every column qualified and every star spelt out; None where that is not certain."""
    shape: dict[str, object] = {
        table.name: {column.name: column.type or "BLOB" for column in table.columns} for table in schema.tables.values()
    }
    names = {table: {column.name.lower() for column in schema.tables[table].columns} for table in schema.tables}
    try:
        parsed = sqlglot.parse_one(query, dialect="sqlite")
        if not isinstance(parsed, exp.Query) or not can_be_read(query, parsed):
            return None
        free_commas(query, parsed)
        name_subqueries(parsed)
        tree = qualify(
            parsed,
            schema=shape,
            dialect="sqlite",
            quote_identifiers=False,
            identify=False,
            validate_qualify_columns=False,
        )
    except (SqlglotError, RecursionError, AssertionError, LookupError, TypeError, ValueError):
        return None
    if not isinstance(tree, exp.Query) or not all_columns_known(tree, names):
        return None
    quote_names(tree)  # qualify forgets the quotes of an output's name in ORDER BY
    return Draft(tree) if rename_hiding_sources(tree, names) else None


def quote_names(tree: exp.Expr) -> None:
    """In place: every name that is not one by itself gets quotes."""
    for name in tree.find_all(exp.Identifier):
        if not name.quoted and identifier(name.name) != name.name:
            name.set("quoted", True)


def tables_of(select: exp.Select, schema: Schema) -> dict[str, Table]:
    """The plain tables in FROM and JOIN of this one SELECT, by the name that its columns carry."""
    sources = [join.this for join in select.args.get("joins") or []]
    from_ = select.args.get("from_")
    if from_ is not None:
        sources.insert(0, from_.this)
    shadowed = _common_names(select)
    found = {}
    for source in sources:
        if isinstance(source, exp.Table) and source.name.lower() not in shadowed:
            table = schema.table(source.name)
            if table is not None:
                found[source.alias_or_name] = table
    return found


def _common_names(select: exp.Select) -> set[str]:
    """Names of the common table expressions that this SELECT may read, or is part of, in lower case."""
    names = set()
    node: exp.Expr | None = select
    while node is not None:
        with_ = node.args.get("with_")
        if with_ is not None:
            names |= {cte.alias.lower() for cte in with_.expressions}
        node = node.parent
    return names


def conjuncts(condition: exp.Expr | None) -> list[exp.Expr]:
    """The parts of a WHERE, HAVING or ON that are joined by AND."""
    if condition is None:
        return []
    if isinstance(condition, exp.Where | exp.Having | exp.Paren):
        return conjuncts(condition.this)
    if isinstance(condition, exp.And):
        return conjuncts(condition.left) + conjuncts(condition.right)
    return [condition]


def own_nodes(select: exp.Select, *kinds: type[exp.Expr]) -> list[exp.Expr]:
    """Nodes of the kinds that belong to this SELECT itself, not to a subquery inside it."""
    return [node for node in select.find_all(*kinds) if node.parent_select is select]


def index_statement(table: Table, parts: list[str], taken: tuple[str, ...]) -> str | None:
    """A CREATE INDEX over columns or expressions; None where the table or the draft has one that begins so."""
    if not parts or len(taken) >= MAX_INDEXES:
        return None
    lowered = tuple(part.lower() for part in parts)
    begins_so = (tuple(column.lower() for column in index[: len(parts)]) for index in table.indexes)
    if lowered in begins_so or (table.rowid and lowered == (table.rowid.lower(),)):
        return None
    words = "_".join(re.sub(r"\W+", "_", part.split(" ")[0]).strip("_") for part in parts)
    name = f"idx_{re.sub(r'[^A-Za-z0-9_]+', '_', table.name)}_{words}"
    columns = ", ".join(part if "(" in part or " " in part else identifier(part) for part in parts)
    statement = f"CREATE INDEX {name} ON {identifier(table.name)} ({columns})"
    return None if statement in taken or any(name in other.split() for other in taken) else statement
