"""Subqueries of one row that look at no outer row are computed once, side by side, and joined as one row.

    SELECT o.id, o.amount - (SELECT AVG(p.amount) FROM orders AS p) AS above FROM orders AS o
    WHERE o.amount > (SELECT AVG(p.amount) FROM orders AS p)
    -> SELECT o.id, o.amount - once.v1 AS above FROM orders AS o,
       (SELECT AVG(p.amount) AS v1 FROM orders AS p) AS once WHERE o.amount > once.v1

Valid for at least two subqueries made of COUNT, SUM, AVG, MIN and MAX over the same sources, each in a place that has
one value for each row of its SELECT. Different conditions go to FILTER. SQLite computes every such subquery by
itself, even one that stands there twice.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import fresh_name, has_star, twin

from .base import Application
from .peer_values import is_scalar
from .scans import Scan, merged, scan
from .soundness import may_be_rebuilt, reads_for_each_row

NAME = "scalar_once"
KIND = "redundancy"


def applications(draft: Draft, schema: Schema) -> Iterator[Application]:
    alike: dict[tuple[int, str], list[Scan]] = {}
    for node in draft.query.find_all(exp.Subquery) if may_be_rebuilt(draft, schema) else ():
        outer = node.parent_select
        if outer is None or not outer.args.get("from_") or has_star(outer) or not is_scalar(node):
            continue
        found = scan(node) if reads_for_each_row(outer, node) and _may_be_joined(outer, node) else None
        if found is not None:
            alike.setdefault((id(outer), found.shape), []).append(found)
    for scans in alike.values():
        if len(scans) > 1:
            yield Application(
                f"{len(scans)} scans of {scans[0].rows.args['from_'].this.name}", _joined(draft, scans, schema)
            )


def _may_be_joined(outer: exp.Select, node: exp.Subquery) -> bool:
    """The node stands outside ON, and no outer join pads what is joined before."""
    joins = outer.args.get("joins") or []
    within = any(join is above for join in joins for above in _above(node))
    return not within and all(join.side in ("", "LEFT") and not join.args.get("using") for join in joins)


def _above(node: exp.Expr) -> Iterator[exp.Expr]:
    while node.parent is not None:
        node = node.parent
        yield node


def _joined(draft: Draft, scans: list[Scan], schema: Schema) -> Draft:
    name = fresh_name(draft, "once", schema)
    tree = draft.query.copy()
    places = [twin(tree, one.subquery) for one in scans]
    outer = places[0].parent_select
    assert outer is not None
    rows, values = merged(scans)
    shown: dict[str, exp.Expr] = {}
    for place, value in zip(places, values, strict=True):
        output = next((output for output, other in shown.items() if other == value), f"v{len(shown) + 1}")
        shown[output] = value
        place.replace(exp.column(output, table=name))
    rows.set("expressions", [exp.alias_(value, output) for output, value in shown.items()])
    derived = exp.Subquery(this=rows, alias=exp.TableAlias(this=exp.to_identifier(name)))
    outer.append("joins", exp.Join(this=derived))
    return draft.with_query(tree)
