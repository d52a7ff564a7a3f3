"""An index on an expression that a filter or a join compares.

    SELECT u.id FROM users AS u WHERE LOWER(u.email) = 'ann@example.org'
    -> CREATE INDEX idx_users_LOWER_email ON users (LOWER(email)); (the same query)

Valid always: an index changes only what the query leaves open, such as the order of rows or which of two ties is taken.
SQLite takes only expressions that depend on nothing but the row; a date function is such only where no value can be
'now', so that it is indexed on columns with a date CHECK alone.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft, tables_of
from sqlopt_env.trees.schema import Schema, Table
from sqlopt_env.trees.selects import comparisons, selects

from .base import Application
from .index_parts import bare, expression_part, index_on, indexable
from .predicates import conditions

NAME = "index_expression"
KIND = "indexing"


def applications(draft: Draft, schema: Schema) -> Iterator[Application]:
    seen = set()
    for select in selects(draft):
        tables = tables_of(select, schema)
        for table, expression in _compared(select, tables, schema):
            statement = index_on(table, [expression_part(expression)], draft.indexes)
            if statement and statement not in seen:
                seen.add(statement)
                target = f"{table.name}: {bare(expression).sql(dialect='sqlite')}"
                yield Application(target, draft.with_index(statement))


def _compared(select: exp.Select, tables: dict[str, Table], schema: Schema) -> Iterator[tuple[Table, exp.Expr]]:
    """Expressions of one table that are compared with something that this table has no part in."""
    for part in conditions(select):
        sides = [(left, right) for node, left, _, right in comparisons(part) if node is part]
        if isinstance(part, exp.In | exp.Between):
            others = [value.copy() for value in part.iter_expressions() if value is not part.this]
            sides = [(part.this, exp.Tuple(expressions=others))]
        for side, other in sides:
            read = {column.table for column in side.find_all(exp.Column)}
            apart = not any(column.table in read for column in other.find_all(exp.Column))
            bare_column = isinstance(side, exp.Column)
            if len(read) == 1 and read <= set(tables) and apart and not bare_column and indexable(side, select, schema):
                yield tables[read.pop()], side
