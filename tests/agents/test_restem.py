"""ReST-EM's loop from Python: what each M-step is given, how runs end, and that a resumed run is the same run.

Steps are counted instead of time, on a small database, so that two runs can be compared figure by figure.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_shop import INDEXES, QUERIES, small_tasks
from sqlopt_agents.config import Config
from sqlopt_agents.m_steps import VARIANTS, m_step_of
from sqlopt_agents.policy import Proposal
from sqlopt_agents.restem import ReSTEM, Result
from sqlopt_agents.run_folder import RunFolder

from sqlopt_env import Judge, SqlOptError, Task
from sqlopt_env.chat.errors import CostReached, ServerFailed
from sqlopt_env.trajectory import Trajectory


class Learner:
    """Gives the right index with a chance that grows with what it is fitted on; remembers what that was."""

    pool = ()

    def __init__(self, chance: float = 0.4, history: tuple[tuple[tuple[str, int, int], ...], ...] = ()) -> None:
        self.chance = chance
        self.history = history  # one entry for each fit of this policy and its ancestors: (task, iteration, candidate)

    def propose(self, observation: dict[str, Any], n: int, rng: np.random.Generator) -> list[Proposal]:
        query = observation["query"]
        index = next(index for name, index in INDEXES.items() if QUERIES[name] == query)
        good = Proposal(f"{index}; {query}", ("index(i)",))
        longer = Proposal(f"{index}; CREATE INDEX j ON users (city); {query}", ("index(i)", "wrong(j)"))
        draws = rng.random((n, 2))
        return [(good if d[1] < 0.5 else longer) if d[0] < self.chance else Proposal(query) for d in draws]

    def fit(self, trajectories: Sequence[Trajectory]) -> Learner:
        keys = tuple((t.task.id, t.iteration, t.candidate) for t in trajectories)
        return Learner(min(0.9, self.chance + 0.05 * len(keys)), (*self.history, keys))

    def save(self, path: Path) -> None:
        path.write_text(json.dumps({"chance": self.chance, "history": self.history}))

    @classmethod
    def load(cls, path: Path) -> Learner:
        return cls(**json.loads(path.read_text()))


class Dear(Learner):
    """Runs out of money, or of its server, at its n-th call."""

    def __init__(self, calls: int, error: SqlOptError) -> None:
        super().__init__()
        self.left, self.error = [None] * calls, error  # one account for all that come of this policy

    def propose(self, observation: dict[str, Any], n: int, rng: np.random.Generator) -> list[Proposal]:
        if not self.left:
            raise self.error
        self.left.pop()
        return super().propose(observation, n, rng)

    def fit(self, trajectories: Sequence[Trajectory]) -> Learner:
        made = Dear(0, self.error)
        made.left, made.chance = self.left, super().fit(trajectories).chance
        return made


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> list[Task]:
    return small_tasks(tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="module")
def small_judge() -> Iterator[Judge]:
    with Judge(workers=1, measure="steps", thorough_instances=20) as judge:
        yield judge


class Runs:
    """Runs of one folder each; `again` goes on with what the folder holds."""

    def __init__(self, tasks: list[Task], judge: Judge, path: Path) -> None:
        self.tasks, self.judge, self.path = tasks, judge, path

    def __call__(self, policy: Any = None, *, again: bool = False, held: int = 0, **config: Any) -> Result:
        settings = Config(**{"iterations": 2, "candidates": 4, "executor": "serial", **config})
        trained = self.tasks[: len(self.tasks) - held]
        with RunFolder(self.path, {}, {}, resume=again) as folder:
            held_back = self.tasks[len(self.tasks) - held :]
            loop = ReSTEM(policy or Learner(), trained, self.judge, folder, settings, validation_tasks=held_back)
            return loop.run()

    def metrics(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads((self.path / "metrics.json").read_text())
        for line in told["iterations"]:
            del line["seconds"]
        return told

    def policy(self) -> Learner:
        return Learner.load(self.path / "policy.json")


@pytest.fixture
def runs(tasks: list[Task], small_judge: Judge, tmp_path: Path) -> Runs:
    return Runs(tasks, small_judge, tmp_path / "run")


def kept_in(runs: Runs, iteration: int) -> set[tuple[str, int, int]]:
    """What the log says may be fitted on: distinct confirmed successes that are not of the validation split."""
    lines = [json.loads(line) for line in (runs.path / "trajectories.jsonl").read_text().splitlines()]
    found: dict[tuple[str, str], tuple[str, int, int]] = {}
    for line in sorted(lines, key=lambda line: (len(line["proposal"]["techniques"]), line["candidate"])):
        if line["success"] and line["iteration"] == iteration:
            key = line["task"]["id"], line["proposal"]["text"]
            found.setdefault(key, (line["task"]["id"], iteration, line["candidate"]))
    return {key for key in found.values() if key[2] < 3}  # the last of four candidates is the validation split's


def fits(runs: Runs, variant: str) -> list[set[tuple[str, int, int]]]:
    """The trajectories of every fit that the last policy and its ancestors went through."""
    runs(Learner(), variant=variant)
    last = Learner.load(runs.path / "checkpoint_2.json")
    return [{(str(task), int(i), int(c)) for task, i, c in keys} for keys in last.history]


def test_as_published_the_base_policy_is_fitted_to_the_last_iteration_alone(runs: Runs) -> None:
    assert fits(runs, "rest-em") == [kept_in(runs, 1)]


@pytest.mark.parametrize("variant", ["accumulate", "few-shot"])
def test_accumulating_fits_the_base_policy_to_each_distinct_rewrite_of_all_iterations_once(
    runs: Runs, variant: str
) -> None:
    (fit,) = fits(runs, variant)
    now, before = kept_in(runs, 1), kept_in(runs, 0)
    assert fit >= before
    assert fit - before < now  # what was found again is not there twice
    assert {iteration for _, iteration, _ in fit} == {0, 1}


def test_expert_iteration_goes_on_from_the_current_policy_with_one_best_rewrite_a_task(runs: Runs) -> None:
    first, second = fits(runs, "expert-iteration")
    for fit in (first, second):
        names = [task for task, _, _ in fit]
        assert len(names) == len(set(names))
    assert first <= kept_in(runs, 0)
    assert second <= kept_in(runs, 0) | kept_in(runs, 1)
    lines = [json.loads(line) for line in (runs.path / "trajectories.jsonl").read_text().splitlines()]
    gains = {(x["task"]["id"], x["iteration"], x["candidate"]): x["evaluation"]["effective_speedup"] for x in lines}
    for key in second:
        rivals = [gains[other] for other in kept_in(runs, 0) | kept_in(runs, 1) if other[0] == key[0]]
        assert gains[key] == max(rivals)


def test_a_policy_without_a_pool_of_examples_has_no_few_shot_variant(tmp_path: Path) -> None:
    from sqlopt_agents.rule_policy import RulePolicy

    with pytest.raises(SqlOptError, match="shows examples in its prompt"):
        m_step_of("few-shot", RulePolicy(), tmp_path)
    with pytest.raises(SqlOptError, match=f"give one of {', '.join(VARIANTS)}"):
        Config(variant="rest")


def test_a_policy_that_keeps_nothing_stays_as_it_is(runs: Runs) -> None:
    result = runs(Learner(chance=0.0))
    assert result.examples == []
    assert Learner.load(runs.path / "checkpoint_2.json").history == []


def test_tasks_that_are_held_back_choose_the_policy_and_are_never_fitted_on(runs: Runs) -> None:
    result = runs(held=2, variant="accumulate", validation=0.75)
    trained, held = {"either", "counts"}, {"dear", "buyers"}
    assert {example["id"] for example in result.examples} <= trained
    last = Learner.load(runs.path / "checkpoint_2.json")
    assert {task for keys in last.history for task, _, _ in keys} <= trained
    assert any(candidate > 0 for keys in last.history for _, _, candidate in keys)  # no candidates are held back too
    lines = [json.loads(line) for line in (runs.path / "trajectories.jsonl").read_text().splitlines()]
    for metrics in result.metrics:
        for names, rate in ((trained, metrics.success_rate), (held, metrics.validation_success_rate)):
            own = [x for x in lines if x["iteration"] == metrics.iteration and x["task"]["id"] in names]
            assert rate == pytest.approx(sum(x["success"] for x in own) / len(own))


def test_patience_ends_a_run_and_more_of_it_goes_on(runs: Runs) -> None:
    ended = runs(Learner(chance=0.0), iterations=9, patience=2)
    assert (ended.ending, len(ended.metrics), ended.best_iteration) == ("stalled", 3, 0)
    assert (runs.path / "checkpoint_2.json").exists()
    assert runs.metrics()["summary"]["ending"] == "stalled"
    longer = runs(Learner(chance=0.0), again=True, iterations=9, patience=3)
    assert (longer.ending, len(longer.metrics)) == ("stalled", 4)
    shorter = runs(Learner(chance=0.0), again=True, iterations=9, patience=1)
    assert (shorter.ending, len(shorter.metrics)) == ("stalled", 4)  # what is done is not undone
    assert runs(Learner(chance=0.0), again=True, iterations=4).ending == "finished"


@pytest.mark.parametrize("calls", [0, 2, 5, 11])
def test_a_run_that_reaches_its_costs_keeps_all_and_goes_on_to_the_same_end(
    runs: Runs, tasks: list[Task], small_judge: Judge, tmp_path: Path, calls: int
) -> None:
    stopped = runs(Dear(calls, CostReached("the money is spent")))
    assert (stopped.ending, stopped.reason, stopped.interrupted) == ("cost", "the money is spent", True)
    assert len(stopped.metrics) == calls // 4
    assert runs.metrics()["summary"] | {"ending": "cost", "reason": "the money is spent"} == runs.metrics()["summary"]
    assert len((runs.path / "trajectories.jsonl").read_text().splitlines()) == calls * 4
    whole = Runs(tasks, small_judge, tmp_path / "whole")
    assert (runs(again=True).ending, whole().ending) == ("finished", "finished")
    assert runs.metrics() == whole.metrics()
    assert runs.policy().history == whole.policy().history
    assert (runs.path / "training_data.json").read_text() == (whole.path / "training_data.json").read_text()


def test_a_failing_server_loses_no_iteration(runs: Runs) -> None:
    with pytest.raises(ServerFailed, match="gone"):
        runs(Dear(6, ServerFailed("the server has gone")))
    summary = runs.metrics()["summary"]
    assert (summary["ending"], summary["interrupted"], len(runs.metrics()["iterations"])) == ("failed", True, 1)
    assert runs(again=True).ending == "finished"


@pytest.mark.parametrize("fits", [0, 1])
def test_what_was_told_stays_told_while_a_resumed_run_catches_up(runs: Runs, fits: int) -> None:
    runs()
    told = [(runs.path / name).read_text() for name in ("metrics.json", "policy.json", "training_data.json")]
    with pytest.raises(ServerFailed):
        runs(Unfit(fits), again=True, iterations=3, variant="expert-iteration")
    assert [(runs.path / n).read_text() for n in ("metrics.json", "policy.json", "training_data.json")] == told


class Unfit(Learner):
    """Its server fails in an M-step, after so many."""

    def __init__(self, fits: int) -> None:
        super().__init__()
        self.fits = fits

    def fit(self, trajectories: Sequence[Trajectory]) -> Learner:
        if not self.fits:
            raise ServerFailed("the server has gone")
        return Unfit(self.fits - 1)


def test_the_curve_has_intervals_and_counts_techniques(runs: Runs) -> None:
    settings = Config(iterations=1, candidates=4, executor="serial")
    with RunFolder(runs.path, {}, {}, resume=False) as folder:
        loop = ReSTEM(Learner(), runs.tasks, runs.judge, folder, settings, is_unsound={"wrong"}.__contains__)
        curve = loop.run().metrics
    lines = [json.loads(line) for line in (runs.path / "trajectories.jsonl").read_text().splitlines()]
    for metrics in curve:
        own = [x for x in lines if x["iteration"] == metrics.iteration]
        names = [name for x in own for name in x["proposal"]["techniques"]]
        assert metrics.mean_techniques == len(names) / len(own)
        assert metrics.unsound_share == sum(name.startswith("wrong") for name in names) / len(names)
        low, high = metrics.success_interval
        assert 0 <= low <= metrics.success_rate <= high <= 1
        rates = [np.mean([x["success"] for x in own if x["task"]["id"] == task.id]) for task in runs.tasks]
        assert (low < high) == (len(set(rates)) > 1)
    assert any(low < high for low, high in (metrics.success_interval for metrics in curve))


def test_an_m_step_of_ones_own_sees_all_that_was_kept(runs: Runs) -> None:
    seen: list[tuple[float, float, int, int]] = []

    def own(base: Any, current: Any, kept_now: Sequence[Trajectory], kept_all: Sequence[Trajectory]) -> Learner:
        seen.append((base.chance, current.chance, len(kept_now), len(kept_all)))
        return Learner(current.chance + 0.1)

    with RunFolder(runs.path, {}, {}, resume=False) as folder:
        settings = Config(iterations=2, candidates=4, executor="serial")
        result = ReSTEM(Learner(), runs.tasks, runs.judge, folder, settings, m_step=own).run()
    assert [policy.chance for policy in result.policies] == pytest.approx([0.4, 0.5, 0.6])
    assert [(base, round(current, 1)) for base, current, _, _ in seen] == [(0.4, 0.4), (0.4, 0.5)]
    assert [kept_all for _, _, _, kept_all in seen] == [seen[0][2], seen[0][2] + seen[1][2]]
    assert [kept_now for _, _, kept_now, _ in seen] == [len(kept_in(runs, 0)), len(kept_in(runs, 1))]
