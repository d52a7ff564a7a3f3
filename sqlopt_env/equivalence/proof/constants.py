"""What SQLite computes from constants, as far as it is plain: whole numbers, decimals and texts."""

from __future__ import annotations

from .algebra import NULL, Literal

_RANK = {"I": 0, "R": 0, "T": 1, "B": 2}
_LARGEST = 2**63


def order_of(left: Literal, right: Literal) -> int:
    """Negative, zero or positive, in SQLite's order of values; neither is NULL."""
    ranks = _RANK[left.kind], _RANK[right.kind]
    if ranks[0] != ranks[1]:
        return ranks[0] - ranks[1]
    if ranks[0]:
        a, b = str(left.value).encode("utf-8", "surrogatepass"), str(right.value).encode("utf-8", "surrogatepass")
        return (a > b) - (a < b)
    assert isinstance(left.value, int | float)
    assert isinstance(right.value, int | float)
    return (left.value > right.value) - (left.value < right.value)


def whole(literal: Literal) -> int | None:
    return literal.value if literal.kind == "I" and isinstance(literal.value, int) else None


def fold(name: str, arguments: tuple[Literal, ...]) -> Literal | None:
    """The value, or None where it is better left alone."""
    if name == "||" and all(one.kind == "T" for one in arguments):
        return Literal("T", "".join(str(one.value) for one in arguments))
    if name.startswith("cast "):
        return _cast(name, arguments[0])
    values = [one.value for one in arguments]
    if name not in ("+", "-", "*", "/", "%", "negative", "abs"):
        return None
    if NULL in arguments:
        return NULL
    numbers = [value for value in values if isinstance(value, int | float)]
    if len(numbers) < len(values):
        return None
    if name == "negative":
        return _literal(-numbers[0])
    if name == "abs":
        return _literal(abs(numbers[0]))
    return _binary(name, numbers[0], numbers[1])


def _binary(name: str, left: int | float, right: int | float) -> Literal | None:
    if name == "+":
        return _literal(left + right)
    if name == "-":
        return _literal(left - right)
    if name == "*":
        return _literal(left * right)
    if right == 0:
        return NULL
    if isinstance(left, int) and isinstance(right, int):
        quotient = abs(left) // abs(right)
        quotient = quotient if (left < 0) == (right < 0) else -quotient
        return _literal(quotient if name == "/" else left - right * quotient)
    return _literal(left / right) if name == "/" else None


def _literal(value: int | float) -> Literal | None:
    if isinstance(value, int):
        return Literal("I", value) if -_LARGEST <= value < _LARGEST else None
    return Literal("R", value) if abs(value) < 1e300 else None


def _cast(name: str, literal: Literal) -> Literal | None:
    if literal == NULL:
        return NULL
    if literal.kind in "IR" and isinstance(literal.value, int | float):
        if name == "cast integer" and abs(literal.value) < 2**53:
            return Literal("I", int(literal.value))
        if name == "cast real":
            return Literal("R", float(literal.value))
        if name == "cast numeric":
            return literal
        if name == "cast text" and literal.kind == "I":
            return Literal("T", str(literal.value))
    return literal if name == "cast text" and literal.kind == "T" else None


def as_number(text: str) -> Literal | None:
    """What a text becomes next to a numeric column: a number, or itself; None where that is not plain to see."""
    digits = text.removeprefix("-")
    if digits.isascii() and digits.isdigit() and len(digits) <= 15:
        return Literal("I", int(text))
    has_digit = any(letter.isdigit() for letter in text)
    # No number has a minus sign after its first digit, but for one in an exponent: a date is no number.
    is_date_like = text[:1].isdigit() and "-" in text and "e" not in text.lower()
    return Literal("T", text) if not has_digit or is_date_like else None
