"""ReST-EM: sample, keep what is right and fast, refit from the initial policy, and again.

After Singh et al., "Beyond Human Data" (arXiv 2312.06585): the E-step samples n candidates a task from the current
policy and judges them; the filter keeps at most k distinct successes a task; the M-step fits the *initial* policy to
this iteration's kept trajectories; the reward is binary there. The policy that is saved in the end is that of the
best iteration on a validation split of the candidates, which no M-step ever sees: it tells how good a policy is on
these tasks, not on others.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from statistics import mean, median
from typing import Any

from sqlopt_env.fingerprint import fingerprint
from sqlopt_env.judge import Judge
from sqlopt_env.reward import LogReward, RewardFunction
from sqlopt_env.trajectory import Trajectory
from sqlopt_env.types import SqlOptError, Task
from sqlopt_env.version import versions

from .config import Config, IterationMetrics, Watcher
from .e_step import EStep
from .policy import Policy, TrainablePolicy
from .run_folder import RunFolder

CHECKPOINT_EVERY = 10


@dataclass(frozen=True, slots=True)
class Result:
    """`policy` is that of the best iteration; `examples` are the kept ones, confirmed by a second measurement."""

    policy: Policy
    best_iteration: int
    metrics: list[IterationMetrics]
    examples: list[dict[str, Any]]
    interrupted: bool


class ReSTEM:
    """One run. `seeds` are the fields of the tasks' examples by task id; they go into the training data."""

    def __init__(
        self,
        policy: Policy,
        tasks: Sequence[Task],
        judge: Judge,
        folder: RunFolder,
        config: Config,
        *,
        policy_name: str = "policy",
        reward: RewardFunction | None = None,
        seeds: dict[str, dict[str, Any]] | None = None,
        watcher: Watcher | None = None,
    ) -> None:
        self._initial = policy
        self._tasks = list(tasks)
        self._folder = folder
        self._config = config
        self._policy_name = policy_name
        self._seeds = seeds or {}
        self._watcher = watcher or Watcher()
        self._workers = judge.workers
        self._e_step = EStep(judge, folder, config, reward or LogReward(), self._watcher, policy_name)
        self._examples: dict[tuple[str, str], dict[str, Any]] = {}
        self._metrics: list[IterationMetrics] = []

    def run(self) -> Result:
        """All iterations, or those until Ctrl-C."""
        done = max((iteration for iteration, _, _ in self._folder.trajectories), default=0)
        if done > self._config.iterations:
            raise SqlOptError(f"the run has come to iteration {done} already: give --iterations {done} or more")
        policies = [self._initial]
        interrupted = False
        try:
            for iteration in range(self._config.iterations + 1):
                self._iterate(iteration, policies)
        except KeyboardInterrupt:
            interrupted = True
        best = self._best()
        policy = policies[best]
        self._folder.save_policy("policy.json", policy)
        self._write(best, interrupted)
        return Result(policy, best, self._metrics, list(self._examples.values()), interrupted)

    def _iterate(self, iteration: int, policies: list[Policy]) -> None:
        start = time.perf_counter()
        policy = policies[-1]
        trajectories = self._e_step.run(policy, iteration, self._tasks)
        self._watcher.confirming(iteration)
        kept = self._keep(trajectories)
        if (iteration and iteration % CHECKPOINT_EVERY == 0) or iteration == self._config.iterations:
            self._folder.save_policy(f"checkpoint_{iteration}.json", policy)
        if iteration < self._config.iterations:
            policies.append(self._m_step(kept))
        metrics = self._measured(iteration, trajectories, len(kept), time.perf_counter() - start)
        self._metrics.append(metrics)
        self._write(self._best(), interrupted=False)
        self._watcher.iteration_ended(metrics)

    def _keep(self, trajectories: list[Trajectory]) -> list[Trajectory]:
        """At most `keep` distinct successes a task, each confirmed by a second measurement.

        Those of the fewest steps come first, so that a step that an answer does not need is not learnt with it, and
        among equals those that were sampled first. Nothing here depends on a measured figure but success itself.
        """
        by_task = [[t for t in trajectories if t.task.id == task.id and t.success] for task in self._tasks]
        with ThreadPoolExecutor(self._workers) as threads:
            try:
                kept = [trajectory for group in threads.map(self._kept_of_task, by_task) for trajectory in group]
            except BaseException:
                threads.shutdown(wait=False, cancel_futures=True)
                raise
        for trajectory in kept:
            form = fingerprint(trajectory.evaluation.rewrite)
            self._examples.setdefault((trajectory.task.id, form), self._example(trajectory))
        return kept

    def _kept_of_task(self, successes: list[Trajectory]) -> list[Trajectory]:
        kept: dict[str, Trajectory] = {}
        for trajectory in sorted(successes, key=lambda t: len(t.proposal.techniques)):
            form = fingerprint(trajectory.evaluation.rewrite)
            if len(kept) < self._config.keep and form not in kept and self._e_step.confirmation(trajectory).success:
                kept[form] = trajectory
        return list(kept.values())

    def _m_step(self, kept: list[Trajectory]) -> Policy:
        if not isinstance(self._initial, TrainablePolicy):
            return self._initial
        return self._initial.fit([trajectory for trajectory in kept if not self._is_validation(trajectory)])

    def _example(self, trajectory: Trajectory) -> dict[str, Any]:
        """A line of the training data: the seed's fields, and how this answer was found and judged."""
        task, evaluation = trajectory.task, trajectory.evaluation
        second = self._e_step.confirmation(trajectory).evaluation
        return {
            "id": task.id,
            "description": task.description,
            "database": task.database,
            "schema": self._seeds.get(task.id, {}).get("schema", trajectory.observation["schema"]),
            "slow_query": task.query,
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
                "speedup": second.speedup,
                "speedup_interval": second.speedup_interval,
                "effective_speedup": second.effective_speedup,
            },
            "iteration": trajectory.iteration,
            "policy": trajectory.policy,
        }

    def _is_validation(self, trajectory: Trajectory) -> bool:
        """The last candidates of each task; candidates are independent samples, so that any will do."""
        return trajectory.candidate >= self._config.candidates - self._config.validation_candidates

    def _measured(self, iteration: int, trajectories: list[Trajectory], kept: int, seconds: float) -> IterationMetrics:
        speedups = [t.evaluation.effective_speedup for t in trajectories if t.success]
        held = [t for t in trajectories if self._is_validation(t)] or trajectories
        return IterationMetrics(
            iteration=iteration,
            success_rate=mean(t.success for t in trajectories),
            mean_reward=mean(t.reward for t in trajectories),
            median_speedup=median(s for s in speedups if s is not None) if speedups else None,
            refuted_share=mean(t.evaluation.outcome == "refuted" for t in trajectories),
            candidates=len(trajectories),
            kept=kept,
            validation_success_rate=mean(t.success for t in held),
            seconds=seconds,
        )

    def _best(self) -> int:
        """The iteration with the highest success rate on the validation candidates; the earliest of equals."""
        rates = [metrics.validation_success_rate for metrics in self._metrics]
        return rates.index(max(rates)) if rates else 0

    def _write(self, best: int, interrupted: bool) -> None:
        self._folder.write_json("training_data.json", list(self._examples.values()))
        self._folder.write_json(
            "metrics.json",
            {
                "iterations": [asdict(metrics) for metrics in self._metrics],
                "config": {**asdict(self._config), "policy": self._policy_name},
                "versions": versions(),
                "summary": self._summary(best, interrupted),
            },
        )

    def _summary(self, best: int, interrupted: bool) -> dict[str, Any]:
        return {
            "examples": len(self._examples),
            "best_iteration": best,
            "untrained_success_rate": self._metrics[0].success_rate if self._metrics else None,
            "best_success_rate": self._metrics[best].success_rate if self._metrics else None,
            "final_success_rate": self._metrics[-1].success_rate if self._metrics else None,
            "interrupted": interrupted,
        }
