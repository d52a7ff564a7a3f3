"""What is wrong with examples as they stand, before any of them is judged again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from math import isclose, isfinite
from typing import Any, NamedTuple

from ...reward import SUCCESS, LogReward
from ...types import Evaluation, Rewrite
from .identity import form, leading_technique, leak, query_form
from .quotas import Quotas, at_most

MALFORMED, LEAK, DUPLICATE, REWARD = "malformed", "leak", "duplicate", "wrong reward"
TOLD, WEIGHT, QUOTA = "told to be too slow", "wrong weight", "over the quota"

_SAME = 1e-6  # the relative error of a figure that was written and read back
_RIGHT = ("proved", "tested")
_HUGE = 1e12  # beyond which no figure is one


class Finding(NamedTuple):
    """A kind out of the constants above, and a sentence."""

    kind: str
    reason: str


def malformed(example: Any) -> str:
    """What is wrong with an example's fields, as a sentence; "" for one that has all of them with the right types."""
    if not isinstance(example, dict):
        return f"it is no object but {type(example).__name__}"
    for name, (holds, what) in _FIELDS.items():
        if name not in example:
            return f"it has no {name}"
        if not holds(example[name]):
            return f"its {name} must be {what}, not {str(example[name])[:60]!r}"
    second = example["confirmation"]
    for name in ("speedup", "speedup_interval", "effective_speedup"):
        holds, what = _FIELDS[name]
        if name not in second or not holds(second[name]):
            return f"its confirmation's {name} must be {what}"
    if example["verdict"] not in _RIGHT:
        return f"its verdict must be one of {', '.join(_RIGHT)}, not {example['verdict']!r}"
    return next(_not_finite(example), "")


def paid(effective_speedup: float) -> float:
    """The reward of an improved answer that is so much faster."""
    return LogReward()(Evaluation("", "improved", "", Rewrite(""), effective_speedup=effective_speedup))


def too_slow(example: Mapping[str, Any]) -> str:
    """A sentence about an example that was not fast enough at its first or its second measurement; "" for others."""
    for when, figures in (("first", example), ("second", example["confirmation"])):
        if figures["effective_speedup"] < SUCCESS:
            return f"its {when} measurement says {figures['effective_speedup']:.2f} times as fast, below {SUCCESS}"
    return ""


def of_each(examples: Sequence[Any], *, one_a_query: bool) -> dict[int, list[Finding]]:
    """By place, what is wrong with an example alone or beside an earlier one; those with nothing are left out.

    With `one_a_query`, a slow query that differs from an earlier one in nothing but literals is a duplicate too.
    """
    found: dict[int, list[Finding]] = {}
    forms: dict[tuple[str, ...], int] = {}
    for place, example in enumerate(examples):
        if sentence := malformed(example):
            found[place] = [Finding(MALFORMED, sentence)]
            continue
        own = [Finding(kind, sentence) for kind, sentence in _faults(example) if sentence]
        first = forms.setdefault(form(example), place)
        if first == place and one_a_query:
            first = forms.setdefault((query_form(example),), place)
        if first != place:
            own.append(Finding(DUPLICATE, f"it is that of place {first + 1} once more"))
        if own:
            found[place] = own
    return found


def of_weights(examples: Sequence[Mapping[str, Any]], mix: float) -> list[Finding]:
    """Whether the weights of the two stages have the sums that the mix says: stage 1's `mix` of the number."""
    sums, bad = {1: 0.0, 2: 0.0}, 0
    for example in examples:
        stage, weight = example.get("stage"), example.get("weight", 0)
        if type(stage) is int and stage in sums and _positive(weight):
            sums[stage] += float(weight)
        else:
            bad += 1
    if bad:
        return [Finding(WEIGHT, f"{bad} examples have no stage (1 or 2) with a weight above 0")]
    return [
        Finding(WEIGHT, f"the weights of stage {stage} sum up to {sums[stage]:.4f}, not to {share * len(examples):.4f}")
        for stage, share in ((1, mix), (2, 1 - mix))
        if not isclose(sums[stage], share * len(examples), rel_tol=_SAME, abs_tol=_SAME)
    ]


def of_quota(examples: Sequence[Mapping[str, Any]], quotas: Quotas) -> list[Finding]:
    """The types and the leading techniques that hold more than their quota of the examples."""
    found = []
    for what, quota, names in (
        ("type", quotas.optimization_type, [example["optimization_type"] for example in examples]),
        ("leading technique", quotas.technique, [leading_technique(example) for example in examples]),
    ):
        for name, count in sorted(Counter(filter(None, names)).items()):
            if count > at_most(quota, len(examples)):
                sentence = f"{count} of {len(examples)} examples are of the {what} {name}, more than {100 * quota:g} %"
                found.append(Finding(QUOTA, sentence))
    return found


def _faults(example: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield LEAK, leak(example)
    yield TOLD, too_slow(example)
    due, told = paid(example["effective_speedup"]), example["reward"]
    wrong = not isclose(due, told, rel_tol=_SAME, abs_tol=_SAME)
    yield REWARD, f"its reward is {told:.6g}, and that of its effective speedup {due:.6g}" if wrong else ""


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


def _positive(value: Any) -> bool:
    return _number(value) and 0 < value < _HUGE


def _interval(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(_positive, value)) and value[0] <= value[1]


def _techniques(value: Any) -> bool:
    return isinstance(value, list) and all(map(_filled, value))


def _count(value: Any) -> bool:
    return type(value) is int and value >= 0


_TEXTS, _FILLED = (_text, "a text"), (_filled, "a text that is not empty")
_SPEEDUP = (_positive, "a finite number above 0")
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
