"""The type of a term: storage classes, form of its numbers, and whether it may be NULL."""

from __future__ import annotations

from ..shape import ColumnShape
from .algebra import Call, Case, Column, Literal, Term, Type

ANY = Type("IRTB", "")
UNKNOWN = Type("?", "")  # of columns that a query may not mention, or it is not understood

# Functions that are NULL exactly where an argument is, with the type of their value.
STRICT = {
    "||": Type("T", "nr"),
    "upper": Type("T", "nr"),
    "lower": Type("T", "nr"),
    "length": Type("I", "n"),
    "like": Type("I", "n"),
    "glob": Type("I", "n"),
    "cast integer": Type("I", "n"),
    "cast real": Type("R", "r"),
    "cast text": Type("T", "nr"),
    "cast numeric": Type("IR", ""),
    "number": Type("IR", ""),
    "as number": Type("IRTB", ""),
    "as text": Type("TB", "nr"),
}
_NULLABLE = {
    "substr": Type("TB", "nr"),
    "replace": Type("T", "nr"),
    "date": Type("T", "nr"),
    "datetime": Type("T", "nr"),
    "strftime": Type("T", "nr"),
    "julianday": Type("R", "r"),
    "round": Type("R", "r"),
    "trim": Type("T", "nr"),
    "instr": Type("I", "n"),
}
_ARITHMETIC = frozenset("+-*")
_WHOLE = frozenset(("+", "-", "*", "negative", "abs"))  # strict over whole numbers


def affinity_of(declared: str) -> str:
    """SQLite's rule (datatype3.html, section 3.1)."""
    upper = declared.upper()
    if "INT" in upper:
        return "INTEGER"
    if any(word in upper for word in ("CHAR", "CLOB", "TEXT")):
        return "TEXT"
    if not upper or "BLOB" in upper:
        return "BLOB"
    return "REAL" if any(word in upper for word in ("REAL", "FLOA", "DOUB")) else "NUMERIC"


def column_type(column: ColumnShape) -> Type:
    """UNKNOWN for columns whose comparisons or conversions are out of the ordinary."""
    if column.collation != "BINARY" or column.declared.upper() == "ANY":
        return UNKNOWN
    affinity = affinity_of(column.declared)
    nullable = not column.not_null
    if column.kind == "INTEGER" and affinity in ("INTEGER", "NUMERIC"):
        return Type("I", "n", nullable)
    if affinity == "TEXT":
        return Type("T" if column.kind == "TEXT" else "TB", "nr", nullable)
    if affinity == "REAL":
        return Type("R" if column.kind == "REAL" else "RTB", "r", nullable)
    return Type("IRTB", "" if affinity == "BLOB" else "n", nullable)  # NUMERIC stores 1.0 as 1


def typeof(term: Term) -> Type:
    match term:
        case Column():
            return term.type
        case Literal():
            return _literal(term)
        case Case():
            return union([typeof(value) for _, value in term.branches] + [typeof(term.default)])
        case Call():
            return _call(term)


def _literal(literal: Literal) -> Type:
    if literal.kind == "N":
        return Type("", "nr", True)
    if literal.kind == "R":
        return Type("R", "r" if float(literal.value or 0).is_integer() else "nr", False)
    return Type(literal.kind, "n" if literal.kind == "I" else "nr", False)


def union(types: list[Type]) -> Type:
    classes = "".join(letter for letter in "IRTB?" if any(letter in one.classes for one in types))
    form = "".join(letter for letter in "nr" if all(letter in one.form for one in types))
    return Type(classes, form, any(one.nullable for one in types))


def _call(call: Call) -> Type:
    types = [typeof(argument) for argument in call.arguments]
    nullable = any(one.nullable for one in types)
    if call.name in _ARITHMETIC or call.name in ("/", "%", "negative", "abs"):
        return _arithmetic(call.name, types, nullable or call.name in ("/", "%"))
    if call.name in STRICT:
        known = STRICT[call.name]
        if call.name == "number" and types[0].classes == "T":
            return Type("IR", "", nullable)
        return Type(known.classes, known.form, nullable)
    if call.name in _NULLABLE:
        known = _NULLABLE[call.name]
        return Type(known.classes, known.form, True)
    return ANY


def _arithmetic(name: str, types: list[Type], nullable: bool) -> Type:
    classes = [one.classes for one in types]
    if all(one == "I" for one in classes):
        # Whole numbers that overflow become real ones, and those can do so once more, to infinity and so to NULL.
        return Type("I", "n" if name in ("%", "abs") else "", nullable or not all("n" in one.form for one in types))
    if name != "%" and any(one == "R" for one in classes):
        return Type("R", "r", True)
    return Type("IR", "", True)


def is_mixed(type_: Type) -> bool:
    """Whether there may be 1 and 1.0 among the values: two of them that are equal, and not the same."""
    return {"I", "R"} <= set(type_.classes) and not type_.form


def same_when_equal(left: Term, right: Term) -> bool:
    """Whether two values that compare equal are the same value, so that one may stand for the other."""
    return bool(set(typeof(left).form) & set(typeof(right).form))


def is_strict(call: Call) -> bool:
    """Whether the call is NULL exactly where an argument is. (Infinity - Infinity is NULL too.)"""
    if call.name in STRICT:
        return True
    types = [typeof(argument) for argument in call.arguments]
    return call.name in _WHOLE and all(type_.classes == "I" and "n" in type_.form for type_ in types)


def propagates_null(name: str) -> bool:
    return name in STRICT or name in _WHOLE or name in ("/", "%")
