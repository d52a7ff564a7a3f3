"""What a subquery over peers computes, as windows: aggregates with their FILTER, frame and value for no rows."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import free_names

from .peers import Peers, is_implied, peers
from .windowed import Use, shares_nothing, window

_KNOWN = (exp.Count, exp.Sum, exp.Avg, exp.Min, exp.Max)


def aggregate_uses(draft: Draft, schema: Schema) -> Iterator[Use]:
    """Every scalar subquery over peers whose value is made of aggregates; counts of the rows before are left out."""
    for node in draft.query.find_all(exp.Subquery):
        if not is_scalar(node) or len(node.this.expressions) != 1:
            continue
        found = peers(node.this, schema)
        value = node.this.expressions[0].unalias()
        if found is None or not is_value(value, found) or is_count_before(value, found):
            continue
        implied = is_implied(found)
        made = exp.Paren(this=value.copy())
        for call in calls(made):
            call.replace(_windowed(call, found, implied))
        yield Use(node, found, made.this.pop(), found.own if implied else ())


def is_scalar(node: exp.Subquery) -> bool:
    """Not a source, nor what IN or EXISTS looks through."""
    return not isinstance(node.parent, exp.From | exp.Join | exp.In | exp.Exists | exp.CTE | exp.SetOperation)


def is_count_before(value: exp.Expr, found: Peers) -> bool:
    """One count of the rows before this one: rank_to_window knows a cheaper window for it."""
    found_calls = calls(exp.Paren(this=value.copy()))
    return bool(found.terms) and any(
        isinstance(call, exp.Count) and isinstance(call.this, exp.Star | exp.Distinct) for call in found_calls
    )


def calls(value: exp.Expr) -> list[exp.Expr]:
    """The aggregate calls in a value, each with its FILTER."""
    found = list(value.find_all(exp.AggFunc))
    return [call.parent if isinstance(call.parent, exp.Filter) else call for call in found]


def is_value(value: exp.Expr, found: Peers) -> bool:
    """Made of aggregates that a window knows, over columns of the other row, and of constants."""
    bare = exp.Paren(this=value.copy())
    if free_names(bare) - {found.inner}:
        return False
    known = calls(bare)
    for call in known:
        inside = call.this if isinstance(call, exp.Filter) else call
        several = isinstance(inside, exp.Min | exp.Max) and inside.expressions
        distinct = inside.find(exp.Distinct) is not None and not is_count_before(inside, found)
        if not isinstance(inside, _KNOWN) or several or distinct:
            return False
        call.replace(exp.Literal.number(1))
    left = (exp.Column, exp.AggFunc, exp.Anonymous, exp.Query, exp.Window, exp.Star, exp.Filter)
    return bool(known) and not any(isinstance(node, left) for node in bare.walk())


def _windowed(call: exp.Expr, found: Peers, implied: bool) -> exp.Expr:
    inside = call.copy()
    if not implied:
        wanted = [part.copy() for part in found.own]
        if isinstance(inside, exp.Filter):
            wanted.append(inside.expression.this)
            inside = inside.this
        inside = exp.Filter(this=inside, expression=exp.Where(this=exp.and_(*wanted, copy=False)))
    over = window(inside, found, sorted_rows=True, strict=bool(found.terms) and not found.with_self)
    return of_none(over, found, zero=isinstance(call.this if isinstance(call, exp.Filter) else call, exp.Count))


def of_none(value: exp.Expr, found: Peers, *, zero: bool) -> exp.Expr:
    """The value, or 0 or NULL where a NULL in the partition shares nothing with any row."""
    empty = shares_nothing(found)
    if not empty:
        return value
    full = [exp.Not(this=condition) for condition in empty]
    case = exp.If(this=exp.and_(*full, copy=False), true=value)
    return exp.Case(ifs=[case], default=exp.Literal.number(0) if zero else None)
