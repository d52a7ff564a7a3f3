"""Mistakes in joins, set operations, order, and the query as a whole."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from .edits import Kind, dropped_clause, edited, replaced, swapped_for, without_one


def _join_kind(tree: exp.Expr) -> Iterator[exp.Expr]:
    def change(node: exp.Expr) -> Iterator[exp.Expr]:
        sides = {str(node.args.get("side") or ""), "CROSS" if node.args.get("kind") == "CROSS" else ""}
        if "CROSS" not in sides:
            yield from (edited(node, side=side or None) for side in ("", "LEFT", "RIGHT", "FULL") if side not in sides)
            if node.args.get("side"):
                yield edited(node, side=None)

    yield from replaced(tree, exp.Join, change)


def _join_dropped(tree: exp.Expr) -> Iterator[exp.Expr]:
    """A join taken away where nothing but its own condition names its table."""

    def change(node: exp.Expr) -> Iterator[None]:
        own = set(map(id, node.find_all(exp.Column)))
        if not any(c.table == node.alias_or_name for c in tree.find_all(exp.Column) if id(c) not in own):
            yield None

    yield from replaced(tree, exp.Join, change)


def _on_as_where(tree: exp.Expr) -> Iterator[exp.Expr]:
    """The last conjunct of ON moved into WHERE."""

    def change(node: exp.Expr) -> Iterator[exp.Expr]:
        assert isinstance(node, exp.Select)
        for i, join in enumerate(node.args.get("joins") or []):
            on = join.args.get("on")
            if isinstance(on, exp.And):
                copy = node.copy()
                copy.args["joins"][i].set("on", on.this.copy())
                yield copy.where(on.args["expression"].copy(), copy=False)

    yield from replaced(tree, exp.Select, change)


def _where_as_on(tree: exp.Expr) -> Iterator[exp.Expr]:
    """The last conjunct of WHERE moved into the first ON."""

    def change(node: exp.Expr) -> Iterator[exp.Expr]:
        where, joins = node.args.get("where"), node.args.get("joins") or []
        if where is None or not joins or joins[0].args.get("on") is None:
            return
        copy = node.copy()
        moved = where.this.args["expression"] if isinstance(where.this, exp.And) else where.this
        copy.set("where", exp.Where(this=where.this.this.copy()) if isinstance(where.this, exp.And) else None)
        copy.args["joins"][0].set("on", exp.and_(joins[0].args["on"].copy(), moved.copy()))
        yield copy

    yield from replaced(tree, exp.Select, change)


def _key_off_by_one(tree: exp.Expr) -> Iterator[exp.Expr]:
    """a.x = b.y -> a.x = b.y + 1, as in a self-join of neighbours"""

    def change(node: exp.Expr) -> Iterator[exp.Expr]:
        if isinstance(node.this, exp.Column) and isinstance(node.args["expression"], exp.Column):
            right = node.args["expression"].copy()
            yield edited(node, expression=exp.Add(this=right, expression=exp.Literal.number(1)))

    yield from replaced(tree, exp.EQ, change)


def _semi_join_as_join(tree: exp.Expr) -> Iterator[exp.Expr]:
    """x IN (SELECT y ...) -> JOIN (SELECT y ...) ON x = y, which repeats rows"""

    def change(node: exp.Expr) -> Iterator[exp.Expr]:
        where = node.args.get("where")
        conjuncts = list(where.this.flatten()) if where is not None and isinstance(where.this, exp.And) else []
        for member in conjuncts or ([where.this] if where is not None else []):
            query = member.args.get("query") if isinstance(member, exp.In) else None
            if query is None or not isinstance(query.this, exp.Select):
                continue
            inner = query.this.copy()
            inner.expressions[0].replace(exp.alias_(inner.expressions[0].unalias().copy(), "joined"))
            copy = node.copy()
            rest = [other.copy() for other in conjuncts if other is not member]
            copy.set("where", exp.Where(this=exp.and_(*rest)) if rest else None)
            on = exp.EQ(this=member.this.copy(), expression=exp.column("joined", table="semi"))
            copy.append("joins", exp.Join(this=inner.subquery("semi"), on=on))
            yield copy

    yield from replaced(tree, exp.Select, change)


def _union_kind(tree: exp.Expr) -> Iterator[exp.Expr]:
    yield from replaced(tree, exp.Union, lambda node: [edited(node, distinct=not node.args.get("distinct"))])


def _branch_dropped(tree: exp.Expr) -> Iterator[exp.Expr]:
    def change(node: exp.Expr) -> Iterator[exp.Expr]:
        for branch in (node.this, node.args["expression"]):
            yield edited(branch, **{name: node.args.get(name) for name in ("order", "limit", "offset", "with_")})

    yield from replaced(tree, (exp.Union, exp.Except, exp.Intersect), change)


def _distinct_added(tree: exp.Expr) -> Iterator[exp.Expr]:
    yield from replaced(
        tree, exp.Select, lambda node: [] if node.args.get("distinct") else [edited(node, distinct=exp.Distinct())]
    )


def _direction(tree: exp.Expr) -> Iterator[exp.Expr]:
    def change(node: exp.Expr) -> Iterator[exp.Expr]:
        down = not node.args.get("desc")
        yield edited(node, desc=down, nulls_first=not down)

    yield from replaced(tree, exp.Ordered, change)


def _nulls_elsewhere(tree: exp.Expr) -> Iterator[exp.Expr]:
    yield from replaced(tree, exp.Ordered, lambda node: [edited(node, nulls_first=not node.args.get("nulls_first"))])


def _order_shortened(tree: exp.Expr) -> Iterator[exp.Expr]:
    yield from replaced(tree, exp.Order, without_one)


def _order_exchanged(tree: exp.Expr) -> Iterator[exp.Expr]:
    yield from replaced(
        tree,
        exp.Order,
        lambda node: (
            [edited(node, expressions=[term.copy() for term in reversed(node.expressions)])]
            if len(node.expressions) > 1
            else []
        ),
    )


def _window_size(tree: exp.Expr) -> Iterator[exp.Expr]:
    """LIMIT or OFFSET one more or less."""

    def change(node: exp.Expr) -> Iterator[exp.Expr]:
        if isinstance(node.args["expression"], exp.Literal):
            number = int(node.args["expression"].this)
            yield from (edited(node, expression=exp.Literal.number(n)) for n in (number - 1, number + 1) if n >= 0)

    yield from replaced(tree, (exp.Limit, exp.Offset), change)


def _limit_added(tree: exp.Expr) -> Iterator[exp.Expr]:
    if tree.args.get("limit") is None:
        yield from (edited(tree, limit=exp.Limit(expression=exp.Literal.number(n))) for n in (1, 10, 25))


def _hard_coded(tree: exp.Expr) -> Iterator[exp.Expr]:
    """One column's value made a constant, which is right for some databases."""
    if isinstance(tree, exp.Select):
        for i, output in enumerate(tree.expressions):
            for constant in (exp.Literal.number(0), exp.Null()):
                copy = tree.copy()
                copy.expressions[i].replace(
                    exp.alias_(constant.copy(), output.alias_or_name or "constant", quoted=True)
                )
                yield copy


