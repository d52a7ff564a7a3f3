"""Drafting in numbers: which number is which technique at which place, and what a learner sees of a draft.

Nothing here is measured, and nothing is judged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self, TypeAlias

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from sqlopt_env.observation import FEATURE_NAMES, PLAN_WORDS, Observation, plan_counts
from sqlopt_env.trees.draft import Draft
from sqlopt_env.types import Plan

from .drafting import Board, Option
from .rules import RULES

Vector: TypeAlias = NDArray[np.float32]

SLOTS = 4  # places of a technique; more are rare
STOP = 0
TECHNIQUES: tuple[str, ...] = tuple(module.NAME for module in RULES)
ACTIONS = 1 + len(TECHNIQUES) * SLOTS

_STATE = ("log cost", "log cost gained", "indexes", "steps", "steps left")
_AHEAD = ("possible", "log cost falls", "plan changes")
_MOST_DECADES, _LARGEST = 20.0, 1e6


def action_name(action: int) -> str:
    """What an action does, such as `index_filter, place 1`."""
    if action == STOP:
        return "stop"
    technique, slot = divmod(action - 1, SLOTS)
    return f"{TECHNIQUES[technique]}, place {slot + 1}"


NAMES: tuple[str, ...] = (
    *(f"task: {name}" for name in FEATURE_NAMES),
    *(f"plan: {name}" for name in PLAN_WORDS),
    *_STATE,
    *(f"done: {name}" for name in TECHNIQUES),
    *(f"{action_name(action)}: {what}" for action in range(1, ACTIONS) for what in _AHEAD),
)


def numbers_space() -> spaces.Box[np.float32]:
    """The Box of `Moment.numbers`: one position for each of NAMES."""
    signed = np.array([name.endswith(("log cost gained", "log cost falls")) for name in NAMES])
    tens = np.array(["log cost" in name for name in NAMES])
    flags = np.array([name.endswith((": possible", ": plan changes")) for name in NAMES])
    high = np.where(tens, _MOST_DECADES, np.where(flags, 1.0, _LARGEST))
    return spaces.Box(np.where(signed, -high, 0.0).astype(np.float32), high.astype(np.float32), dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Moment:
    """An episode at one moment. `draft` is None where the query cannot be drafted: stopping is all there is then."""

    query: str
    features: Vector  # of the task
    draft: Draft | None
    plan: Plan
    cost: float  # log10 of the rows that the plan seems to visit
    first_cost: float
    taken: tuple[Option, ...] = ()
    steps: int = 0
    over: bool = False

    @classmethod
    def first(cls, board: Board, observation: Observation) -> Self:
        """The beginning of an episode."""
        query, features = observation["query"], observation["features"]
        start = board.start(query)
        if start is None:
            return cls(query, features, None, Plan(()), 0.0, 0.0)
        cost = board.log_cost(*start)
        return cls(query, features, *start, cost, cost)

    def after(self, option: Option | None, *, stops: bool, max_steps: int) -> Self:
        """One step on, with an option or without."""
        steps = self.steps + 1
        over = stops or steps >= max_steps
        if option is None:
            return replace(self, steps=steps, over=over)
        draft, plan, cost, taken = option.draft, option.plan, option.cost, (*self.taken, option)
        return replace(self, draft=draft, plan=plan, cost=cost, taken=taken, steps=steps, over=over)

    @property
    def script(self) -> str:
        """The rewrite as it stands; the query itself, as it was written, where nothing was done."""
        return self.draft.script if self.draft and self.taken else self.query

    @property
    def gained(self) -> float:
        """Decades by which the estimated cost has fallen."""
        return self.first_cost - self.cost

    def choices(self, board: Board) -> dict[int, Option]:
        """What each action that is possible would do, STOP aside; a technique's places by what they would cost."""
        if self.draft is None or self.over:
            return {}
        places: dict[str, list[Option]] = {}
        for option in board.options(self.draft):
            places.setdefault(option.technique, []).append(option)
        found: dict[int, Option] = {}
        for number, technique in enumerate(TECHNIQUES):
            options = sorted(places.get(technique, ()), key=lambda option: option.cost)
            found |= {1 + number * SLOTS + slot: option for slot, option in enumerate(options[:SLOTS])}
        return found

    def numbers(self, choices: Mapping[int, Option], max_steps: int) -> Vector:
        """The observation, in the order of NAMES and within the bounds of `numbers_space`."""
        done = [option.technique for option in self.taken]
        ahead = np.zeros((ACTIONS - 1, len(_AHEAD)))
        for action, option in choices.items():
            ahead[action - 1] = 1.0, self.cost - option.cost, float(option.plan != self.plan)
        indexes = len(self.draft.indexes) if self.draft else 0
        values: list[Any] = [
            self.features,
            list(plan_counts(self.plan).values()),
            [self.cost, self.gained, indexes, self.steps, max_steps - self.steps],
            [done.count(name) for name in TECHNIQUES],
            ahead.ravel(),
        ]
        seen: Vector = np.clip(np.concatenate(values), _SPACE.low, _SPACE.high).astype(np.float32)
        return seen


_SPACE = numbers_space()
