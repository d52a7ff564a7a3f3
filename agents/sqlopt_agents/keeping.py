"""The filter between the E-step and the M-step: what is kept of an iteration, and what is told of it as data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlopt_env.fingerprint import fingerprint
from sqlopt_env.trajectory import Trajectory

Confirm = Callable[[Sequence[Trajectory]], Sequence[Trajectory]]


def kept(trajectories: Sequence[Trajectory], at_most: int, confirm: Confirm) -> list[Trajectory]:
    """At most so many distinct successes of each task, each confirmed by a second measurement; tasks as they come.

    Those of the fewest techniques come first, so that one that an answer does not need is not learnt with it, and
    among equals those that were sampled first. Nothing here depends on a measured figure but success itself.
    `confirm` measures all that it is given again, and gives as many back in the same order; it is asked for no more
    than one after the other would have to be.
    """
    queues: dict[str, list[Trajectory]] = {trajectory.task.id: [] for trajectory in trajectories}
    for trajectory in distinct(sorted(filter(_succeeded, trajectories), key=_length)):
        queues[trajectory.task.id].append(trajectory)
    found: dict[str, list[Trajectory]] = {task: [] for task in queues}
    while True:
        asked = []
        for task, queue in queues.items():
            missing = at_most - len(found[task])
            asked += queue[:missing]
            queues[task] = queue[missing:]
        if not asked:
            return [trajectory for group in found.values() for trajectory in group]
        for trajectory, second in zip(asked, confirm(asked), strict=True):
            if second.success:
                found[trajectory.task.id].append(trajectory)


def distinct(trajectories: Sequence[Trajectory]) -> list[Trajectory]:
    """Of those of one task that differ only in their dress, the first."""
    found: dict[tuple[str, str], Trajectory] = {}
    for trajectory in trajectories:
        found.setdefault(form(trajectory), trajectory)
    return list(found.values())


def form(trajectory: Trajectory) -> tuple[str, str]:
    """Equal for trajectories of one task that differ only in the dress of their rewrite."""
    return trajectory.task.id, fingerprint(trajectory.evaluation.rewrite)


def example(trajectory: Trajectory, second: Trajectory) -> dict[str, Any]:
    """A line of the training data: what the policy saw, and how its answer was judged and measured a second time."""
    task, evaluation, confirmation = trajectory.task, trajectory.evaluation, second.evaluation
    return {
        "id": task.id,
        "description": task.description,
        "database": task.database,
        "schema": trajectory.observation["schema"],
        "slow_query": task.query,
        "plan": trajectory.observation["plan"],
        "fast_query": trajectory.proposal.text,
        "explanation": trajectory.proposal.explanation,
        "optimization_type": trajectory.proposal.optimization_type,
        "techniques": list(trajectory.proposal.techniques),
        "reward": trajectory.reward,
        "speedup": evaluation.speedup,
        "speedup_interval": evaluation.speedup_interval,
        "effective_speedup": evaluation.effective_speedup,
        "verdict": evaluation.verdict.status if evaluation.verdict else "",
        "confirmation": {
            "speedup": confirmation.speedup,
            "speedup_interval": confirmation.speedup_interval,
            "effective_speedup": confirmation.effective_speedup,
        },
        "iteration": trajectory.iteration,
        "policy": trajectory.policy,
    }


def _succeeded(trajectory: Trajectory) -> bool:
    return trajectory.success


def _length(trajectory: Trajectory) -> int:
    return len(trajectory.proposal.techniques)
