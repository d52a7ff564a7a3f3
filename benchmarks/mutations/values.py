"""Mistakes in values: constants, columns, operands, CASE, division and rounding."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta

from sqlglot import exp

from .edits import Kind, edited, replaced, without_one

_DAY = re.compile(r"\d{4}-\d\d-\d\d")


def _number_changed(tree: exp.Expr) -> Iterator[exp.Expr]:
    def change(node: exp.Expr) -> Iterator[exp.Expr]:
        if node.args["is_string"] or isinstance(node.parent, exp.Limit | exp.Offset | exp.Ordered | exp.Group):
            return
        if node.is_int:
            yield from (exp.Literal.number(int(node.this) + step) for step in (-1, 1))
        else:
            yield from (exp.Literal.number(float(node.this) + step) for step in (-0.5, 0.5))

    yield from replaced(tree, exp.Literal, change)


def _day_changed(tree: exp.Expr) -> Iterator[exp.Expr]:
    def change(node: exp.Expr) -> Iterator[exp.Expr]:
        if node.args["is_string"] and _DAY.fullmatch(str(node.this)):
            day = date.fromisoformat(str(node.this))
            yield from (exp.Literal.string((day + timedelta(days=step)).isoformat()) for step in (-1, 1))

    yield from replaced(tree, exp.Literal, change)


def _text_changed(tree: exp.Expr) -> Iterator[exp.Expr]:
    def change(node: exp.Expr) -> Iterator[exp.Expr]:
        text = str(node.this)
        if node.args["is_string"] and text and "%" not in text and not _DAY.fullmatch(text):
            yield from (
                exp.Literal.string(other) for other in (text.swapcase(), f"{text} ", text[:-1]) if other != text
            )

    yield from replaced(tree, exp.Literal, change)


def other_columns(tree: exp.Expr, columns: dict[str, dict[str, str]]) -> Iterator[exp.Expr]:
    """A column of the same type and table in another's place. `columns` has types by table and column."""
    aliases = {table.alias_or_name: table.name for table in tree.find_all(exp.Table)}

    def change(node: exp.Expr) -> Iterator[exp.Expr]:
        holders = (
            [aliases[node.args["table"].name]] if node.args.get("table") and node.args["table"].name in aliases else []
        )
        if not holders:
            holders = [name for name in aliases.values() if node.name in columns.get(name, {})]
        for holder in holders[:1]:
            kind = columns.get(holder, {}).get(node.name)
            others = [name for name, other in columns.get(holder, {}).items() if other == kind and name != node.name]
            yield from (edited(node, this=exp.to_identifier(name)) for name in others)

    yield from replaced(tree, exp.Column, change)


def _operands_exchanged(tree: exp.Expr) -> Iterator[exp.Expr]:
    yield from replaced(
        tree,
        (exp.Sub, exp.Div, exp.Mod, exp.DPipe),
        lambda node: [edited(node, this=node.args["expression"], expression=node.this)],
    )


def _operator_changed(tree: exp.Expr) -> Iterator[exp.Expr]:
    others: dict[type[exp.Expr], type[exp.Expr]] = {exp.Add: exp.Sub, exp.Sub: exp.Add, exp.Mul: exp.Add}
    yield from replaced(
        tree,
        tuple(others),
        lambda node: [others[type(node)](this=node.this.copy(), expression=node.args["expression"].copy())],
    )


def _division_changed(tree: exp.Expr) -> Iterator[exp.Expr]:
    """Whole division made real, and the reverse."""

    def change(node: exp.Expr) -> Iterator[exp.Expr]:
        real = exp.Mul(this=node.args["expression"].copy(), expression=exp.Literal.number("1.0"))
        yield edited(node, expression=exp.paren(real))
        yield exp.cast(node.copy(), "INTEGER")

    yield from replaced(tree, exp.Div, change)


def _case_shortened(tree: exp.Expr) -> Iterator[exp.Expr]:
    def change(node: exp.Expr) -> Iterator[exp.Expr]:
        yield from without_one(node, "ifs")
        if node.args.get("default") is not None:
            yield edited(node, default=None)
        else:
            yield edited(node, default=exp.Literal.number(0))

    yield from replaced(tree, exp.Case, change)


def _case_exchanged(tree: exp.Expr) -> Iterator[exp.Expr]:
    """The values of CASE's first branch and of ELSE."""

    def change(node: exp.Expr) -> Iterator[exp.Expr]:
        default = node.args.get("default")
        if default is not None:
            copy = node.copy()
            first = copy.args["ifs"][0]
            value = first.args["true"].copy()
            first.set("true", default.copy())
            copy.set("default", value)
            yield copy

    yield from replaced(tree, exp.Case, change)


def _rounded(tree: exp.Expr) -> Iterator[exp.Expr]:
    """ROUND dropped, or with another number of decimals."""

    def change(node: exp.Expr) -> Iterator[exp.Expr]:
        yield node.this.copy()
        if node.args.get("decimals") is not None:
            yield edited(node, decimals=None)

    yield from replaced(tree, exp.Round, change)


def _cast_dropped(tree: exp.Expr) -> Iterator[exp.Expr]:
    yield from replaced(tree, exp.Cast, lambda node: [node.this.copy()])


def _function_dropped(tree: exp.Expr) -> Iterator[exp.Expr]:
    yield from replaced(tree, (exp.Lower, exp.Upper, exp.Abs, exp.Length), lambda node: [node.this.copy()])


KINDS: dict[str, Kind] = {
    "number off by one": _number_changed,
    "day off by one": _day_changed,
    "text changed": _text_changed,
    "operands exchanged": _operands_exchanged,
    "operator changed": _operator_changed,
    "whole and real division": _division_changed,
    "CASE branch dropped": _case_shortened,
    "CASE values exchanged": _case_exchanged,
    "ROUND dropped": _rounded,
    "CAST dropped": _cast_dropped,
    "function dropped": _function_dropped,
}
