"""An index on an expression that a filter compares with a value.

    SELECT u.id FROM users AS u WHERE LOWER(u.email) = 'ann@example.org'
    -> CREATE INDEX idx_users_LOWER_email ON users (LOWER(email)); (the same query)

Valid always: an index changes only what the query leaves open, such as the order of rows or which of two ties is taken.
SQLite takes only expressions that depend on nothing but the row; a date function is such only where no value can be
'now', so that it is indexed on columns with a date CHECK alone.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft, index_statement, tables_of
from sqlopt_env.trees.schema import Schema, Table
from sqlopt_env.trees.selects import comparisons, schema_column, selects

from .base import Application
from .predicates import conditions

NAME = "index_expression"
KIND = "indexing"

_PURE = (
    exp.Column, exp.Identifier, exp.Literal, exp.Paren, exp.Neg, exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod, exp.DPipe,
    exp.Lower, exp.Upper, exp.Substring, exp.Length, exp.Abs, exp.Trim, exp.Coalesce, exp.Round, exp.StrPosition,
)  # fmt: skip
_DATES = (exp.TimeToStr, exp.TsOrDsToTimestamp, exp.Date)


def applications(draft: Draft, schema: Schema) -> Iterator[Application]:
    seen = set()
    for select in selects(draft):
        tables = tables_of(select, schema)
        for table, expression in _filtered(select, tables, schema):
            bare = expression.copy()
            for column in bare.find_all(exp.Column):
                column.set("table", None)
            text = bare.sql(dialect="sqlite")
            # A bare sum or product needs its parentheses for the statement to tell it from a column and a word.
            part = text if text.endswith(")") and isinstance(bare, exp.Func | exp.Paren) else f"({text})"
            statement = index_statement(table, [part], draft.indexes)
            if statement and statement not in seen:
                seen.add(statement)
                yield Application(f"{table.name}: {text}", draft.with_index(statement))


def _filtered(select: exp.Select, tables: dict[str, Table], schema: Schema) -> Iterator[tuple[Table, exp.Expr]]:
    for part in conditions(select):
        sides = [(left, right) for node, left, _, right in comparisons(part) if node is part]
        if isinstance(part, exp.In | exp.Between):
            others = [value.copy() for value in part.iter_expressions() if value is not part.this]
            sides = [(part.this, exp.Tuple(expressions=others))]
        for side, other in sides:
            read = {column.table for column in side.find_all(exp.Column)}
            fixed = not any(column.table in tables for column in other.find_all(exp.Column))
            if len(read) == 1 and read <= set(tables) and fixed and _indexable(side, select, schema):
                yield tables[read.pop()], side


def _indexable(side: exp.Expr, select: exp.Select, schema: Schema) -> bool:
    if isinstance(side, exp.Column):
        return False
    nodes = list(side.walk())
    dated = any(isinstance(node, _DATES) for node in nodes)
    columns = [schema_column(node, select, schema) for node in nodes if isinstance(node, exp.Column)]
    known = all(column is not None and (column.iso_date or not dated) for column in columns)
    return known and all(isinstance(node, (*_PURE, *_DATES)) for node in nodes)
