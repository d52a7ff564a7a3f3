"""A page of wide rows is found by its keys first; only the rows on the page are read in full.

    SELECT o.id, o.product, o.amount FROM orders AS o ORDER BY o.order_date LIMIT 20 OFFSET 4000
    -> SELECT o.id, o.product, o.amount FROM
       (SELECT o_2.id AS id FROM orders AS o_2 ORDER BY o_2.order_date LIMIT 20 OFFSET 4000) AS page
       JOIN orders AS o ON o.id = page.id ORDER BY o.order_date

Valid for one table with an INTEGER PRIMARY KEY that is sorted by its own columns: the page holds the same rows (or
others that tie with them), each once. It pays with an index on the sort columns.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft, tables_of
from sqlopt_env.trees.reading import rename_source, sources
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import fresh_name, has_only, is_plain, outputs, selects, twin, whole_number

from .base import Application
from .predicates import order_parts, output_names

NAME = "late_lookup"
KIND = "limit"


def applications(draft: Draft, schema: Schema) -> Iterator[Application]:
    for select in selects(draft):
        order, limit = select.args.get("order"), select.args.get("limit")
        if not has_only(select, "where", "order", "limit", "offset") or order is None or limit is None:
            continue
        tables = list(tables_of(select, schema).items())
        parts = order_parts(select, schema)
        if len(tables) != 1 or parts is None or not is_plain(select) or whole_number(limit.expression) is None:
            continue
        source, table = tables[0]
        sort_columns = {part.removesuffix(" DESC").strip('"') for part in parts[1]}
        read = {node.name for item in outputs(select) for node in item.find_all(exp.Column)}
        if not table.rowid or read <= {table.rowid.lower(), *sort_columns}:
            continue
        tree = draft.query.copy()
        _look_up_late(twin(tree, select), source, table.rowid.lower(), draft, schema)
        yield Application(f"{table.name} by {table.rowid}", draft.with_query(tree))


def _look_up_late(select: exp.Select, source: str, key: str, draft: Draft, schema: Schema) -> None:
    page = fresh_name(draft, "page", schema)
    named = output_names(select)
    for term in select.args["order"].expressions:
        if not term.this.table:
            term.set("this", named[term.this.name].copy())
    inner = select.copy()
    inner.set("expressions", [exp.alias_(exp.column(key, table=source), key)])
    rename_source(inner, source, fresh_name(draft, source, schema))
    joined = sources(select)[0].copy()
    derived = exp.Subquery(this=inner, alias=exp.TableAlias(this=exp.to_identifier(page)))
    match = exp.EQ(this=exp.column(key, table=source), expression=exp.column(key, table=page))
    select.set("from_", exp.From(this=derived))
    select.set("joins", [exp.Join(this=joined, on=match)])
    for clause in ("where", "limit", "offset"):
        select.set(clause, None)
