"""What the techniques between OR and UNION share: sorting by outputs, and SELECTs whose rows all differ."""

from __future__ import annotations

from sqlglot import exp

from sqlopt_env.trees.draft import tables_of
from sqlopt_env.trees.reading import sources
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import key_in, outputs


def shows_keys(select: exp.Select, schema: Schema) -> bool:
    """Whether the outputs contain a declared key of every source, so that no two rows are alike."""
    tables = tables_of(select, schema)
    joins = select.args.get("joins") or []
    listed = all(join.side in ("", "LEFT") for join in joins) and len(tables) == len(sources(select)) > 0
    return listed and all(key_in(outputs(select), source, table.keys) for source, table in tables.items())


def order_by_output(select: exp.Select) -> exp.Order | None:
    """The ORDER BY in terms of output names, as a compound wants it; None where a term is no output."""
    order = select.args["order"].copy() if select.args.get("order") else exp.Order(expressions=[])
    for term in order.expressions:
        wanted = term.this.this if isinstance(term.this, exp.Collate) else term.this
        if isinstance(wanted, exp.Column) and not wanted.table and wanted.name in select.named_selects:
            continue
        name = next(
            (item.args["alias"] for item in select.expressions if item.alias and item.unalias() == wanted), None
        )
        if name is None:
            return None
        wanted.replace(exp.Column(this=name.copy()))
    return order
