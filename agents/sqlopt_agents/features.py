"""The features of a decision: one row for each option, and a last one for stopping.

They say what the technique is, what the plan on an empty clone of the schema would become, what it seems to cost on
tables of this size, and how the tree changes. Nothing here is measured. Only what differs between the rows of one
decision can matter to a softmax, so that what is known of the draft alone appears with stop, or with a technique.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from sqlopt_env.observation import PLAN_WORDS, plan_counts
from sqlopt_env.trees.draft import Draft
from sqlopt_env.types import Plan

from .drafting import Board, Option
from .rules import RULES
from .rules.base import KINDS, Rule

Vector = NDArray[np.float64]

STOP = "stop"
SPECIFIC = 10.0
_CHANGES = tuple(PLAN_WORDS)


@dataclass(frozen=True, slots=True)
class Position:
    """Where a rewrite in the making stands: its draft and plan, the plan that it began with, the techniques so far."""

    draft: Draft
    plan: Plan
    origin: Plan
    origin_cost: float  # log10 of the rows visited, as all costs here
    steps: int = 0

    def after(self, option: Option) -> Position:
        return Position(option.draft, option.plan, self.origin, self.origin_cost, self.steps + 1)


@dataclass(frozen=True, slots=True)
class Decision:
    """What can be done at a position, and the features of it: a row an option, and the last row is stop."""

    options: tuple[Option, ...]
    features: Vector  # (options + 1, len(feature_names))

    @property
    def names(self) -> list[str]:
        return [*(option.name for option in self.options), STOP]


def feature_names(rules: Sequence[Rule] = RULES) -> tuple[str, ...]:
    """The columns of a decision's features."""
    return (
        *(f"technique {rule.NAME}" for rule in rules),
        *(f"technique {rule.NAME} under LIMIT" for rule in rules),
        *(f"kind {kind}" for kind in KINDS),
        *(f"change {name}" for name in _CHANGES),
        "change log cost",
        "cost grows",
        "change log reach of a rewrite",
        "reach grows",
        "above the best option",
        "best option",
        "plan unchanged",
        "index columns",
        "indexes before",
        STOP,
        "stop steps",
        "stop plan unchanged",
        "stop log cost",
        "stop log cost gained",
        "stop log cost to gain",
        *(f"stop {name}" for name in _CHANGES),
    )


@lru_cache(maxsize=1000)
def decision(board: Board, position: Position, names: tuple[str, ...]) -> Decision:
    """The options at a position with their features in the order of `names`."""
    at = _places(names)
    options = board.options(position.draft)
    draft, plan = position.draft, position.plan
    cost, reach = board.log_cost(draft, plan), board.reach(draft, plan)
    counts = plan_counts(plan)
    limited = float("LIMIT" in draft.sql)
    is_rewrite = [len(option.draft.indexes) == len(draft.indexes) for option in options]
    # What a rewrite is good for may show only with an index that it makes possible, and an index only with another one;
    # pairs of indexes are looked at once, at the beginning, for they are many.
    looks = [rewrites or not position.steps for rewrites in is_rewrite]
    reaches = [
        board.reach(option.draft, option.plan) if look else option.cost
        for option, look in zip(options, looks, strict=True)
    ]
    lowest = min([cost, *reaches])
    features = np.zeros((len(options) + 1, len(names)))
    for row, option, reached, rewrites in zip(features, options, reaches, is_rewrite, strict=False):
        row[at[f"technique {option.technique}"]] = 1.0
        row[at[f"technique {option.technique} under LIMIT"]] = limited
        row[at[f"kind {option.kind}"]] = 1.0
        after = plan_counts(option.plan)
        for name in _CHANGES:
            row[at[f"change {name}"]] = max(-3, min(3, after[name] - counts[name]))
        row[at["change log cost"]] = option.cost - cost
        row[at["cost grows"]] = float(option.cost > cost)
        row[at["above the best option"]] = min(2.0, reached - lowest)
        row[at["best option"]] = float(reached <= lowest + 0.01)
        row[at["plan unchanged"]] = float(option.plan == plan)
        if rewrites:
            row[at["change log reach of a rewrite"]] = reached - reach
            row[at["reach grows"]] = float(reached > reach + 0.01)
        else:
            row[at["index columns"]] = option.draft.indexes[-1].count(",") + 1
            row[at["indexes before"]] = len(draft.indexes)
    stop = features[-1]
    stop[at[STOP]] = 1.0
    stop[at["stop steps"]] = position.steps
    stop[at["stop plan unchanged"]] = float(plan == position.origin)
    stop[at["stop log cost"]] = cost
    stop[at["stop log cost gained"]] = position.origin_cost - cost
    stop[at["stop log cost to gain"]] = cost - lowest
    for name in _CHANGES:
        stop[at[f"stop {name}"]] = min(3, counts[name])
    return Decision(options, features)


@lru_cache(maxsize=4)
def _places(names: tuple[str, ...]) -> dict[str, int]:
    return {name: i for i, name in enumerate(names)}


def penalties(names: tuple[str, ...]) -> Vector:
    """How strongly each weight is held back in the M-step: what a technique is called, and which words a plan holds,
    must not explain what the cost explains, or little is learnt for tasks that need others."""
    specific = {f"{role} {word}" for role in ("change", STOP) for word in _CHANGES}
    return np.array([SPECIFIC if name.startswith("technique ") or name in specific else 1.0 for name in names])
