"""ReST-EM: sample, keep what is right and fast, refit from the initial policy, and again.

After Singh et al., "Beyond Human Data" (arXiv 2312.06585), algorithm 1, for t = 0, 1, ...:

    E-step  D_t = {(x, y_j): x a task, y_j ~ p_t(y | x), j = 1 .. candidates}
    filter  r(x, y) = 1 where y is equivalent to x and its effective speedup at least the threshold, else 0;
            of those with r = 1 at most `keep` distinct ones a task, each confirmed by a second measurement
    M-step  p_{t+1} = the *initial* policy fitted to maximise sum over the kept of log p(y | x)

Other M-steps stand in m_steps.py. The policy that is saved in the end is that of the best iteration on a validation
split that no M-step ever sees: candidates of the same tasks, which tell how good a policy is on these, or tasks that
are held back. The paper stops its M-step by such a split; here the whole run may end by it (`patience`).

The tasks of an iteration are always the same ones, or those that a curriculum hands out for it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from sqlopt_env.chat.errors import CostReached
from sqlopt_env.curriculum import Curriculum, different_tasks
from sqlopt_env.judge import Judge
from sqlopt_env.reward import LogReward, RewardFunction
from sqlopt_env.trajectory import Trajectory
from sqlopt_env.types import SqlOptError, Task
from sqlopt_env.version import versions

from .config import Config, Watcher
from .curve import IterationMetrics, measured
from .e_step import EStep
from .keeping import example, form, kept
from .m_steps import MStep, m_step_of
from .policy import Policy
from .run_folder import RunFolder

CHECKPOINT_EVERY = 10

Ending = Literal["running", "finished", "stalled", "interrupted", "cost", "failed"]
_UNFINISHED: tuple[Ending, ...] = ("interrupted", "cost", "failed")


@dataclass(frozen=True, slots=True)
class Result:
    """`policy` is that of the best iteration, `policies` those of all, by the iteration that they sampled in;
    `examples` are the kept trajectories, confirmed by a second measurement.

    `ending` says how the run came to its end: all iterations; no better validation rate for `patience` of them;
    Ctrl-C; or, with its sentence in `reason`, the money that a policy may spend.
    """

    policy: Policy
    policies: list[Policy]
    best_iteration: int
    metrics: list[IterationMetrics]
    examples: list[dict[str, Any]]
    ending: Ending
    reason: str = ""

    @property
    def interrupted(self) -> bool:
        """Whether there is something left to do with --resume."""
        return self.ending in _UNFINISHED


class ReSTEM:
    """One run over a list of tasks, or over a curriculum.

    Of a curriculum, `config.tasks` different tasks are drawn for each iteration, and it is told in the end how every
    candidate for them went. It must be as it was made: a run that is resumed draws and tells from the beginning.

    `m_step` stands in for that of the configuration's variant. With `validation_tasks` these are the validation split,
    from which nothing is kept, and all candidates of the other tasks may be fitted on. `is_unsound` says of a
    technique's name whether it is one that is not valid.
    """

    def __init__(
        self,
        policy: Policy,
        tasks: Sequence[Task] | Curriculum,
        judge: Judge,
        folder: RunFolder,
        config: Config,
        *,
        policy_name: str = "policy",
        m_step: MStep | None = None,
        validation_tasks: Sequence[Task] = (),
        is_unsound: Callable[[str], bool] | None = None,
        reward: RewardFunction | None = None,
        watcher: Watcher | None = None,
    ) -> None:
        self._policies = [policy]  # by the iteration that they sample in
        self._m_step = m_step or m_step_of(config.variant, policy, folder.path)
        self._curriculum = tasks if isinstance(tasks, Curriculum) else None
        self._tasks = [] if isinstance(tasks, Curriculum) else list(tasks)
        self._validation_tasks = list(validation_tasks)
        self._held_back = {task.id for task in validation_tasks}
        self._folder = folder
        self._config = config
        self._policy_name = policy_name
        self._is_unsound = is_unsound
        self._watcher = watcher or Watcher()
        self._e_step = EStep(judge, folder, config, reward or LogReward(), self._watcher, policy_name)
        self._reached = max((key[0] for key in folder.trajectories), default=0)
        self._fitted_on: list[Trajectory] = []  # all kept ones but those of the validation split, in their order
        self._examples: dict[tuple[str, str], dict[str, Any]] = {}
        self._metrics: list[IterationMetrics] = []
        self._seconds = folder.seconds()  # of iterations that an earlier process ended
        self._saved: int | None = None  # the iteration whose policy is in policy.json
        self._since = time.perf_counter()

    def run(self) -> Result:
        """All iterations, or as many as there are until one of the other endings of a Result.

        However it ends, what was done is in the folder. Raises SqlOptError where the policy or its server fails.
        """
        if self._reached > self._config.iterations:
            reached = self._reached
            raise SqlOptError(f"the run has come to iteration {reached} already: give --iterations {reached} or more")
        try:
            return self._ended(self._iterations())
        except KeyboardInterrupt:
            return self._ended("interrupted")
        except CostReached as reached:
            return self._ended("cost", str(reached))
        except SqlOptError:
            if self._metrics:
                self._ended("failed")
            raise
        finally:
            self._e_step.close()

    def _iterations(self) -> Ending:
        for iteration in range(self._config.iterations + 1):
            now = self._iterate(iteration)
            finished, stalled = iteration == self._config.iterations, self._has_stalled(iteration)
            if finished or stalled or (iteration and iteration % CHECKPOINT_EVERY == 0):
                self._folder.save_policy(f"checkpoint_{iteration}.json", self._policies[iteration])
            if finished or stalled:
                return "finished" if finished else "stalled"
            self._policies.append(self._m_step(self._policies[0], self._policies[-1], now, self._fitted_on))
        raise AssertionError("iterations is at least 0")

    def _iterate(self, iteration: int) -> list[Trajectory]:
        """E-step and filter; what the M-step may see of what was kept."""
        tasks = [*self._handed_out(iteration), *self._validation_tasks]
        trajectories = self._e_step.run(self._policies[iteration], iteration, tasks)
        trained = [t for t in trajectories if t.task.id not in self._held_back]
        self._watcher.confirming(iteration)
        found = kept(trained, self._config.keep, self._e_step.confirm)
        for trajectory in found:
            self._examples.setdefault(form(trajectory), self._example(trajectory))
        metrics = measured(
            iteration,
            trained,
            [t for t in trajectories if self._is_validation(t)] or trained,
            kept=len(found),
            seconds=self._seconds.get(iteration, time.perf_counter() - self._since),
            is_unsound=self._is_unsound,
        )
        self._since = time.perf_counter()
        self._metrics.append(metrics)
        self._tell(trained)
        self._write("running")
        self._watcher.iteration_ended(metrics)
        now = [trajectory for trajectory in found if not self._is_validation(trajectory)]
        self._fitted_on += now
        return now

    def _handed_out(self, iteration: int) -> Sequence[Task]:
        """The tasks of an iteration, those that are held back never among them."""
        if self._curriculum is None:
            return self._tasks
        self._watcher.choosing(iteration)
        drawn = different_tasks(self._curriculum, self._config.tasks)
        return [task for task in drawn if task.id not in self._held_back]

    def _tell(self, trained: Sequence[Trajectory]) -> None:
        if self._curriculum is not None:
            for trajectory in trained:
                self._curriculum.record(trajectory.task, success=trajectory.success, reward=trajectory.reward)

    def _is_validation(self, trajectory: Trajectory) -> bool:
        """One of a held-back task; without such, one of the last candidates of its task: they are independent samples,
        so that any will do."""
        if self._held_back:
            return trajectory.task.id in self._held_back
        return trajectory.candidate >= self._config.candidates - self._config.validation_candidates

    def _has_stalled(self, iteration: int) -> bool:
        """No better validation rate for `patience` iterations; but a run that once went on is not cut short."""
        patience = self._config.patience
        return patience is not None and iteration - self._best() >= patience and iteration >= self._reached

    def _best(self) -> int:
        """The iteration with the highest success rate on the validation split; the earliest of equals."""
        rates = [metrics.validation_success_rate for metrics in self._metrics]
        return rates.index(max(rates)) if rates else 0

    def _example(self, trajectory: Trajectory) -> dict[str, Any]:
        return example(trajectory, self._e_step.confirmation(trajectory))

    def _ended(self, ending: Ending, reason: str = "") -> Result:
        self._write(ending, reason)
        best, examples = self._best(), list(self._examples.values())
        return Result(self._policies[best], self._policies, best, self._metrics, examples, ending, reason)

    def _write(self, ending: Ending, reason: str = "") -> None:
        """What is known so far, best policy included; nothing while a resumed run knows less than it once told."""
        if len(self._metrics) < len(self._seconds):
            return
        self._folder.write_json("training_data.json", list(self._examples.values()))
        if self._curriculum is not None:
            self._folder.write_json("curriculum.json", self._curriculum.state())
        self._folder.write_json(
            "metrics.json",
            {
                "iterations": [asdict(metrics) for metrics in self._metrics],
                "config": {**asdict(self._config), "policy": self._policy_name},
                "versions": versions(),
                "summary": self._summary(ending, reason),
            },
        )
        if self._saved != self._best():
            self._saved = self._best()
            self._folder.save_policy("policy.json", self._policies[self._saved])

    def _summary(self, ending: Ending, reason: str) -> dict[str, Any]:
        best = self._metrics[self._best()] if self._metrics else None
        return {
            "examples": len(self._examples),
            "best_iteration": self._best(),
            "untrained_success_rate": self._metrics[0].success_rate if self._metrics else None,
            "best_success_rate": best.success_rate if best else None,
            "best_success_interval": best.success_interval if best else None,
            "best_validation_success_rate": best.validation_success_rate if best else None,
            "final_success_rate": self._metrics[-1].success_rate if self._metrics else None,
            "ending": ending,
            "reason": reason,
            "dollars": getattr(self._policies[-1], "spent", None),
            "interrupted": ending in _UNFINISHED,
        }
