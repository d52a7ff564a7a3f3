"""M-steps: from what was kept, the next policy. One small function for each variant of ReST-EM, found by its name.

In the formulas p_base is the policy that the run began with and p_t the one that sampled in iteration t; D_t are the
trajectories that were kept in iteration t (equivalent, at least as fast as the threshold, distinct, at most `keep` a
task, measured twice), without those of the validation split. `fit` of a policy X means: fitted starting from X.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from sqlopt_env.trajectory import Trajectory
from sqlopt_env.types import SqlOptError

from .keeping import distinct
from .policy import Policy, TrainablePolicy, failures_told

Trajectories = Sequence[Trajectory]


class MStep(Protocol):
    """Makes the policy of the next iteration."""

    def __call__(self, base: Policy, current: Policy, kept_now: Trajectories, kept_all: Trajectories) -> Policy:
        """`kept_now` are this iteration's trajectories, `kept_all` those of all iterations up to it, in their order.

        Called again with the same arguments, as it is when a run is resumed, it gives the same policy.
        """
        ...


def rest_em(base: Policy, current: Policy, kept_now: Trajectories, kept_all: Trajectories) -> Policy:
    """As published: p_{t+1} = argmax over p, from p_base, of sum over D_t of r(x, y) log p(y | x), with binary r.

    Singh et al. 2023, "Beyond Human Data" (arXiv 2312.06585), algorithm 1.
    """
    return _fitted(base, kept_now)


def accumulate(base: Policy, current: Policy, kept_now: Trajectories, kept_all: Trajectories) -> Policy:
    """The same on everything kept so far: p_{t+1} from p_base on D_1 + ... + D_t, each distinct rewrite once.

    More data than ReST-EM's, of policies that are no longer the one that samples: what an early iteration found
    easily keeps its weight for ever.
    """
    return _fitted(base, distinct(kept_all))


def few_shot(base: Policy, current: Policy, kept_now: Trajectories, kept_all: Trajectories) -> Policy:
    """No weights move: p_{t+1} is p_base with D_1 + ... + D_t as the pool from which its prompt's examples come.

    What earlier projects of SQL rewriting called ReST-EM. It is for policies whose `fit` takes what it is given for
    that pool, which is their attribute `pool`. With such a policy `rest-em` shows examples of the last iteration
    alone, this one of all; it is `accumulate` under the name that says what happens.
    """
    return _fitted(base, distinct(kept_all))


def expert_iteration(base: Policy, current: Policy, kept_now: Trajectories, kept_all: Trajectories) -> Policy:
    """p_{t+1} from p_t, not from p_base, on the best rewrite of each task that was found so far, the expert's move.

    Anthony, Tian and Barber 2017, "Thinking Fast and Slow with Deep Learning and Tree Search" (arXiv 1705.08439). The
    expert is the best of all samples kept so far, by effective speedup; the apprentice learns to find it at once.
    """
    return _fitted(current, best_of_each_task(kept_all))


class FineTuning:
    """ReST-EM's M-step with somebody else's optimiser: `tune(base, D_t)`, a job at a server or a local trainer.

    The loss is that of `rest_em`; a `tune` that cannot be repeated for nothing must remember by its data what it made.
    """

    def __init__(self, tune: Callable[[Policy, Trajectories], Policy]) -> None:
        self._tune = tune

    def __call__(self, base: Policy, current: Policy, kept_now: Trajectories, kept_all: Trajectories) -> Policy:
        return self._tune(base, kept_now) if kept_now else base


_M_STEPS: dict[str, MStep] = {
    "rest-em": rest_em,
    "accumulate": accumulate,
    "few-shot": few_shot,
    "expert-iteration": expert_iteration,
}
FINE_TUNING = "fine-tuning"
VARIANTS = (*_M_STEPS, FINE_TUNING)


def learns(policy: Policy, variant: str) -> bool:
    """Whether the variant's M-step has anything to change in such a policy."""
    return variant == FINE_TUNING or isinstance(policy, TrainablePolicy)


def m_step_of(variant: str, base: Policy, folder: Path) -> MStep:
    """The M-step of a run that begins with `base` and keeps its files in `folder`.

    Raises SqlOptError for a variant that there is not, and for one that is nothing for this policy.
    """
    if variant == FINE_TUNING:
        from .fine_tuning import fine_tuner

        return FineTuning(fine_tuner(base, folder))
    if variant not in _M_STEPS:
        raise SqlOptError(f"unknown variant {variant!r}: give one of {', '.join(VARIANTS)}")
    if variant == "few-shot" and not hasattr(base, "pool"):
        raise SqlOptError(
            f"the variant few-shot is for a policy that shows examples in its prompt, as openai:MODEL does;"
            f" {type(base).__name__} has no pool of them"
        )
    return _M_STEPS[variant]


def best_of_each_task(trajectories: Trajectories) -> list[Trajectory]:
    """The one of the highest effective speedup of each task; of equals the first."""
    found: dict[str, Trajectory] = {}
    for trajectory in trajectories:
        if trajectory.task.id not in found or _gain(trajectory) > _gain(found[trajectory.task.id]):
            found[trajectory.task.id] = trajectory
    return list(found.values())


def _gain(trajectory: Trajectory) -> float:
    return trajectory.evaluation.effective_speedup or 0.0


def _fitted(policy: Policy, trajectories: Trajectories) -> Policy:
    """The policy itself where nothing was kept, or where it does not learn."""
    if not trajectories or not isinstance(policy, TrainablePolicy):
        return policy
    with failures_told("in fit()"):
        fitted: object = policy.fit(trajectories)
    if not isinstance(fitted, Policy):
        raise SqlOptError(f"the policy's fit() must return a policy, not {type(fitted).__name__}")
    return fitted
