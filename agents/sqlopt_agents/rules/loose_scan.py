"""The few values of a column are found by jumping from one to the next in an index.

    SELECT DISTINCT o.product FROM orders AS o
    -> WITH RECURSIVE jump AS (SELECT MIN(o.product) AS v FROM orders AS o
       UNION ALL SELECT (SELECT MIN(o.product) FROM orders AS o WHERE o.product > jump.v) FROM jump WHERE NOT jump.v IS NULL)
       SELECT jump.v AS product FROM jump WHERE NOT jump.v IS NULL
    SELECT COUNT(DISTINCT o.product) AS n FROM orders AS o -> ... SELECT COUNT(*) AS n FROM jump WHERE NOT jump.v IS NULL

Valid for one column of one plain table without conditions, where the query is nothing else. Of a column that can be
NULL, DISTINCT shows that too: one more jump starts at NULL if there is one. It needs an index that begins with the
column, and adds it where there is none; it pays where few values repeat often.
"""  # noqa: E501

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft, index_statement, tables_of
from sqlopt_env.trees.reading import sources
from sqlopt_env.trees.schema import Schema, Table
from sqlopt_env.trees.selects import fresh_name, has_only, outputs

from .base import Application
from .soundness import is_binary, named

NAME = "loose_scan"
KIND = "limit"


def applications(draft: Draft, schema: Schema) -> Iterator[Application]:
    select = draft.query
    if not isinstance(select, exp.Select) or len(select.expressions) != 1 or not is_binary(schema):
        return
    tables, value = list(tables_of(select, schema).items()), outputs(select)[0]
    counts = isinstance(value, exp.Count) and isinstance(value.this, exp.Distinct)
    inside = value.this.expressions if counts else [value]
    column = inside[0] if len(inside) == 1 else None
    fits = has_only(select) if counts else has_only(select, "distinct", "order") and bool(select.args.get("distinct"))
    if not fits or len(tables) != 1 or len(sources(select)) != 1 or not isinstance(column, exp.Column):
        return
    source, table = tables[0]
    declared = table.column(column.name)
    order = select.args.get("order")
    by_value = order is None or [term.this.name for term in order.expressions] == [select.expressions[0].alias]
    if declared is None or not by_value or (select.args.get("distinct") and select.args["distinct"].args.get("on")):
        return
    jump = fresh_name(draft, "jump", schema)
    made = draft.with_query(_jumping(select, source, column, jump, counts, declared.not_null))
    index = None if _has_index(table, declared.name) else index_statement(table, [declared.name], draft.indexes)
    yield Application(f"{table.name}.{declared.name}", made.with_index(index) if index else made)


def _has_index(table: Table, column: str) -> bool:
    begins = any(index[:1] == (column,) for index in table.indexes)
    return begins or column.lower() == table.rowid.lower()


def _jumping(select: exp.Select, source: str, column: exp.Column, jump: str, counts: bool, not_null: bool) -> exp.Query:
    item, table = select.expressions[0], sources(select)[0]
    reached = exp.Column(this=exp.to_identifier("v"), table=exp.to_identifier(jump))
    start = exp.Select(expressions=[exp.alias_(exp.Min(this=column.copy()), "v")], from_=exp.From(this=table.copy()))
    step = exp.Select(
        expressions=[exp.Min(this=column.copy())],
        from_=exp.From(this=table.copy()),
        where=exp.Where(this=exp.GT(this=column.copy(), expression=reached.copy())),
    )
    walk = exp.Table(this=exp.to_identifier(jump))
    filled = exp.Not(this=exp.Is(this=reached.copy(), expression=exp.Null()))
    more = exp.Select(
        expressions=[exp.Subquery(this=step)], from_=exp.From(this=walk.copy()), where=exp.Where(this=filled.copy())
    )
    found = exp.Union(this=start, expression=more, distinct=False)
    value: exp.Expr = exp.Count(this=exp.Star(), big_int=True) if counts else reached.copy()
    where: exp.Expr = filled.copy()
    if not counts and not not_null:
        empty = exp.Is(this=column.copy(), expression=exp.Null())
        some = exp.Select(
            expressions=[exp.Literal.number(1)], from_=exp.From(this=table.copy()), where=exp.Where(this=empty)
        )
        where = exp.or_(where, exp.Exists(this=some), copy=False)
    shown = exp.Select(
        expressions=[exp.Alias(this=value, alias=named(item.alias)) if item.alias else value],
        from_=exp.From(this=walk),
        where=exp.Where(this=where),
    )
    cte = exp.CTE(this=found, alias=exp.TableAlias(this=exp.to_identifier(jump), columns=[exp.to_identifier("v")]))
    shown.set("with_", exp.With(expressions=[cte], recursive=True))
    if select.args.get("order"):
        shown.set("order", select.args["order"].copy())
    return shown
