"""Comparisons with SQLite's conversions made explicit (datatype3.html, section 4.2)."""

from __future__ import annotations

from .algebra import Case, Formula, Literal, NotUnderstood, Term
from .build import call, case, compare
from .constants import as_number
from .kinds import affinity_of, typeof


def affinity_class(declared: str) -> str:
    """What the affinity of a declared type means to comparisons."""
    affinity = affinity_of(declared)
    return affinity if affinity in ("TEXT", "BLOB") else "NUMERIC"


def converted(left: Term, left_affinity: str, right: Term, right_affinity: str) -> tuple[Term, Term]:
    """Both sides as they are compared; "" is the affinity of an expression that has none."""
    if "unknown" in (left_affinity, right_affinity):
        if "T" in typeof(left).classes + typeof(right).classes:
            raise NotUnderstood("an affinity that depends on the plan")
        return left, right
    if "NUMERIC" in (left_affinity, right_affinity):
        return _unless(left_affinity, "NUMERIC", left), _unless(right_affinity, "NUMERIC", right)
    if "" in (left_affinity, right_affinity) and "TEXT" in (left_affinity, right_affinity):
        return _unless(left_affinity, "TEXT", left), _unless(right_affinity, "TEXT", right)
    return left, right


def compared(operator: str, left: tuple[Term, str], right: tuple[Term, str]) -> Formula:
    """The comparison of two terms with their affinities."""
    return compare(operator, *converted(*left, *right))


def _unless(has: str, affinity: str, term: Term) -> Term:
    if has == affinity:
        return term
    return _as_number(term) if affinity == "NUMERIC" else _as_text(term)


def _as_number(term: Term) -> Term:
    if isinstance(term, Case):
        return case([(guard, _as_number(value)) for guard, value in term.branches], _as_number(term.default))
    if isinstance(term, Literal) and term.kind == "T":
        found = as_number(str(term.value))
        if found is not None:
            return found
    return call("as number", (term,)) if "T" in typeof(term).classes else term


def _as_text(term: Term) -> Term:
    if isinstance(term, Case):
        return case([(guard, _as_text(value)) for guard, value in term.branches], _as_text(term.default))
    if isinstance(term, Literal) and term.kind == "I":
        return Literal("T", str(term.value))
    return call("as text", (term,)) if set(typeof(term).classes) & {"I", "R"} else term
