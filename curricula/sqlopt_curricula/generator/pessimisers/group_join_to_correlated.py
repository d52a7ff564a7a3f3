"""An inner join with grouped rows becomes correlated subqueries, one for each use.

    SELECT o.id FROM orders AS o JOIN (SELECT p.product AS k, AVG(p.amount) AS a FROM orders AS p GROUP BY p.product) AS g
    ON g.k = o.product WHERE o.amount > g.a
    -> SELECT o.id FROM orders AS o WHERE o.amount > (SELECT AVG(p.amount) FROM orders AS p WHERE p.product = o.product)

Valid when the join equates all the grouping columns with columns of the same type, there is neither HAVING nor LIMIT
inside, every use is an aggregate, and some condition fails for a row without a group, which the join drops: a comparison
with SUM, AVG, MIN or MAX, NULL of no rows, or one of COUNT with a number that 0 does not satisfy. (Sums of floats may
differ by rounding.) SQLite groups once, and may walk from the groups to the rows; the subquery runs for every row.
"""  # noqa: E501

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft, conjuncts
from sqlopt_env.trees.reading import sources
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import comparisons, has_star, twin, whole_number, with_where

from .grouped import Grouped, grouped_joins, is_null_of_none, reads_only
from .queries import any_order_does, conditions_of, inlined

NAME = "group_join_to_correlated"


def applications(draft: Draft, schema: Schema) -> Iterator[Draft]:
    flat = inlined(draft, schema)
    for grouped in grouped_joins(flat, schema) if any_order_does(draft) else ():
        outer, uses = grouped.outer, grouped.uses()
        if grouped.is_left or len(sources(outer)) < 2 or has_star(outer):
            continue
        if not all(column.name in grouped.values and reads_only(outer, column) for column in uses):
            continue
        conditions = conditions_of(outer)
        matched = {id(match) for match in grouped.matches}
        if not any(_fails_without_group(part, grouped) for part in conditions if id(part) not in matched):
            continue
        tree = flat.query.copy()
        changed = twin(tree, outer)
        here = {id(part): twin(tree, part) for part in conditions}
        ties = {id(here[id(match)]) for match in grouped.matches}
        for column in uses:
            twin(tree, column).replace(grouped.lookup(column.name))
        _leave_out(changed, grouped.source.alias, ties)
        yield flat.with_query(tree)


def _leave_out(select: exp.Select, name: str, ties: set[int]) -> None:
    """In place: the source and the equalities go; conditions that lose their join stay in WHERE."""
    where = [part for part in conjuncts(select.args.get("where")) if id(part) not in ties]
    joins: list[exp.Join] = []
    first = None if select.args["from_"].this.alias_or_name == name else select.args["from_"].this
    for join in select.args.get("joins") or []:
        on = [part for part in conjuncts(join.args.get("on")) if id(part) not in ties]
        if join.this.alias_or_name == name or first is None:
            where += on
            first = first if join.this.alias_or_name == name else join.this
        else:
            kept = exp.and_(*[part.copy() for part in on], copy=False) if on else None
            joins.append(exp.Join(this=join.this.copy(), kind=join.args.get("kind"), on=kept))
    assert first is not None
    with_where(select, where)
    select.set("from_", exp.From(this=first.copy()))
    select.set("joins", joins or None)


def _fails_without_group(part: exp.Expr, grouped: Grouped) -> bool:
    if isinstance(part, exp.Paren):
        return _fails_without_group(part.this, grouped)
    for comparison, left, kind, right in comparisons(part):
        if comparison is not part:
            continue
        if _is_null_without_group(left, grouped):
            return True
        value = grouped.values.get(left.name) if _is_output(left, grouped) else None
        number = whole_number(right)
        if isinstance(value, exp.Count) and number is not None and not _holds(0, kind, number):
            return True
    return False


def _is_output(node: exp.Expr, grouped: Grouped) -> bool:
    return isinstance(node, exp.Column) and node.table == grouped.source.alias


def _is_null_without_group(node: exp.Expr, grouped: Grouped) -> bool:
    if isinstance(node, exp.Add | exp.Sub | exp.Mul | exp.Div):
        return _is_null_without_group(node.left, grouped) or _is_null_without_group(node.right, grouped)
    if isinstance(node, exp.Paren):
        return _is_null_without_group(node.this, grouped)
    return _is_output(node, grouped) and is_null_of_none(grouped.values[node.name])


def _holds(value: int, kind: type[exp.Binary], number: int) -> bool:
    return {
        exp.EQ: value == number, exp.NEQ: value != number, exp.LT: value < number, exp.LTE: value <= number,
        exp.GT: value > number, exp.GTE: value >= number,
    }[kind]  # fmt: skip
