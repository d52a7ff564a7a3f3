"""What is wrong with examples as they stand, before any of them is judged again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from math import isclose
from typing import Any, NamedTuple

from sqlopt_agents.rules.base import INDEXING, KINDS

from ...reward import SUCCESS, LogReward
from ...types import Evaluation, Rewrite
from .fields import malformed
from .identity import form, is_unchanged, leading_technique, query_form
from .leaks import leak
from .quotas import Quotas, at_most

MALFORMED, LEAK, DUPLICATE, REWARD = "malformed", "leak", "duplicate", "wrong reward"
TOLD, WEIGHT, QUOTA = "told to be too slow", "wrong weight", "over the quota"
CLASH, FIGURES, TYPE = "id of another query", "wrong figures", "wrong type"

_SAME = 1e-6  # the relative error of a figure that was written and read back
_EQUAL = 1e-9  # the same of weights, which are computed alike


class Finding(NamedTuple):
    """A kind out of the constants above, and a sentence."""

    kind: str
    reason: str


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
    ids: dict[str, tuple[tuple[str, str], int]] = {}  # the database and query that an id was first seen with, and where
    for place, example in enumerate(examples):
        if sentence := malformed(example):
            found[place] = [Finding(MALFORMED, sentence)]
            continue
        own = [Finding(kind, sentence) for kind, sentence in _faults(example) if sentence]
        database, query, rewrite = form(example)
        known, owner = ids.setdefault(example["id"], ((database, query), place))
        if known != (database, query):
            own.append(Finding(CLASH, f"its id is that of place {owner + 1}, whose slow query is another one"))
        first = forms.setdefault((database, query, rewrite), place)
        if first == place and one_a_query:
            first = forms.setdefault((query_form(example),), place)
        if first != place:
            own.append(Finding(DUPLICATE, f"it is that of place {first + 1} once more"))
        if own:
            found[place] = own
    return found


def unweighed(example: Mapping[str, Any]) -> bool:
    """Whether an example of a combined dataset lacks what makes it one."""
    return "stage" not in example or "weight" not in example


def of_weights(examples: Sequence[Mapping[str, Any]], mix: float) -> list[Finding]:
    """Whether the weights of each stage are equal and have the sum that the mix says: stage 1's `mix` of the number.

    Every example has its stage and its weight.
    """
    found = []
    for stage, share in ((1, mix), (2, 1 - mix)):
        weights = [float(example["weight"]) for example in examples if example["stage"] == stage]
        if not isclose(sum(weights), share * len(examples), rel_tol=_SAME, abs_tol=_SAME):
            due = share * len(examples)
            found.append(
                Finding(WEIGHT, f"the weights of stage {stage} sum up to {sum(weights):.4f}, not to {due:.4f}")
            )
        if weights and not isclose(min(weights), max(weights), rel_tol=_EQUAL):
            told = f"{min(weights):.6g} to {max(weights):.6g}"
            found.append(Finding(WEIGHT, f"the weights of stage {stage} are not equal but {told}"))
    return found


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
    yield FIGURES, _contradiction(example) or _contradiction(example["confirmation"], "confirmation's ")
    yield TYPE, _wrong_type(example)


def _contradiction(figures: Mapping[str, Any], whose: str = "") -> str:
    """A sentence about figures that no measurement can have found together; "" for others."""
    speedup, (low, high), effective = (figures[name] for name in ("speedup", "speedup_interval", "effective_speedup"))
    if not low * (1 - _SAME) <= speedup <= high * (1 + _SAME):
        return f"its {whose}speedup {speedup:.6g} lies outside of its own interval, {low:.6g} to {high:.6g}"
    if effective > speedup * (1 + _SAME):
        return (
            f"its {whose}effective speedup {effective:.6g} is above its speedup {speedup:.6g}, which charges no index"
        )
    return ""


def _wrong_type(example: Mapping[str, Any]) -> str:
    told = example["optimization_type"]
    if told not in KINDS:
        return f"its optimization_type is {told!a}, which is none of {', '.join(KINDS)}"
    if told != INDEXING and is_unchanged(example):
        return f"its optimization_type is {told}, though its query is the slow one and all it does is to add indexes"
    return ""
