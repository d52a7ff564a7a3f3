"""The E-step: n candidates of every task from the current policy, each judged and logged as its result comes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass

import numpy as np

from sqlopt_env.judge import Judge
from sqlopt_env.observation import TEXTS, Observation, observe
from sqlopt_env.reward import RewardFunction
from sqlopt_env.trajectory import Proposal, Trajectory
from sqlopt_env.types import Evaluation, SqlOptError, Task
from sqlopt_env.version import versions

from .config import Config, Watcher
from .policy import Policy
from .run_folder import RunFolder

SAMPLE_SEED = 1  # sets the seeds of sampling apart from those of the split


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A proposal on its way to the judge."""

    number: int
    task: Task
    observation: Observation
    proposal: Proposal


class EStep:
    """Samples and judges. What the run's folder already holds is taken over, so that a killed run goes on.

    Equal texts of one task are judged once in a run; the others share the evaluation.
    """

    def __init__(
        self,
        judge: Judge,
        folder: RunFolder,
        config: Config,
        reward: RewardFunction,
        watcher: Watcher,
        policy_name: str,
    ) -> None:
        self._judge = judge
        self._folder = folder
        self._config = config
        self._reward = reward
        self._watcher = watcher
        self._policy_name = policy_name
        self._versions = versions()
        self._known: dict[tuple[str, str], Evaluation] = {}  # by task id and text
        for trajectory in folder.trajectories.values():
            self._remember(trajectory)

    def run(self, policy: Policy, iteration: int, tasks: Sequence[Task]) -> list[Trajectory]:
        """Every candidate of every task, in their order.

        The policy proposes for the next task while the workers judge the last one's candidates.
        """
        self._watcher.iteration_begins(iteration, len(tasks) * self._config.candidates)
        pending: dict[Future[Evaluation], list[_Candidate]] = {}
        with ThreadPoolExecutor(self._judge.workers) as threads:
            try:
                for number, task in enumerate(tasks):
                    for group in self._unjudged(policy, iteration, number, task):
                        pending[threads.submit(self._judge.evaluate, task, group[0].proposal.text)] = group
                    for future in [future for future in pending if future.done()]:
                        self._record(iteration, pending.pop(future), future.result())
                for future in as_completed(list(pending)):
                    self._record(iteration, pending.pop(future), future.result())
            except BaseException:
                threads.shutdown(wait=False, cancel_futures=True)
                self._judge.close()  # ends what is being judged, so that Ctrl-C does not wait for it
                raise
        numbers = range(self._config.candidates)
        return [self._folder.trajectories[iteration, task.id, number] for task in tasks for number in numbers]

    def confirmation(self, trajectory: Trajectory) -> Trajectory:
        """A second, independent measurement of a trajectory's rewrite; one for each distinct rewrite of a run."""
        known = self._folder.confirmation(trajectory)
        if known is None:
            evaluation = self._judge.evaluate(trajectory.task, trajectory.proposal.text, thorough=True)
            candidate = _Candidate(trajectory.candidate, trajectory.task, trajectory.observation, trajectory.proposal)
            known = self._judged(trajectory.iteration, candidate, evaluation, shared=False)
            self._folder.add_confirmation(known)
        return known

    def _unjudged(self, policy: Policy, iteration: int, number: int, task: Task) -> Iterator[list[_Candidate]]:
        """The task's candidates that are not in the log yet, grouped by their text."""
        keys = [(iteration, task.id, candidate) for candidate in range(self._config.candidates)]
        logged = [self._folder.trajectories[key] for key in keys if key in self._folder.trajectories]
        for trajectory in logged:
            self._watcher.candidate_judged(trajectory)
        if len(logged) == len(keys):
            return
        observation = observe(self._judge.prepare(task))
        rng = np.random.default_rng(np.random.SeedSequence([self._config.seed, SAMPLE_SEED, iteration, number]))
        groups: dict[str, list[_Candidate]] = {}
        for key, proposal in zip(keys, self._proposals(policy, observation, rng), strict=True):
            if key in self._folder.trajectories:
                continue
            candidate = _Candidate(key[2], task, observation, proposal)
            if (task.id, proposal.text) in self._known:
                self._add(iteration, candidate, self._known[task.id, proposal.text], shared=True)
            else:
                groups.setdefault(proposal.text, []).append(candidate)
        yield from groups.values()

    def _proposals(self, policy: Policy, observation: Observation, rng: np.random.Generator) -> list[Proposal]:
        n = self._config.candidates
        proposals = policy.propose(observation, n, rng)
        if not isinstance(proposals, list) or not all(_is_proposal(proposal) for proposal in proposals):
            raise SqlOptError("the policy's propose() must return a list of Proposal, made of texts")
        if len(proposals) != n:
            raise SqlOptError(f"the policy gave {len(proposals)} proposals where {n} were asked for")
        return proposals

    def _record(self, iteration: int, group: list[_Candidate], evaluation: Evaluation) -> None:
        for i, candidate in enumerate(group):
            self._add(iteration, candidate, evaluation, shared=i > 0)

    def _add(self, iteration: int, candidate: _Candidate, evaluation: Evaluation, *, shared: bool) -> None:
        trajectory = self._judged(iteration, candidate, evaluation, shared=shared)
        self._folder.add(trajectory)
        self._remember(trajectory)
        self._watcher.candidate_judged(trajectory)

    def _remember(self, trajectory: Trajectory) -> None:
        if trajectory.evaluation.outcome != "crashed":  # whose fault that was is not known
            self._known[trajectory.task.id, trajectory.proposal.text] = trajectory.evaluation

    def _judged(self, iteration: int, candidate: _Candidate, evaluation: Evaluation, *, shared: bool) -> Trajectory:
        return Trajectory(
            task=candidate.task,
            observation={name: candidate.observation[name] for name in TEXTS},
            proposal=candidate.proposal,
            evaluation=evaluation,
            reward=float(self._reward(evaluation)),
            success=is_success(evaluation, self._config.threshold),
            policy=self._policy_name,
            iteration=iteration,
            candidate=candidate.number,
            seed=self._config.seed,
            shared=shared,
            versions=self._versions,
        )


def _is_proposal(value: object) -> bool:
    if not isinstance(value, Proposal):
        return False
    texts = (value.text, value.explanation, value.optimization_type, *value.techniques)
    return all(isinstance(text, str) for text in texts)


def is_success(evaluation: Evaluation, threshold: float) -> bool:
    """Improved, and by at least `threshold` when the building of the indexes is charged."""
    effective = evaluation.effective_speedup
    return evaluation.outcome == "improved" and effective is not None and effective >= threshold
