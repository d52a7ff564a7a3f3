"""A policy that learns without a language model: a softmax over (technique, target) and stop.

At each step every applicable technique, and stopping, gets a score: the inner product of its features with the
weights. Zero weights make the untrained policy, which is uniform. The M-step is a conditional logit (McFadden 1974)
fitted by weighted maximum likelihood: each task counts once, its kept trajectories share the weight.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from sqlopt_env.observation import PLAN_WORDS, Observation, plan_counts
from sqlopt_env.trajectory import Proposal, Trajectory
from sqlopt_env.trees.draft import Draft
from sqlopt_env.types import Plan, SqlOptError

from .drafting import Board, Option, board_for
from .rules import RULES, rule
from .rules.base import KINDS

STOP = "stop"
MAX_STEPS = 5
_CHANGES = tuple(PLAN_WORDS)
FEATURES: tuple[str, ...] = (
    *(f"technique {module.NAME}" for module in RULES),
    *(f"technique {module.NAME} under LIMIT" for module in RULES),
    *(f"change {name}" for name in _CHANGES),
    "change log cost",
    "cost grows",
    "plan unchanged",
    "index columns",
    "indexes before",
    STOP,
    "stop steps",
    "stop plan unchanged",
    "stop log cost",
    "stop log cost gained",
    *(f"stop {name}" for name in _CHANGES),
)
_POSITION = {name: i for i, name in enumerate(FEATURES)}
_FORMAT = "sqlopt rule policy 1"

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Step:
    """A decision: the features of what could be done (the last row is stop), and what that leads to."""

    options: tuple[Option, ...]
    features: Vector


class RulePolicy:
    """The policy of this module. `weights` are in the order of FEATURES.

    `l2` is the penalty on the squared weights in the M-step; `action_cost` makes longer answers count less there.
    """

    def __init__(self, weights: Vector | None = None, *, l2: float = 0.0003, action_cost: float = 0.1) -> None:
        self.weights: Vector = np.zeros(len(FEATURES)) if weights is None else weights
        self.l2 = l2
        self.action_cost = action_cost

    def propose(self, observation: Observation, n: int, rng: np.random.Generator) -> list[Proposal]:
        board = board_for(observation["schema"])
        start = board.start(observation["query"])
        if start is None:
            return [Proposal(observation["query"])] * n
        return [self._sample(board, *start, rng) for _ in range(n)]

    def fit(self, trajectories: Sequence[Trajectory]) -> Self:
        """A policy fitted from zero weights on the decisions of kept trajectories.

        A trajectory weighs exp(-action_cost * steps), scaled so that every task weighs the same.
        """
        simplicity = [np.exp(-self.action_cost * len(trajectory.proposal.techniques)) for trajectory in trajectories]
        share: Counter[str] = Counter()
        for trajectory, value in zip(trajectories, simplicity, strict=True):
            share[trajectory.task.id] += value
        decisions: list[tuple[Vector, int, float]] = []
        for trajectory, value in zip(trajectories, simplicity, strict=True):
            weight = value / share[trajectory.task.id]
            decisions += [(features, chosen, weight) for features, chosen in self._replay(trajectory)]
        weights = _maximum_likelihood(decisions, self.l2) if decisions else np.zeros(len(FEATURES))
        return type(self)(weights, l2=self.l2, action_cost=self.action_cost)

    def save(self, path: Path) -> None:
        weights = {name: round(float(weight), 6) for name, weight in zip(FEATURES, self.weights, strict=True)}
        path.write_text(
            json.dumps(
                {"format": _FORMAT, "l2": self.l2, "action_cost": self.action_cost, "weights": weights}, indent=1
            )
            + "\n"
        )

    @classmethod
    def load(cls, path: Path) -> Self:
        try:
            data: dict[str, Any] = json.loads(path.read_text())
            if data["format"] != _FORMAT:
                raise SqlOptError(f"{path} holds {data['format']!r}, not {_FORMAT!r}")
            weights = np.array([float(data["weights"].get(name, 0.0)) for name in FEATURES])
            if not np.isfinite(weights).all():
                raise SqlOptError(f"{path} holds weights that are not finite numbers")
            return cls(weights, l2=float(data["l2"]), action_cost=float(data["action_cost"]))
        except FileNotFoundError:
            raise SqlOptError(f"there is no policy file {path}") from None
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise SqlOptError(f"{path} is not a saved rule policy: {error}") from None

    def _sample(self, board: Board, draft: Draft, plan: Plan, rng: np.random.Generator) -> Proposal:
        origin, origin_cost, taken = plan, board.log_cost(draft, plan), list[Option]()
        while len(taken) < MAX_STEPS:
            step = _step(board, draft, plan, origin, origin_cost, len(taken))
            chosen = int(np.searchsorted(np.cumsum(_softmax(step.features @ self.weights)), rng.random()))
            if chosen >= len(step.options):
                break
            taken.append(step.options[chosen])
            draft, plan = step.options[chosen].draft, step.options[chosen].plan
        return _proposal(draft, taken)

    def _replay(self, trajectory: Trajectory) -> list[tuple[Vector, int]]:
        """The decisions that led to a trajectory; none where it was not made by techniques of this version."""
        board = board_for(trajectory.observation["schema"])
        start = board.start(trajectory.observation["query"])
        decisions: list[tuple[Vector, int]] = []
        if start is None:
            return decisions
        draft, plan = start
        origin, origin_cost = plan, board.log_cost(draft, plan)
        for number, name in enumerate((*trajectory.proposal.techniques, STOP)):
            if number == MAX_STEPS:
                break
            step = _step(board, draft, plan, origin, origin_cost, number)
            names = [*(option.name for option in step.options), STOP]
            if name not in names:
                return []
            decisions.append((step.features, names.index(name)))
            if name != STOP:
                option = step.options[names.index(name)]
                draft, plan = option.draft, option.plan
        return decisions


def _step(board: Board, draft: Draft, plan: Plan, origin: Plan, origin_cost: float, number: int) -> _Step:
    options = board.options(draft)
    cost = board.log_cost(draft, plan)
    counts = plan_counts(plan)
    limited = "LIMIT" in draft.sql
    features = np.zeros((len(options) + 1, len(FEATURES)))
    for row, option in zip(features, options, strict=False):
        row[_POSITION[f"technique {option.technique}"]] = 1.0
        row[_POSITION[f"technique {option.technique} under LIMIT"]] = float(limited)
        after = plan_counts(option.plan)
        for name in _CHANGES:
            row[_POSITION[f"change {name}"]] = max(-3, min(3, after[name] - counts[name]))
        change = board.log_cost(option.draft, option.plan) - cost
        row[_POSITION["change log cost"]] = change
        row[_POSITION["cost grows"]] = float(change > 0)
        row[_POSITION["plan unchanged"]] = float(option.plan == plan)
        if len(option.draft.indexes) > len(draft.indexes):
            row[_POSITION["index columns"]] = option.draft.indexes[-1].count(",") + 1
            row[_POSITION["indexes before"]] = len(draft.indexes)
    stop = features[-1]
    stop[_POSITION[STOP]] = 1.0
    stop[_POSITION["stop steps"]] = number
    stop[_POSITION["stop plan unchanged"]] = float(plan == origin)
    stop[_POSITION["stop log cost"]] = cost
    stop[_POSITION["stop log cost gained"]] = origin_cost - cost
    for name in _CHANGES:
        stop[_POSITION[f"stop {name}"]] = min(3, counts[name])
    return _Step(options, features)


def _proposal(draft: Draft, taken: list[Option]) -> Proposal:
    kinds = Counter(rule(option.technique).KIND for option in taken)
    kind = max(KINDS, key=lambda name: kinds[name]) if kinds else ""
    told = "; ".join(f"{option.technique.replace('_', ' ')}: {option.target}" for option in taken)
    return Proposal(draft.script, tuple(option.name for option in taken), told, kind)


def _softmax(scores: Vector) -> Vector:
    powers = np.exp(scores - np.max(scores))
    shares: Vector = powers / powers.sum()
    return shares


def _maximum_likelihood(decisions: list[tuple[Vector, int, float]], l2: float, steps: int = 300) -> Vector:
    """Maximises sum(weight * log p(chosen)) / sum(weight) - l2 * |w|^2 with Adam, from zero."""
    features = np.concatenate([rows for rows, _, _ in decisions])
    sizes = np.array([len(rows) for rows, _, _ in decisions])
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    chosen = starts + np.array([index for _, index, _ in decisions])
    weight = np.array([share for _, _, share in decisions])
    weight = weight / weight.sum()
    per_row = np.repeat(weight, sizes)
    wanted: Vector = features[chosen].T @ weight
    w = np.zeros(features.shape[1])
    first, second = np.zeros_like(w), np.zeros_like(w)
    for t in range(1, steps + 1):
        scores = features @ w
        powers = np.exp(scores - np.repeat(np.maximum.reduceat(scores, starts), sizes))
        p = powers / np.repeat(np.add.reduceat(powers, starts), sizes)
        gradient = wanted - features.T @ (p * per_row) - 2 * l2 * w
        first = 0.9 * first + 0.1 * gradient
        second = 0.999 * second + 0.001 * gradient**2
        w = w + 0.1 * (first / (1 - 0.9**t)) / (np.sqrt(second / (1 - 0.999**t)) + 1e-8)
    return w
