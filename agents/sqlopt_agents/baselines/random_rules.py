"""Random techniques: how far the techniques alone go, without anyone who chooses among them."""

from __future__ import annotations

import numpy as np

from sqlopt_env.observation import Observation
from sqlopt_env.trajectory import Proposal
from sqlopt_env.trees.draft import Draft
from sqlopt_env.types import SqlOptError

from ..drafting import Board, Option, board_for


class RandomRules:
    """Draws how many techniques, from 0 to `steps`; then again and again one that applies, and a place for it.

    Each of the three is drawn evenly. The untrained rule policy (`rules`) is another one: it draws evenly among
    stopping and all pairs of technique and place, so that it takes most what applies at many places, and stops sooner
    the less applies.
    """

    def __init__(self, *, steps: int = 5) -> None:
        if type(steps) is not int or not 1 <= steps <= 100:
            raise SqlOptError(f"steps must be a whole number from 1 to 100, not {steps!r}")
        self.steps = steps

    def propose(self, observation: Observation, n: int, rng: np.random.Generator) -> list[Proposal]:
        board = board_for(observation["schema"])
        start = board.start(observation["query"])
        if start is None:
            return [Proposal(observation["query"])] * n
        return [self._sample(board, start[0], rng) for _ in range(n)]

    def _sample(self, board: Board, draft: Draft, rng: np.random.Generator) -> Proposal:
        taken: list[Option] = []
        for _ in range(int(rng.integers(self.steps + 1))):
            options = board.options(draft)
            if not options:
                break
            names = list(dict.fromkeys(option.technique for option in options))
            name = names[int(rng.integers(len(names)))]
            places = [option for option in options if option.technique == name]
            taken.append(places[int(rng.integers(len(places)))])
            draft = taken[-1].draft
        return Proposal(draft.script, tuple(option.name for option in taken))
