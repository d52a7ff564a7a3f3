"""Aggregate functions over the symbolic rows of a group."""

from __future__ import annotations

from sqlglot import exp

from .logic import Formula, Unsupported, Value, both, choose, either, negation, number, same, total, when, z3
from .truth import numeric

Member = tuple[Formula, Value]  # whether it counts, and the argument's value


def each_once(members: list[Member]) -> list[Member]:
    """For DISTINCT: the first of those with the same value."""
    return [
        (both(there, *(negation(both(t, same(v, value))) for t, v in members[:i])), value)
        for i, (there, value) in enumerate(members)
    ]


def aggregated(node: exp.Expr, members: list[Member]) -> Value:
    """The function's value; `members` are without NULLs. Raises Unsupported."""
    count = total([when(there, 1, 0) for there, _ in members])
    if isinstance(node, exp.Count):
        return number(count)
    none = both(*(negation(there) for there, _ in members))
    if isinstance(node, exp.Sum):
        return _sum(members, none)
    if isinstance(node, exp.Avg):
        library, amount = z3(), _sum(members, none).number
        amount = library.ToReal(amount) if library.is_expr(amount) and amount.is_int() else amount
        divisor = library.ToReal(count) if library.is_expr(count) else count
        return Value(none, amount / divisor if library.is_expr(amount) else library.RealVal(amount), "real")
    if isinstance(node, exp.Min | exp.Max):
        return _extreme(members, isinstance(node, exp.Min), none)
    raise Unsupported(f"the aggregate function {node.key}")


def _sum(members: list[Member], none: Formula) -> Value:
    kinds = {numeric(value).kind for _, value in members}
    kind = "real" if "real" in kinds else "integer"
    return Value(none, total([when(there, value.number, 0) for there, value in members]), kind)


def _extreme(members: list[Member], smallest: bool, none: Formula) -> Value:
    best, found = Value(True, 0, ""), False
    for there, value in members:
        nearer = value.number < best.number if smallest else value.number > best.number
        better = both(there, either(negation(found), nearer))
        best, found = choose(better, Value(False, value.number, value.kind), best), either(found, there)
    return Value(none, best.number, best.kind)