def _filter_added(tree: exp.Expr) -> Iterator[exp.Expr]:
    """Rows without a value left out, as if every column were NOT NULL."""
    if isinstance(tree, exp.Select):
        for column in tree.find_all(exp.Column):
            if column.find_ancestor(exp.Select) is tree and not column.find_ancestor(exp.Order, exp.Group):
                yield tree.copy().where(exp.not_(exp.Is(this=column.copy(), expression=exp.Null())), copy=False)


KINDS: dict[str, Kind] = {
    "join kind": _join_kind,
    "join dropped": _join_dropped,
    "ON as WHERE": _on_as_where,
    "WHERE as ON": _where_as_on,
    "key off by one": _key_off_by_one,
    "semi join as join": _semi_join_as_join,
    "UNION and UNION ALL": _union_kind,
    "EXCEPT and INTERSECT": swapped_for({exp.Except: exp.Intersect, exp.Intersect: exp.Except}),
    "branch dropped": _branch_dropped,
    "DISTINCT dropped": dropped_clause("distinct"),
    "DISTINCT added": _distinct_added,
    "direction": _direction,
    "NULLS FIRST and LAST": _nulls_elsewhere,
    "ORDER BY dropped": dropped_clause("order"),
    "term of ORDER BY dropped": _order_shortened,
    "terms of ORDER BY exchanged": _order_exchanged,
    "LIMIT or OFFSET off by one": _window_size,
    "LIMIT dropped": dropped_clause("limit"),
    "OFFSET dropped": dropped_clause("offset"),
    "LIMIT added": _limit_added,
    "constant in a column's place": _hard_coded,
    "IS NOT NULL added": _filter_added,
}
