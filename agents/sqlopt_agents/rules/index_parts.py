"""The parts of a CREATE INDEX: columns and expressions, and what SQLite takes for one."""

from __future__ import annotations

import re

from sqlglot import exp

from sqlopt_env.trees.draft import identifier, index_statement
from sqlopt_env.trees.schema import Schema, Table
from sqlopt_env.trees.selects import schema_column

PURE = (
    exp.Column, exp.Identifier, exp.Literal, exp.Paren, exp.Neg, exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod, exp.DPipe,
    exp.Lower, exp.Upper, exp.Substring, exp.Length, exp.Abs, exp.Trim, exp.Coalesce, exp.Round, exp.StrPosition,
    exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.Between, exp.In, exp.Is, exp.Null, exp.Not, exp.And, exp.Or,
    exp.Case, exp.If, exp.Cast, exp.DataType,
)  # fmt: skip
_DATES = (exp.TimeToStr, exp.TsOrDsToTimestamp, exp.Date)


def index_on(table: Table, parts: list[str], taken: tuple[str, ...]) -> str | None:
    """A CREATE INDEX over these parts, column names with spaces among them; None where there is one that begins so."""
    named = [identifier(part) if table.column(part) and re.search("[ (]", part) else part for part in parts]
    return index_statement(table, named, taken)


def part_name(part: str) -> str:
    """The column of an index part, without what says in which order it is sorted."""
    return part.removesuffix(" DESC").strip('"')


def expression_part(expression: exp.Expr) -> str:
    """An expression as a part of a CREATE INDEX."""
    plain = bare(expression)
    text = plain.sql(dialect="sqlite")
    # A bare sum or product needs its parentheses for the statement to tell it from a column and a word.
    return text if text.endswith(")") and isinstance(plain, exp.Func | exp.Paren) else f"({text})"


def bare(expression: exp.Expr) -> exp.Expr:
    """A copy in which columns do not name their table: what CREATE INDEX wants."""
    copy = expression.copy()
    for column in copy.find_all(exp.Column):
        column.set("table", None)
    return copy


def indexable(expression: exp.Expr, select: exp.Select, schema: Schema) -> bool:
    """Whether SQLite takes the expression for an index: it depends on nothing but the row."""
    nodes = list(expression.walk())
    dated = any(isinstance(node, _DATES) for node in nodes)
    columns = [schema_column(node, select, schema) for node in nodes if isinstance(node, exp.Column)]
    known = all(column is not None and (column.iso_date or not dated) for column in columns)
    return bool(columns) and known and all(isinstance(node, (*PURE, *_DATES)) for node in nodes)
