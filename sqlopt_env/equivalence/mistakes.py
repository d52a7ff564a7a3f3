"""Queries that differ from a query by one plausible mistake: what a task's small databases must be able to tell apart.

After the neighbour queries of Zhong, Yu and Klein, "Semantic Evaluation for Text-to-SQL with Distilled Test Suites"
(EMNLP 2020).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sqlglot import exp

from .parsing import parsed

_OTHER_COMPARISON: dict[type[exp.Expr], type[exp.Expr]] = {
    exp.LT: exp.LTE, exp.LTE: exp.LT, exp.GT: exp.GTE, exp.GTE: exp.GT, exp.EQ: exp.GTE, exp.NEQ: exp.GT,
}  # fmt: skip
_OTHER_AGGREGATE: dict[type[exp.Expr], type[exp.Expr]] = {
    exp.Sum: exp.Avg, exp.Avg: exp.Max, exp.Min: exp.Max, exp.Max: exp.Min,
}  # fmt: skip
_OTHER_SET: dict[type[exp.Expr], type[exp.Expr]] = {
    exp.Union: exp.Intersect, exp.Intersect: exp.Except, exp.Except: exp.Union,
}  # fmt: skip
_CLAUSES = ("where", "having", "distinct", "limit", "offset", "group", "order")


def mistakes(query: str, most: int) -> list[str]:
    """Up to `most` mutants, spread over the query; some may not be SQL that SQLite accepts."""
    tree = parsed(query)
    if tree is None:
        return []
    found: dict[str, None] = {}
    try:
        for number, node in enumerate(tree.walk()):
            for change in _changes(node):
                mutant = tree.copy()
                place = next(copy for i, copy in enumerate(mutant.walk()) if i == number)
                change(place)
                found[mutant.sql(dialect="sqlite")] = None
    except RecursionError:
        pass
    found.pop(tree.sql(dialect="sqlite"), None)
    step = max(1, -(-len(found) // most))
    return list(found)[::step]


def _changes(node: exp.Expr) -> Iterator[Callable[[exp.Expr], object]]:
    """What can be done wrong at one node, each as a change to a copy of it."""
    kind = type(node)
    if isinstance(node, exp.And | exp.Or) and node.parent is not None:
        yield lambda copy: copy.replace(copy.this)
        yield lambda copy: copy.replace(copy.expression)
    elif other := _OTHER_COMPARISON.get(kind) or _OTHER_AGGREGATE.get(kind):
        yield lambda copy: copy.replace(other(**copy.args))
    elif isinstance(node, exp.Not | exp.Coalesce | exp.Lower | exp.Upper) and node.parent is not None:
        yield lambda copy: copy.replace(copy.this)
    elif isinstance(node, exp.Exists | exp.In | exp.Is):
        yield lambda copy: copy.replace(exp.Not(this=copy.copy()))
    elif isinstance(node, exp.Count) and not isinstance(node.this, exp.Star):
        yield lambda copy: copy.set("this", exp.Star())
    elif isinstance(node, exp.Literal):
        yield _another_literal
    elif isinstance(node, exp.Join):
        yield lambda copy: copy.set("side", None if copy.args.get("side") else "LEFT")
    elif isinstance(node, exp.Ordered):
        yield lambda copy: copy.set("desc", not copy.args.get("desc"))
    elif isinstance(node, exp.Distinct) and isinstance(node.parent, exp.AggFunc):
        yield lambda copy: copy.replace(copy.expressions[0])
    elif isinstance(node, exp.SetOperation):
        yield lambda copy: copy.set("distinct", not copy.args.get("distinct"))
        yield lambda copy: copy.replace(_OTHER_SET[kind](**copy.args))
    if isinstance(node, exp.Query):
        for clause in _CLAUSES:
            if node.args.get(clause) is not None and not (clause == "distinct" and isinstance(node, exp.SetOperation)):
                yield lambda copy, clause=clause: copy.set(clause, None)  # type: ignore[misc]
    if isinstance(node, exp.Group) and len(node.expressions) > 1:
        yield lambda copy: copy.set("expressions", copy.expressions[:-1])


def _another_literal(literal: exp.Expr) -> None:
    if literal.args.get("is_string"):
        literal.set("this", str(literal.this).swapcase() + "x")
    else:
        literal.set("this", f"{float(literal.this) + 1:g}")
