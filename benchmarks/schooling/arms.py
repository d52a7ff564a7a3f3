"""What is compared: for each arm the tasks that its runs are trained on, all with the same budget.

The curricula are those of `sqlopt train --stage ...`, with their defaults.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from sqlopt_agents.config import Config
from sqlopt_curricula import Adaptive, Sequential, Stage1, Stage2, WeightedMix

from sqlopt_env.curriculum import Curriculum
from sqlopt_env.databases import TRAINING

UNTRAINED = "untrained"  # no arm: the policy that all runs begin with
SEEDS, STAGE_2, SEQUENTIAL, MIX, ADAPTIVE = "seeds", "stage2", "sequential", "mix", "adaptive"
ARMS = {
    SEEDS: "seeds only",
    STAGE_2: "stage 2 only",
    SEQUENTIAL: "sequential",
    MIX: "30/70 mix",
    ADAPTIVE: "adaptive",
}


@dataclass(frozen=True, slots=True)
class Budget:
    """What a run may use: `iterations` M-steps, and for each E-step `candidates` samples of each of `tasks` tasks.

    Of a task at most `keep` rewrites are kept in an E-step; to confirm them costs as much as to judge all samples.
    """

    iterations: int
    tasks: int
    candidates: int
    keep: int

    def config(self, seed: int) -> Config:
        """All arms have one M-step, `accumulate`: of the 20 new tasks of an iteration alone little can be learnt.

        None of the candidates is kept back to choose an iteration by, for that of the last one is examined.
        """
        return Config(
            iterations=self.iterations,
            candidates=self.candidates,
            keep=self.keep,
            tasks=self.tasks,
            seed=seed,
            variant="accumulate",
            validation=0.0,
        )


def curriculum_of(arm: str, seed: int, budget: Budget, file: Path, workers: int, stack: ExitStack) -> Curriculum:
    """A new curriculum of the arm. `file` keeps the queries of stage 2, which all arms of a seed have in common."""
    stage1 = Stage1(seed)
    if arm == SEEDS:
        return stage1
    batch = -(-budget.tasks // len(TRAINING))
    stage2 = stack.enter_context(Stage2(seed, file=file, batch=batch, workers=workers))
    if arm == STAGE_2:
        return stage2
    if arm == SEQUENTIAL:  # by half of what is learnt from at the latest, or a run may never come to stage 2
        return Sequential(stage1, stage2, after=budget.tasks * -(-budget.iterations // 2))
    mix = WeightedMix.of_stages(stage1, stage2)
    return mix if arm == MIX else Adaptive(mix, seed=seed)
