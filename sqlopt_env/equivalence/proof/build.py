"""Terms and formulas in simplified form. All of them are made here, so that equal ones mostly look equal."""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil, floor

from .algebra import (
    FALSE,
    NULL,
    ONE,
    TRUE,
    ZERO,
    And,
    Call,
    Case,
    Column,
    Compare,
    Exists,
    Formula,
    Literal,
    Null,
    Or,
    Term,
)
from .constants import fold, order_of, whole
from .kinds import is_strict, propagates_null, typeof

_MAX_PATHS = 8
_NEGATED = {"=": "<>", "<>": "="}


def conj(parts: Iterable[Formula]) -> Formula:
    flat: dict[Formula, None] = {}
    for part in parts:
        if part == FALSE:
            return FALSE
        flat.update(dict.fromkeys(part.parts if isinstance(part, And) else (part,)))
    return next(iter(flat)) if len(flat) == 1 else And(tuple(flat))


def disj(parts: Iterable[Formula]) -> Formula:
    flat: dict[Formula, None] = {}
    for part in parts:
        if part == TRUE:
            return TRUE
        flat.update(dict.fromkeys(part.parts if isinstance(part, Or) else (part,)))
    if any(isinstance(part, Null) and Null(part.term, not part.negated) in flat for part in flat):
        return TRUE
    return next(iter(flat)) if len(flat) == 1 else Or(tuple(flat))


def negate(formula: Formula) -> Formula:
    """Formulas are two-valued: "is true" becomes "is false or NULL"."""
    match formula:
        case And():
            return disj(negate(part) for part in formula.parts)
        case Or():
            return conj(negate(part) for part in formula.parts)
        case Null():
            return Null(formula.term, not formula.negated)
        case Exists():
            return Exists(formula.block, not formula.negated)
        case Compare():
            return disj((opposite(formula), is_null(formula.left), is_null(formula.right)))


def opposite(formula: Compare) -> Formula:
    """True where the comparison is false, not where it is NULL."""
    if formula.operator in _NEGATED:
        return compare(_NEGATED[formula.operator], formula.left, formula.right)
    return compare("<=" if formula.operator == "<" else "<", formula.right, formula.left)


def is_null(term: Term) -> Formula:
    match term:
        case Literal():
            return TRUE if term == NULL else FALSE
        case Call() if is_strict(term):
            return disj(is_null(argument) for argument in term.arguments)
        case Case():
            return disj(conj((guard, is_null(value))) for guard, value in paths(term))
        case _:
            return Null(term, False) if typeof(term).nullable else FALSE


def not_null(term: Term) -> Formula:
    return negate(is_null(term))


def paths(term: Term) -> list[tuple[Formula, Term]]:
    """The values of a CASE with the exact conditions on which it has them."""
    if not isinstance(term, Case):
        return [(TRUE, term)]
    found: list[tuple[Formula, Term]] = []
    before: Formula = TRUE
    for guard, value in term.branches:
        found += [(conj((before, guard, inner)), leaf) for inner, leaf in paths(value)]
        before = conj((before, negate(guard)))
    found += [(conj((before, inner)), leaf) for inner, leaf in paths(term.default)]
    return [(guard, value) for guard, value in found if guard != FALSE]


def compare(operator: str, left: Term, right: Term) -> Formula:
    """`operator` may also be > or >=."""
    if operator in (">", ">="):
        return compare("<" if operator == ">" else "<=", right, left)
    if NULL in (left, right):
        return FALSE
    if isinstance(left, Case) or isinstance(right, Case):
        pairs = [(conj((g, h)), a, b) for g, a in paths(left) for h, b in paths(right)]
        if len(pairs) <= _MAX_PATHS:
            return disj(conj((guard, compare(operator, a, b))) for guard, a, b in pairs)
    if isinstance(left, Literal) and isinstance(right, Literal):
        order = order_of(left, right)
        truth = {"=": order == 0, "<>": order != 0, "<": order < 0, "<=": order <= 0}[operator]
        return TRUE if truth else FALSE
    if left == right:
        return not_null(left) if operator in ("=", "<=") else FALSE
    return _sorted(*_with_whole_bound(operator, *_without_offset(left, right)))


def _sorted(operator: str, left: Term, right: Term) -> Formula:
    if operator in _NEGATED and _rank(right) < _rank(left):
        left, right = right, left
    return Compare(operator, left, right)


