"""The functions that proofs know: deterministic, and read by sqlglot without loss."""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from .algebra import NotUnderstood, Term
from .build import call

# The arguments in SQLite's order, by sqlglot's names.
_KNOWN: dict[type[exp.Expr], tuple[str, tuple[str, ...]]] = {
    exp.Upper: ("upper", ("this",)),
    exp.Lower: ("lower", ("this",)),
    exp.Length: ("length", ("this",)),
    exp.Abs: ("abs", ("this",)),
    exp.Substring: ("substr", ("this", "start", "length")),
    exp.Round: ("round", ("this", "decimals")),
    exp.Like: ("like", ("this", "expression")),
    exp.Glob: ("glob", ("this", "expression")),
    exp.Date: ("date", ("this", "expressions")),
    exp.Greatest: ("max", ("this", "expressions")),
    exp.Least: ("min", ("this", "expressions")),
}
_ANONYMOUS = frozenset(
    "julianday strftime date datetime time instr replace hex unicode sign ltrim rtrim trim typeof printf format"
    " power sqrt floor ceil ceiling unixepoch".split()
)


def function(node: exp.Expr, term: Callable[[exp.Expr], Term]) -> Term:
    """Raises NotUnderstood for any other function."""
    if isinstance(node, exp.Anonymous) and node.name.lower() in _ANONYMOUS:
        return call(node.name.lower(), tuple(term(argument) for argument in node.expressions))
    if isinstance(node, exp.TimeToStr):
        time = node.this.this if isinstance(node.this, exp.TsOrDsToTimestamp) else node.this
        return call("strftime", (term(node.args["format"]), term(time)))
    if type(node) not in _KNOWN:
        raise NotUnderstood(node.key)
    name, keys = _KNOWN[type(node)]
    if any(node.args.get(key) for key in node.args if key not in keys):
        raise NotUnderstood(f"arguments of {name}")
    given = [node.args[key] for key in keys if node.args.get(key)]
    arguments = [one for value in given for one in (value if isinstance(value, list) else [value])]
    return call(name, tuple(term(argument) for argument in arguments))
