"""Rows that are counted because they come before this one: a rank.

    SELECT u.id, (SELECT COUNT(*) + 1 FROM users AS v WHERE v.city IS u.city AND v.signup_date > u.signup_date) AS place
    FROM users AS u
    -> SELECT u.id, RANK() OVER (PARTITION BY u.city ORDER BY u.signup_date DESC) - 1 + 1 AS place FROM users AS u
    ... FROM orders AS o WHERE NOT EXISTS(SELECT 1 FROM orders AS p WHERE p.user_id = o.user_id AND p.id > o.id)
    -> ... FROM (SELECT ..., RANK() OVER (PARTITION BY p.user_id ORDER BY p.id DESC) AS place FROM orders AS p) AS o
       WHERE o.place = 1

Valid as running_to_window is, for COUNT(*) by < and > (RANK) and COUNT(DISTINCT x) of the one column that sorts
(DENSE_RANK), and for EXISTS by < and >. A rank cannot leave rows out: the outer SELECT must repeat the conditions on
the other rows.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft
from sqlopt_env.trees.schema import Schema

from .base import Application
from .peer_values import calls, is_count_before, is_scalar, is_value, of_none
from .peers import Peers, is_implied, peers
from .windowed import Use, shares_nothing, window, with_windows

NAME = "rank_to_window"
KIND = "join"


def applications(draft: Draft, schema: Schema) -> Iterator[Application]:
    uses = [*_counts(draft, schema), *_tests(draft, schema)]
    yield from with_windows(draft, uses, schema)


def _counts(draft: Draft, schema: Schema) -> Iterator[Use]:
    for node in draft.query.find_all(exp.Subquery):
        if not is_scalar(node) or len(node.this.expressions) != 1:
            continue
        found = peers(node.this, schema)
        value = node.this.expressions[0].unalias()
        if found is None or not is_value(value, found) or not is_count_before(value, found) or not is_implied(found):
            continue
        made = exp.Paren(this=value.copy())
        ranks = [_rank(call, found) for call in calls(made)]
        for call, rank in zip(calls(made), ranks, strict=True):
            if rank is not None:
                call.replace(exp.paren(rank, copy=False) if call.parent is not made else rank)
        if None not in ranks:
            yield Use(node, found, made.this.pop(), found.own)


def _tests(draft: Draft, schema: Schema) -> Iterator[Use]:
    for node in draft.query.find_all(exp.Exists):
        found = peers(node.this, schema)
        if found is None or not found.terms or found.with_self or not is_implied(found):
            continue
        negation = node.parent if isinstance(node.parent, exp.Not) else None
        rank = window(exp.Rank(), found, sorted_rows=True)
        kind, joined = (exp.EQ, exp.or_) if negation is not None else (exp.GT, exp.and_)
        first = kind(this=rank, expression=exp.Literal.number(1))
        empty = [part if negation is not None else exp.Not(this=part) for part in shares_nothing(found)]
        yield Use(negation or node, found, joined(first, *empty, copy=False), found.own)


def _rank(call: exp.Expr, found: Peers) -> exp.Expr | None:
    """COUNT(*) or COUNT(DISTINCT what sorts) of the rows before; None where no rank says the same."""
    if not isinstance(call, exp.Count):
        return None
    if isinstance(call.this, exp.Star):
        if found.with_self:
            return of_none(window(call.copy(), found, sorted_rows=True), found, zero=True)
        counted: exp.Expr = exp.Rank()
    else:
        values = call.this.expressions if isinstance(call.this, exp.Distinct) else []
        name = values[0].name if len(values) == 1 and isinstance(values[0], exp.Column) else ""
        if len(found.terms) != 1 or name != found.terms[0][0]:
            return None
        counted = exp.DenseRank()
    over: exp.Expr = window(counted, found, sorted_rows=True)
    if not found.with_self:
        over = exp.Sub(this=over, expression=exp.Literal.number(1))
    return of_none(over, found, zero=True)