def _rank(term: Term) -> tuple[int, int, int, str]:
    if isinstance(term, Column):
        return (0, term.atom, term.index, "")
    return (2 if isinstance(term, Literal) else 1, 0, 0, repr(term))


def _without_offset(left: Term, right: Term) -> tuple[Term, Term]:
    """x + 5 against 13 is x against 8, for whole numbers."""
    for term, other in ((left, right), (right, left)):
        if (
            isinstance(term, Call)
            and term.name in ("+", "-")
            and isinstance(term.arguments[1], Literal)
            and typeof(term).classes == "I"
            and isinstance(other, Literal)
            and whole(other) is not None
        ):
            moved = fold("-" if term.name == "+" else "+", (other, term.arguments[1]))
            if moved is not None:
                return (term.arguments[0], moved) if term is left else (moved, term.arguments[0])
    return left, right


def _with_whole_bound(operator: str, left: Term, right: Term) -> tuple[str, Term, Term]:
    """Bounds of whole numbers become inclusive: x < 4 is x <= 3, and 5.0 is 5."""
    for term, bound in ((left, right), (right, left)):
        if typeof(term).classes != "I" or not isinstance(bound, Literal) or bound.kind not in "IR":
            continue
        value = bound.value
        if not isinstance(value, int | float) or abs(value) > 2**53:
            continue
        if operator in _NEGATED:
            if value == int(value):
                bound = Literal("I", int(value))
            return (operator, term, bound) if term is left else (operator, bound, term)
        if term is left:
            return "<=", term, Literal("I", ceil(value) - 1 if operator == "<" else floor(value))
        return "<=", Literal("I", floor(value) + 1 if operator == "<" else ceil(value)), term
    return operator, left, right


def same(left: Term, right: Term) -> Formula:
    """IS: equal, or both NULL."""
    return disj((compare("=", left, right), conj((is_null(left), is_null(right)))))


def truthy(term: Term) -> Formula:
    return compare("<>", number(term), ZERO)


def falsy(term: Term) -> Formula:
    return compare("=", number(term), ZERO)


def number(term: Term) -> Term:
    """The value as conditions and arithmetic read it."""
    if isinstance(term, Case):
        return case([(guard, number(value)) for guard, value in term.branches], number(term.default))
    return term if set(typeof(term).classes) <= {"I", "R"} else call("number", (term,))


def boolean(true: Formula, false: Formula) -> Term:
    """The value of a condition: 1, 0 or NULL."""
    return case([(true, ONE), (false, ZERO)], NULL)


def case(branches: Iterable[tuple[Formula, Term]], default: Term) -> Term:
    kept: list[tuple[Formula, Term]] = []
    for guard, value in branches:
        if guard == TRUE:
            default = value
            break
        if guard != FALSE:
            kept.append((guard, value))
    if kept and default != kept[-1][1] and negate(kept[-1][0]) in [guard for guard, _ in kept]:
        default = kept.pop()[1]  # the last guard is all that the guards before it leave
    while kept and kept[-1][1] == default:
        kept.pop()
    if len(kept) > 1 and default == NULL and kept[-1][0] == negate(disj(guard for guard, _ in kept[:-1])):
        default = kept.pop()[1]
    if len(kept) == 1 and isinstance(default, Case):
        return Case((*kept, *default.branches), default.default)
    return Case(tuple(kept), default) if kept else default


def call(name: str, arguments: tuple[Term, ...]) -> Term:
    if propagates_null(name) and NULL in arguments:
        return NULL
    if all(isinstance(argument, Literal) for argument in arguments):
        folded = fold(name, tuple(argument for argument in arguments if isinstance(argument, Literal)))
        if folded is not None:
            return folded
    if name in ("+", "*"):
        arguments = tuple(sorted(arguments, key=_rank))
        if name == "*" and arguments[1] == ONE and set(typeof(arguments[0]).classes) <= {"I", "R"}:
            return arguments[0]
    # (Whole numbers that overflow become real ones: CAST(x * x AS INTEGER) is not x * x.)
    overflows = name == "cast integer" and "n" not in typeof(arguments[0]).form
    if name.startswith("cast ") and not overflows and typeof(arguments[0]).classes in _CAST_IS_NO_OP.get(name, ()):
        return arguments[0]
    return Call(name, arguments)


_CAST_IS_NO_OP = {
    "cast integer": ("I",),
    "cast real": ("R",),
    "cast text": ("T",),
    "cast numeric": ("I", "R", "IR"),
}
