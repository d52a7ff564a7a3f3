"""A policy that learns without a language model: a softmax over (technique, target) and stop.

At each step every applicable technique, and stopping, gets a score: the inner product of its features with the
weights. Zero weights make the untrained policy, which is uniform. The M-step is a conditional logit fitted by weighted
maximum likelihood: each task counts once, its kept trajectories share the weight.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, log10
from pathlib import Path
from typing import Any, Self

import numpy as np

from sqlopt_env.observation import Observation
from sqlopt_env.trajectory import Proposal, Trajectory
from sqlopt_env.types import SqlOptError

from .drafting import Board, Option, board_for
from .features import STOP, Position, Vector, decision, feature_names, penalties
from .logit import Choice, fit, shares
from .rules import RULES
from .rules.base import INDEXING, KINDS
from .rules.unsound import UNSOUND

MAX_STEPS = 5
TRUST = 2.0  # how much a tenfold gain, as the plan's cost tells it, counts beside a tenfold chance, in ranking answers
LEAST_WORTH = 0.01  # of a kept trajectory that its reward function pays nothing
FEATURES = feature_names()
_FORMAT = "sqlopt rule policy 2"


@dataclass(frozen=True, slots=True)
class _Answer:
    """A rewrite on a beam, the first way to it, and the probability that the policy comes by here."""

    position: Position
    taken: tuple[Option, ...]
    chance: float


class RulePolicy:
    """The policy of this module. `weights` are in the order of its `features`; none means all zero.

    `l2` is the penalty on what the M-step changes in the weights; `action_cost` makes longer answers count less there.
    Samples are drawn at `temperature`, 0.7 as in the paper of ReST-EM (arXiv 2312.06585).
    `width` bounds the beam of `ranked` and `greedy`. With `unsound` it may take techniques that are not valid too, to
    test that learning drops them.
    """

    def __init__(
        self,
        weights: Vector | None = None,
        *,
        l2: float = 0.0003,
        action_cost: float = 0.1,
        temperature: float = 0.7,
        width: int = 6,
        unsound: bool = False,
    ) -> None:
        self.features = feature_names((*RULES, *UNSOUND)) if unsound else FEATURES
        self.weights: Vector = np.zeros(len(self.features)) if weights is None else weights
        if self.weights.shape != (len(self.features),):
            raise SqlOptError(f"weights must be {len(self.features)} numbers, not of shape {self.weights.shape}")
        least_of = {"l2": (l2, 0.0), "action_cost": (action_cost, 0.0), "temperature": (temperature, 1e-3)}
        for name, (value, least) in least_of.items():
            if not least <= value < inf:
                raise SqlOptError(f"{name} must be a number of at least {least:g}, not {value!r}")
        if type(width) is not int or width < 1:
            raise SqlOptError(f"width must be a whole number of at least 1, not {width!r}")
        self.l2 = l2
        self.action_cost = action_cost
        self.temperature = temperature
        self.width = width
        self.unsound = unsound

    def propose(self, observation: Observation, n: int, rng: np.random.Generator) -> list[Proposal]:
        """`n` samples. A query that cannot be read as a tree is proposed as it is."""
        found = self._origin(observation)
        if found is None:
            return [Proposal(observation["query"])] * n
        return [_proposal(self._sample(*found, rng), observation) for _ in range(n)]

    def greedy(self, observation: Observation) -> Proposal:
        """The likeliest answer, without chance."""
        return self.ranked(observation, 1)[0]

    def ranked(self, observation: Observation, n: int) -> list[Proposal]:
        """Up to `n` different answers, the likeliest first, as far as a bounded beam finds them; at least one.

        An answer's probability is the sum over all ways to it that the beam saw.
        """
        found = self._origin(observation)
        if found is None:
            return [Proposal(observation["query"])]
        board, origin = found
        ended: dict[str, _Answer] = {}
        beam = [_Answer(origin, (), 1.0)]
        for number in range(MAX_STEPS + 1):
            grown: dict[str, _Answer] = {}
            for answer in beam:
                made = decision(board, answer.position, self.features)
                chances = shares(made.features, self.weights)
                stop = 1.0 if number == MAX_STEPS else float(chances[-1])
                _meet(ended, answer.position, answer.taken, answer.chance * stop)
                for option, chance in zip(made.options, chances, strict=False):
                    if number < MAX_STEPS:
                        after = answer.position.after(option)
                        _meet(grown, after, (*answer.taken, option), answer.chance * float(chance))
            beam = _likeliest(grown, board)[: self.width]
        return [_proposal(answer, observation) for answer in _likeliest(ended, board)[: max(1, n)]]

    def fit(self, trajectories: Sequence[Trajectory]) -> Self:
        """A policy fitted on the decisions of kept trajectories, from this one's weights.

        A trajectory weighs reward * exp(-action_cost * steps), scaled so that every task weighs the same.
        """
        worth = [
            max(trajectory.reward, LEAST_WORTH) * np.exp(-self.action_cost * len(trajectory.proposal.techniques))
            for trajectory in trajectories
        ]
        share: Counter[str] = Counter()
        for trajectory, value in zip(trajectories, worth, strict=True):
            share[trajectory.task.id] += value
        choices: list[Choice] = []
        for trajectory, value in zip(trajectories, worth, strict=True):
            weight = value / share[trajectory.task.id]
            choices += [(features, chosen, weight) for features, chosen in self._replay(trajectory)]
        weights = fit(choices, self.weights, self.l2 * penalties(self.features))
        return type(self)(weights, **self._settings())

    def save(self, path: str | Path) -> None:
        """Writes one readable file: the weights by name, without those that are zero."""
        weights = {n: round(float(w), 6) for n, w in zip(self.features, self.weights, strict=True) if round(w, 6)}
        Path(path).write_text(json.dumps({"format": _FORMAT, **self._settings(), "weights": weights}, indent=1) + "\n")

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """The policy that `save` wrote. Raises SqlOptError for any other file."""
        try:
            data: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
            if data["format"] != _FORMAT:
                raise SqlOptError(f"{path} holds {data['format']!r}, not {_FORMAT!r}: train the policy again")
            unsound = data["unsound"] is True
            names = feature_names((*RULES, *UNSOUND)) if unsound else FEATURES
            strange = sorted(set(data["weights"]) - set(names))
            if strange:
                raise SqlOptError(f"{path} has a weight for {strange[0]!r}, which this version does not know")
            weights = np.array([float(data["weights"].get(name, 0.0)) for name in names])
            if not np.isfinite(weights).all():
                raise SqlOptError(f"{path} holds weights that are not finite numbers")
            settings = {name: float(data[name]) for name in ("l2", "action_cost", "temperature")}
            return cls(weights, **settings, width=int(data["width"]), unsound=unsound)
        except FileNotFoundError:
            raise SqlOptError(f"there is no policy file {path}") from None
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise SqlOptError(f"{path} is not a saved rule policy: {error}") from None

    def _settings(self) -> dict[str, Any]:
        names = ("l2", "action_cost", "temperature", "width", "unsound")
        return {name: getattr(self, name) for name in names}

    def _origin(self, observation: Observation) -> tuple[Board, Position] | None:
        board = board_for(observation["schema"], unsound=self.unsound)
        start = board.start(observation["query"])
        if start is None:
            return None
        draft, plan = start
        return board, Position(draft, plan, plan, board.log_cost(draft, plan))

    def _sample(self, board: Board, position: Position, rng: np.random.Generator) -> _Answer:
        taken: tuple[Option, ...] = ()
        while len(taken) < MAX_STEPS:
            made = decision(board, position, self.features)
            chances = shares(made.features, self.weights / self.temperature)
            chosen = int(np.searchsorted(np.cumsum(chances), rng.random()))
            if chosen >= len(made.options):
                break
            taken = (*taken, made.options[chosen])
            position = position.after(made.options[chosen])
        return _Answer(position, taken, 1.0)

    def _replay(self, trajectory: Trajectory) -> list[tuple[Vector, int]]:
        """The decisions that led to a trajectory; none where it was not made by techniques of this version."""
        found = self._origin(trajectory.observation)
        choices: list[tuple[Vector, int]] = []
        if found is None:
            return choices
        board, position = found
        for name in (*trajectory.proposal.techniques, STOP)[:MAX_STEPS]:
            made = decision(board, position, self.features)
            if name not in made.names:
                return []
            choices.append((made.features, made.names.index(name)))
            if name != STOP:
                position = position.after(made.options[made.names.index(name)])
        return choices


def _meet(answers: dict[str, _Answer], position: Position, taken: tuple[Option, ...], chance: float) -> None:
    """Adds a way to a script; the first one stands for all of them."""
    script = position.draft.script
    known = answers.get(script)
    if known is None:
        answers[script] = _Answer(position, taken, chance)
    else:
        answers[script] = _Answer(known.position, known.taken, known.chance + chance)


def _likeliest(answers: dict[str, _Answer], board: Board) -> list[_Answer]:
    def rank(answer: _Answer) -> tuple[float, str]:
        at = answer.position
        gain = at.origin_cost - board.log_cost(at.draft, at.plan)
        return -round(log10(max(answer.chance, 1e-300)) + TRUST * gain, 9), at.draft.script

    return sorted(answers.values(), key=rank)


def _proposal(answer: _Answer, observation: Observation) -> Proposal:
    if not answer.taken:
        return Proposal(observation["query"])  # as it was written, with the names that it gives its columns
    told = "; ".join(f"{option.technique.replace('_', ' ')}: {option.target}" for option in answer.taken)
    script = answer.position.draft.script
    return Proposal(script, tuple(option.name for option in answer.taken), told, _kind(answer.taken))


def _kind(taken: Sequence[Option]) -> str:
    """What an answer does to its query: the kind of most of its rewriting steps, "indexing" where it has none.

    Nearly every answer has an index; to count these too would call nearly every answer by one name.
    """
    kinds = Counter(option.kind for option in taken if option.kind != INDEXING)
    return max(KINDS, key=lambda name: kinds[name]) if kinds else INDEXING
