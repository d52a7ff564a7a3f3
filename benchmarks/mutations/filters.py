"""Mistakes in conditions: boundaries, brackets, negations, NULLs, lists and patterns."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from .edits import Kind, dropped_clause, edited, replaced, swapped_for, without_one

_COMPARISONS = (exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE)


def _between_half_open(tree: exp.Expr) -> Iterator[exp.Expr]:
    def change(node: exp.Expr) -> Iterator[exp.Expr]:
        value, low, high = (node.args[name] for name in ("this", "low", "high"))
        for above, below in ((exp.GTE, exp.LT), (exp.GT, exp.LTE)):
            lower = above(this=value.copy(), expression=low.copy())
            yield exp.paren(exp.And(this=lower, expression=below(this=value.copy(), expression=high.copy())))

    yield from replaced(tree, exp.Between, change)


def _conjunct_dropped(tree: exp.Expr) -> Iterator[exp.Expr]:
    yield from replaced(tree, exp.And, lambda node: [node.args["this"].copy(), node.args["expression"].copy()])


def _disjunct_dropped(tree: exp.Expr) -> Iterator[exp.Expr]:
    yield from replaced(tree, exp.Or, lambda node: [node.args["this"].copy(), node.args["expression"].copy()])


def _brackets_lost(tree: exp.Expr) -> Iterator[exp.Expr]:
    """a AND (b OR c) -> a AND b OR c"""

    def change(node: exp.Expr) -> Iterator[exp.Expr]:
        left, right = node.args["this"], node.args["expression"]
        for one, other in ((left, right), (right, left)):
            if isinstance(other, exp.Paren) and isinstance(other.this, exp.Or):
                joined = exp.And(this=one.copy(), expression=other.this.this.copy())
                yield exp.paren(exp.Or(this=joined, expression=other.this.expression.copy()))

    yield from replaced(tree, exp.And, change)


def _negation_dropped(tree: exp.Expr) -> Iterator[exp.Expr]:
    yield from replaced(tree, exp.Not, lambda node: [node.this.copy()])


def _negated(*types: type[exp.Expr]) -> Kind:
    def kind(tree: exp.Expr) -> Iterator[exp.Expr]:
        yield from replaced(
            tree, types, lambda node: [] if isinstance(node.parent, exp.Not) else [exp.not_(node.copy())]
        )

    return kind


def _null_safe(tree: exp.Expr) -> Iterator[exp.Expr]:
    """= -> IS, <> -> IS NOT"""

    def change(node: exp.Expr) -> Iterator[exp.Expr]:
        same = exp.Is(this=node.this.copy(), expression=node.args["expression"].copy())
        yield same if isinstance(node, exp.EQ) else exp.not_(same)

    yield from replaced(tree, (exp.EQ, exp.NEQ), change)


def _or_null(tree: exp.Expr) -> Iterator[exp.Expr]:
    def change(node: exp.Expr) -> Iterator[exp.Expr]:
        if isinstance(node.this, exp.Column):
            missing = exp.Is(this=node.this.copy(), expression=exp.Null())
            yield exp.paren(exp.Or(this=node.copy(), expression=missing))

    yield from replaced(tree, _COMPARISONS, change)


def _equals_null(tree: exp.Expr) -> Iterator[exp.Expr]:
    """IS NULL -> = NULL"""
    yield from replaced(
        tree,
        exp.Is,
        lambda node: (
            [exp.EQ(this=node.this.copy(), expression=node.args["expression"].copy())]
            if isinstance(node.args["expression"], exp.Null)
            else []
        ),
    )


def _coalesce_dropped(tree: exp.Expr) -> Iterator[exp.Expr]:
    yield from replaced(tree, exp.Coalesce, lambda node: [node.this.copy()])


def _list_shortened(tree: exp.Expr) -> Iterator[exp.Expr]:
    yield from replaced(tree, exp.In, without_one)


def _pattern_changed(tree: exp.Expr) -> Iterator[exp.Expr]:
    def change(node: exp.Expr) -> Iterator[exp.Expr]:
        pattern = node.args["expression"]
        if not isinstance(pattern, exp.Literal):
            return
        text = str(pattern.this)
        for other in {text.rstrip("%"), text.lstrip("%"), f"%{text}", f"{text}%", text.replace("_", "%")} - {text}:
            yield edited(node, expression=exp.Literal.string(other.replace("%%", "%")))

    yield from replaced(tree, exp.Like, lambda node: sorted(change(node), key=str))


def _like_as(tree: exp.Expr) -> Iterator[exp.Expr]:
    """LIKE -> GLOB or =, which mind the case"""

    def change(node: exp.Expr) -> Iterator[exp.Expr]:
        pattern = node.args["expression"]
        if isinstance(pattern, exp.Literal):
            glob = exp.Literal.string(str(pattern.this).replace("%", "*").replace("_", "?"))
            yield exp.Glob(this=node.this.copy(), expression=glob)
            yield exp.EQ(this=node.this.copy(), expression=exp.Literal.string(str(pattern.this).strip("%")))

    yield from replaced(tree, exp.Like, change)


def _case_ignored(tree: exp.Expr) -> Iterator[exp.Expr]:
    """= 'text' -> LIKE 'text'"""

    def change(node: exp.Expr) -> Iterator[exp.Expr]:
        if isinstance(node.args["expression"], exp.Literal) and node.args["expression"].is_string:
            yield exp.Like(this=node.this.copy(), expression=node.args["expression"].copy())

    yield from replaced(tree, exp.EQ, change)


KINDS: dict[str, Kind] = {
    "boundary": swapped_for({exp.GT: exp.GTE, exp.GTE: exp.GT, exp.LT: exp.LTE, exp.LTE: exp.LT}),
    "comparison turned round": swapped_for({exp.GT: exp.LT, exp.GTE: exp.LTE, exp.LT: exp.GT, exp.LTE: exp.GTE}),
    "= and <> exchanged": swapped_for({exp.EQ: exp.NEQ, exp.NEQ: exp.EQ}),
    "BETWEEN half open": _between_half_open,
    "conjunct dropped": _conjunct_dropped,
    "disjunct dropped": _disjunct_dropped,
    "AND and OR exchanged": swapped_for({exp.And: exp.Or, exp.Or: exp.And}),
    "brackets of OR lost": _brackets_lost,
    "NOT dropped": _negation_dropped,
    "EXISTS or IN negated": _negated(exp.Exists, exp.In),
    "IS NULL negated": _negated(exp.Is),
    "= made NULL-safe": _null_safe,
    "NULL let in": _or_null,
    "IS NULL as = NULL": _equals_null,
    "COALESCE dropped": _coalesce_dropped,
    "element of IN dropped": _list_shortened,
    "LIKE pattern changed": _pattern_changed,
    "LIKE as GLOB or =": _like_as,
    "= as LIKE": _case_ignored,
    "WHERE dropped": dropped_clause("where"),
    "HAVING dropped": dropped_clause("having"),
}
