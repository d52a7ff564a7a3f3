"""The first rows of each group, picked by their number, become the rows that few others precede.

    SELECT d.id FROM (SELECT o.id AS id, ROW_NUMBER() OVER (PARTITION BY o.user_id ORDER BY o.order_date DESC, o.id DESC)
    AS rn FROM orders AS o) AS d WHERE d.rn = 1
    -> SELECT o.id AS id FROM orders AS o WHERE NOT EXISTS(SELECT 1 FROM orders AS o_2 WHERE o_2.user_id IS o.user_id AND
       (o_2.order_date > o.order_date OR (o_2.order_date = o.order_date AND o_2.id > o.id)))
    ... WHERE d.rn <= 3 -> ... WHERE (SELECT COUNT(*) ...) < 3, and likewise < 1 for the first

Valid for ROW_NUMBER when the order contains a declared key, and for RANK, where the columns of the order are never NULL
and the partition is made of columns of the one plain table. The number must be read once, by a conjunct of WHERE in a
SELECT with inner joins alone. A common table expression that is used once counts as a derived table. SQLite sorts once
for the window; it looks through the group of every row here.
"""  # noqa: E501

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft, conjuncts, own_nodes
from sqlopt_env.trees.reading import sources
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import (
    comparisons,
    has_only,
    has_star,
    inner_joins_only,
    selects,
    twin,
    whole_number,
    with_where,
)

from .queries import any_order_does, inlined
from .windows import order_terms, rows_of

NAME = "top_per_group_to_correlated"
_EXTRA = {exp.EQ: 0, exp.LTE: 0, exp.LT: -1}


def applications(draft: Draft, schema: Schema) -> Iterator[Draft]:
    flat = inlined(draft, schema)
    for outer in selects(flat) if any_order_does(draft) else ():
        for derived in sources(outer) if inner_joins_only(outer) and not has_star(outer) else ():
            picked = _picked(outer, derived) if isinstance(derived, exp.Subquery) else None
            if picked is None:
                continue
            number, part, few = picked
            for test in _few_before(flat, derived.this, number, few, schema):
                tree = flat.query.copy()
                changed, inner = twin(tree, outer), twin(tree, derived).this
                with_where(changed, [other for other in conjuncts(outer.args["where"]) if other is not part])
                with_where(inner, [*conjuncts(inner.args.get("where")), test])
                inner.set("expressions", [item for item in inner.expressions if item.alias != number.alias])
                _flatten(changed)
                yield flat.with_query(tree)


def _picked(outer: exp.Select, derived: exp.Subquery) -> tuple[exp.Expr, exp.Expr, int] | None:
    """(output that numbers the rows, conjunct that tests it, how many it lets through)."""
    inner = derived.this
    if not isinstance(inner, exp.Select) or not has_only(inner, "where") or len(own_nodes(inner, exp.Window)) != 1:
        return None
    for part in conjuncts(outer.args.get("where")):
        for comparison, left, kind, right in comparisons(part):
            if comparison is not part or not isinstance(left, exp.Column) or left.table != derived.alias:
                continue
            number = next((item for item in inner.expressions if item.alias == left.name), None)
            limit, extra = whole_number(right), _EXTRA.get(kind)
            if number is None or not isinstance(number.unalias(), exp.Window) or limit is None or extra is None:
                continue
            reads = [c for c in outer.find_all(exp.Column) if c.table == derived.alias and c.name == left.name]
            few = limit + extra if kind is not exp.EQ or limit == 1 else 0
            if len(reads) == 1 and few > 0 and len(inner.expressions) > 1:
                return number, part, few
    return None


def _few_before(draft: Draft, inner: exp.Select, number: exp.Expr, few: int, schema: Schema) -> Iterator[exp.Expr]:
    """The condition that fewer than so many rows precede this one, in the ways in which it can be said."""
    window, rows = number.unalias(), rows_of(draft, inner, schema)
    if (
        rows is None
        or not isinstance(window, exp.Window)
        or window.args.get("alias")
        or window.args.get("spec") is not None
    ):
        return
    terms = order_terms(window)
    ties, before = rows.same_group(window.args.get("partition_by") or []), rows.before(terms)
    known = isinstance(window.this, exp.Rank) or (isinstance(window.this, exp.RowNumber) and rows.is_total(terms))
    if ties is None or before is None or not known:
        return
    if few == 1:
        yield exp.Not(this=exp.Exists(this=rows.query(exp.Literal.number(1), [*ties, before])))
    count = rows.query(exp.Count(this=exp.Star(), big_int=True), [*ties, before])
    yield exp.LT(this=exp.Subquery(this=count), expression=exp.Literal.number(few))


def _flatten(select: exp.Select) -> None:
    """In place: a derived table that is the only source, and shows columns alone, gives way to its table."""
    derived = sources(select)[0]
    if len(sources(select)) > 1:
        return
    inner = derived.this
    named = {item.alias: item.unalias() for item in inner.expressions}
    nested = [query for query in select.find_all(exp.Select) if query is not select and query.parent is not derived]
    if not all(isinstance(value, exp.Column) for value in named.values()):
        return
    if any(inner not in _around(query) for query in nested):
        return  # its own sources could bear the name of the table
    select.set("from_", exp.From(this=sources(inner)[0].copy()))
    for column in list(select.find_all(exp.Column)):
        if column.table == derived.alias:
            column.replace(named[column.name].copy())
    with_where(select, [*conjuncts(inner.args.get("where")), *conjuncts(select.args.get("where"))])


def _around(node: exp.Expr) -> list[exp.Expr]:
    found = []
    while node.parent is not None:
        node = node.parent
        found.append(node)
    return found
