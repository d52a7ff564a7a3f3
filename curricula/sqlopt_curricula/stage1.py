"""Stage 1 teaches techniques: the 20 hand-written seeds, each with a known good answer."""

from __future__ import annotations

from typing import Any

from sqlopt_env.tasks import load_tasks, seed_examples

from .epochs import Epochs


class Stage1(Epochs):
    """The seeds, in epochs; iterated, always in the same order. `examples` are their whole records, by id."""

    def __init__(self, seed: int = 0) -> None:
        self.examples: dict[str, dict[str, Any]] = {example["id"]: example for example in seed_examples()}
        super().__init__(load_tasks(list(self.examples.values())), seed)
