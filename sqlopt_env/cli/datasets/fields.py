"""What fields an example has, and of what types: nothing else may be asked of one before this holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from math import isfinite
from typing import Any

_RIGHT = ("proved", "tested")
_HUGE = 1e12  # beyond which no figure is one


def malformed(example: Any) -> str:
    """What is wrong with an example's fields, as a sentence; "" for one that has all of them with the right types."""
    if not isinstance(example, dict):
        return f"it is no object but {type(example).__name__}"
    for name, (holds, what) in _FIELDS.items():
        if name not in example:
            return f"it has no {name}"
        if not holds(example[name]):
            return f"its {name} must be {what}, not {str(example[name])[:60]!r}"
    for name, (holds, what) in _OPTIONAL.items():
        if name in example and not holds(example[name]):
            return f"its {name} must be {what}, not {str(example[name])[:60]!r}"
    second = example["confirmation"]
    for name in ("speedup", "speedup_interval", "effective_speedup"):
        holds, what = _FIELDS[name]
        if name not in second or not holds(second[name]):
            return f"its confirmation's {name} must be {what}"
    if example["verdict"] not in _RIGHT:
        return f"its verdict must be one of {', '.join(_RIGHT)}, not {example['verdict']!r}"
    return next(_not_finite(example), "")


def _not_finite(example: Mapping[str, Any]) -> Iterator[str]:
    """Sentences about JSON's NaN and Infinity, which are no JSON, wherever in the example they stand."""
    left: list[tuple[str, Any]] = list(example.items())
    while left:
        path, value = left.pop()
        if isinstance(value, float) and not isfinite(value):
            yield f"its {path} is {value}, which is not JSON"
        elif isinstance(value, dict):
            left += [(f"{path}.{name}", part) for name, part in value.items()]
        elif isinstance(value, list):
            left += [(path, part) for part in value]


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _filled(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def positive(value: Any) -> bool:
    return _number(value) and 0 < value < _HUGE


def _interval(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(positive, value)) and value[0] <= value[1]


def _techniques(value: Any) -> bool:
    return isinstance(value, list) and all(map(_filled, value))


def _count(value: Any) -> bool:
    return type(value) is int and value >= 0


_TEXTS, _FILLED = (_text, "a text"), (_filled, "a text that is not empty")
_SPEEDUP = (positive, "a finite number above 0")
_FIELDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    **dict.fromkeys(("id", "database", "schema", "slow_query", "plan", "fast_query", "optimization_type"), _FILLED),
    **dict.fromkeys(("description", "explanation", "verdict", "policy"), _TEXTS),
    **dict.fromkeys(("speedup", "effective_speedup"), _SPEEDUP),
    "reward": (lambda value: _number(value) and abs(value) < _HUGE, "a finite number"),
    "speedup_interval": (_interval, "two finite numbers above 0, the lower one first"),
    "techniques": (_techniques, "a list of texts"),
    "iteration": (_count, "a whole number of at least 0"),
    "confirmation": (lambda value: isinstance(value, dict), "an object"),
}
_OPTIONAL: dict[str, tuple[Callable[[Any], bool], str]] = {
    "stage": (lambda value: type(value) is int and value in (1, 2), "1 or 2"),
    "weight": _SPEEDUP,
}
