"""Small questions about sqlglot's trees: what belongs to one SELECT, which functions are aggregates."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

_OTHER_AGGREGATES = frozenset(("total", "percentile", "percentile_cont", "percentile_disc"))


def own_nodes(expression: exp.Expr) -> Iterator[exp.Expr]:
    """An expression's nodes without those inside of subqueries."""
    for node in expression.walk(prune=lambda node: isinstance(node, exp.Query)):
        if not isinstance(node, exp.Query):
            yield node


def is_aggregate(node: exp.Expr) -> bool:
    """Whether it is an aggregate function, and not one over a window."""
    named = isinstance(node, exp.Anonymous) and node.name.lower() in _OTHER_AGGREGATES
    above = node.parent.parent if isinstance(node.parent, exp.Filter) else node.parent
    return (named or isinstance(node, exp.AggFunc)) and not (isinstance(above, exp.Window) and node.arg_key == "this")


def conjuncts(condition: exp.Expr) -> Iterator[exp.Expr]:
    condition = condition.unnest()
    if isinstance(condition, exp.And):
        yield from conjuncts(condition.left)
        yield from conjuncts(condition.right)
    else:
        yield condition


def place_of(query: exp.Expr) -> exp.Expr | None:
    """What a subquery stands in, parentheses left aside."""
    parent = query.parent
    while isinstance(parent, exp.Subquery) and not parent.alias and not isinstance(parent.parent, exp.From | exp.Join):
        parent = parent.parent
    return parent


def bare_columns(expression: exp.Expr, grouped: set[str], unknown: bool) -> Iterator[exp.Column]:
    """Columns outside of aggregates and of the expressions that GROUP BY names (as texts).

    `unknown`: look also into functions that sqlglot does not know, which may be aggregates of another program.
    """
    if isinstance(expression, exp.Query | exp.Filter) or is_aggregate(expression):
        return
    if (not unknown and isinstance(expression, exp.Anonymous)) or (grouped and text_of(expression) in grouped):
        return
    if isinstance(expression, exp.Column):
        yield expression
    for child in expression.iter_expressions():
        yield from bare_columns(child, grouped, unknown)


def unwrapped(query: exp.Expr) -> exp.Expr:
    while isinstance(query, exp.Subquery) and not query.args.get("joins"):
        query = query.this
    return query


def text_of(expression: exp.Expr) -> str:
    """The same for expressions that differ only in the case of names and keywords."""
    return expression.unnest().sql(dialect="sqlite").lower()
