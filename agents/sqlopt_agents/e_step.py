"""The E-step: n candidates of every task from the current policy, each judged and logged as its result comes.

Where that is done is the executor's affair (executors/, `Config.executor`). A rule policy, and any other one with an
attribute `portable = True`, is sent to the executor's processes, which propose and judge: it must be picklable,
importable there, and depend on nothing but its arguments. Any other policy proposes here, for the next tasks while
earlier candidates are judged; with an attribute `concurrency`, in so many threads at a time. Proposals depend on none
of this: each task has its own seed.

For a loop around it: `run` is one E-step, `confirm` measures what is about to be kept a second time, several at a
time, and `close` ends the executor's processes, which otherwise stay for the next E-step until the interpreter ends.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

from sqlopt_env.fingerprint import fingerprint
from sqlopt_env.judge import Judge
from sqlopt_env.observation import TEXTS, feedback
from sqlopt_env.reward import RewardFunction, is_success
from sqlopt_env.trajectory import Proposal, Trajectory
from sqlopt_env.types import Evaluation, Rewrite, Task
from sqlopt_env.version import versions

from .config import Config, Watcher
from .executors import Executor, Failure, make_executor
from .policy import Policy
from .proposing import Drafts, in_threads
from .rule_policy import RulePolicy
from .run_folder import RunFolder
from .sampling import Answer, Ask, Order, Work, digest

SAMPLE_SEED = 1  # sets the seeds of sampling apart from those of the split
_PATIENCE = 20.0  # what a judge allows one run is run so many times, before its process is given up
_ORDERS_A_WORKER = 4  # at least, where there are as many candidates: else the last ones to work would be few


class EStep:
    """Samples and judges. What the run's folder already holds is taken over, so that a killed run goes on.

    Equal texts of one task are judged once in a run; the others share the evaluation. `judge` says how is judged, and
    by how many workers; it prepares the tasks for policies that propose in this process, and judges for the serial
    executor.
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
        self._executor: Executor | None = None  # started at first use
        self._known: defaultdict[str, dict[str, Evaluation]] = defaultdict(dict)  # by task id, then by text
        for trajectory in folder.trajectories.values():
            self._remember(trajectory)

    def close(self) -> None:
        """Ends the executor's processes. May be called again; the next E-step would start them anew."""
        if self._executor is not None:
            self._executor.close()
            self._executor = None

    def run(self, policy: Policy, iteration: int, tasks: Sequence[Task]) -> list[Trajectory]:
        """The last turn of every candidate of every task, in their order.

        What was proposed before a policy raised is judged and logged first. Raises what the policy raised, and
        SqlOptError for a task that is none.
        """
        self._watcher.iteration_begins(iteration, len(tasks) * self._config.candidates)
        for turn in range(self._config.turns):
            self._take_turn(policy, iteration, turn, tasks)
        last: dict[tuple[str, int], Trajectory] = {}
        for task in tasks:
            for number in range(self._config.candidates):
                for turn in range(self._config.turns):
                    found = self._folder.trajectories.get((iteration, task.id, number, turn))
                    last[task.id, number] = found or last[task.id, number]
        return list(last.values())

    def confirm(self, trajectories: Sequence[Trajectory]) -> list[Trajectory]:
        """A second, independent measurement of each one's rewrite, in their order, by all workers of the executor.

        There is one for each distinct rewrite of a run, on many more small databases than the first.
        """
        unconfirmed: dict[tuple[str, str], Trajectory] = {}
        for trajectory in trajectories:
            if self._folder.confirmation(trajectory) is None:
                unconfirmed.setdefault((trajectory.task.id, fingerprint(trajectory.evaluation.rewrite)), trajectory)
        chosen = list(unconfirmed.values())
        orders = (
            Order(t.task, (Ask((i,), "", (), (t.proposal,)),), thorough=True, observation=t.observation)
            for i, t in enumerate(chosen)
        )
        for order, answer in self._answers(Work(self._judge.settings, None, self._own_judge), orders):
            trajectory = chosen[order.asks[0].candidates[0]]
            evaluation = answer.evaluations[trajectory.proposal.text]
            self._folder.add_confirmation(
                replace(trajectory, **self._worth(evaluation), shared=False, versions=self._versions)
            )
        return [second for t in trajectories if (second := self._folder.confirmation(t)) is not None]

    def confirmation(self, trajectory: Trajectory) -> Trajectory:
        """`confirm` of one."""
        return self.confirm([trajectory])[0]

    def _take_turn(self, policy: Policy, iteration: int, turn: int, tasks: Sequence[Task]) -> None:
        parts = -(-_ORDERS_A_WORKER * self._workers.workers // max(1, len(tasks)))
        orders = self._orders(iteration, turn, tasks)
        if getattr(policy, "portable", isinstance(policy, RulePolicy)):
            drafts = Drafts(orders)
            work = Work(self._judge.settings, policy, self._own_judge)
        else:
            drafts = Drafts(in_threads(orders, policy, self._judge))
            work = Work(self._judge.settings, None, self._own_judge)
        for order, answer in self._answers(work, (part for draft in drafts for part in draft.parted(parts))):
            self._record(iteration, turn, order, answer)
        if drafts.error is not None:
            raise drafts.error

    def _orders(self, iteration: int, turn: int, tasks: Sequence[Task]) -> Iterator[Order]:
        """What of this turn is not in the log yet, a task an order."""
        for number, task in enumerate(tasks):
            seed = (self._config.seed, SAMPLE_SEED, iteration, number)
            asks = self._later_asks(iteration, turn, task, seed) if turn else self._first_ask(iteration, task, seed)
            if asks:
                yield Order(task, asks, frozenset(map(digest, self._known[task.id])))

    def _first_ask(self, iteration: int, task: Task, seed: tuple[int, ...]) -> tuple[Ask, ...]:
        ask = Ask(tuple(range(self._config.candidates)), "", seed)
        return () if self._logged(iteration, 0, task, ask.candidates) else (ask,)

    def _later_asks(self, iteration: int, turn: int, task: Task, seed: tuple[int, ...]) -> tuple[Ask, ...]:
        """Those that have not succeeded are asked again; equal ones of them, which get equal feedback, in one call."""
        groups: dict[str, list[Trajectory]] = {}
        for number in range(self._config.candidates):
            last = self._folder.trajectories.get((iteration, task.id, number, turn - 1))
            if last is not None and not last.success:
                groups.setdefault(last.proposal.text, []).append(last)
        asks = []
        for group in groups.values():
            candidates = tuple(last.candidate for last in group)
            if not self._logged(iteration, turn, task, candidates):
                asks.append(Ask(candidates, feedback(group[0].evaluation), (*seed, turn, candidates[0])))
        return tuple(asks)

    def _logged(self, iteration: int, turn: int, task: Task, candidates: Iterable[int]) -> bool:
        """Whether all of them are in the log; tells the watcher of those that are."""
        found = [self._folder.trajectories.get((iteration, task.id, number, turn)) for number in candidates]
        for trajectory in found:
            if trajectory is not None:
                self._tell(trajectory)
        return None not in found

    def _answers(self, work: Work, orders: Iterable[Order]) -> Iterator[tuple[Order, Answer]]:
        """As they come. An order whose process dies every time is given out again text by text, and those that end so
        again are answered by `crashed` evaluations, at last."""
        crashed: list[tuple[Order, Failure]] = []
        alone: list[Order] = []
        for order, answer in self._mapped(work, orders):
            if isinstance(answer, Answer):
                yield order, answer
            elif order.parts < order.candidates:
                alone += order.parted(order.candidates)
            else:
                crashed.append((order, answer))
        for order, answer in self._mapped(work, alone):
            if isinstance(answer, Answer):
                yield order, answer
            else:
                crashed.append((order, answer))
        for order, failure in crashed:
            yield order, self._crashed(order, failure)

    def _mapped(self, work: Work, orders: Iterable[Order]) -> Iterator[tuple[Order, Answer | Failure]]:
        settings = self._judge.settings
        patience = _PATIENCE * (settings.timeout + settings.reference_timeout) * self._config.candidates
        with closing(self._workers.map_unordered(work, orders, retries=1, timeout=patience)) as answers:
            for order, answer in answers:
                if isinstance(answer, Failure) and answer.error is not None:
                    raise answer.error
                yield order, answer

    def _crashed(self, order: Order, failure: Failure) -> Answer:
        """Of a policy that dies while it proposes, the proposals are not known: they are empty."""
        proposals = {
            number: proposal
            for ask in order.asks
            for number, proposal in zip(
                ask.candidates, ask.proposals or [Proposal("")] * len(ask.candidates), strict=True
            )
        }
        evaluations = {
            text: Evaluation(
                task_id=order.task.id,
                outcome="crashed",
                reason=failure.reason,
                rewrite=Rewrite(text),
                measure=self._judge.settings.measure,
                sqlite_version=self._versions["sqlite"],
            )
            for text in {proposal.text: None for proposal in proposals.values()}
            if digest(text) not in order.known
        }
        seen = {**dict.fromkeys(TEXTS, ""), "query": order.task.query}
        return Answer(order.observation or seen, proposals, evaluations)

    def _record(self, iteration: int, turn: int, order: Order, answer: Answer) -> None:
        """Logs what is answered; the texts of other parts of the order come with these."""
        told: set[str] = set()
        for ask in order.asks:
            for number in ask.candidates:
                proposal = answer.proposals[number]
                known = self._known[order.task.id].get(proposal.text)
                evaluation = answer.evaluations.get(proposal.text, known)
                if evaluation is None or (iteration, order.task.id, number, turn) in self._folder.trajectories:
                    continue
                trajectory = Trajectory(
                    task=order.task,
                    observation={**answer.observation, "feedback": ask.feedback},
                    proposal=proposal,
                    **self._worth(evaluation),
                    policy=self._policy_name,
                    iteration=iteration,
                    candidate=number,
                    turn=turn,
                    seed=self._config.seed,
                    shared=proposal.text in told or proposal.text not in answer.evaluations,
                    versions=self._versions,
                )
                told.add(proposal.text)
                self._folder.add(trajectory)
                self._remember(trajectory)
                self._tell(trajectory)

    def _remember(self, trajectory: Trajectory) -> None:
        if trajectory.evaluation.outcome != "crashed":  # whose fault that was is not known
            self._known[trajectory.task.id][trajectory.proposal.text] = trajectory.evaluation

    def _tell(self, trajectory: Trajectory) -> None:
        """Of a candidate's last turn."""
        if trajectory.success or trajectory.turn == self._config.turns - 1:
            self._watcher.candidate_judged(trajectory)

    def _worth(self, evaluation: Evaluation) -> dict[str, Any]:
        return {
            "evaluation": evaluation,
            "reward": float(self._reward(evaluation)),
            "success": is_success(evaluation, self._config.threshold),
        }

    @property
    def _workers(self) -> Executor:
        if self._executor is None:
            self._executor = make_executor(self._config.executor, self._judge.workers)
        return self._executor

    @property
    def _own_judge(self) -> Judge | None:
        """To judge in this process, where that is what the executor does."""
        return self._judge if self._config.executor == "serial" else None
