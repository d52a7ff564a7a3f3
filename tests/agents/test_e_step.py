"""The E-step: the same trajectories wherever it is done, every turn logged, nothing judged twice, nothing lost."""

from __future__ import annotations

import importlib
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlopt_agents.config import Config, Watcher
from sqlopt_agents.e_step import EStep
from sqlopt_agents.rule_policy import RulePolicy
from sqlopt_agents.run_folder import RunFolder

from sqlopt_env import Judge, SqlOptError, Task
from sqlopt_env.reward import LogReward
from sqlopt_env.trajectory import Trajectory

ROWS = """
    CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER NOT NULL, b TEXT NOT NULL);
    WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n LIMIT 3000)
    INSERT INTO t (a, b) SELECT i * 7919 % 1000, 'b' || (i % 10) FROM n;
"""


@pytest.fixture(scope="module")
def policies() -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).parent))
        yield importlib.import_module("e_step_policies")


@pytest.fixture
def tasks(database: Callable[..., str]) -> list[Task]:
    path = database(ROWS)
    return [Task(f"t{a}", path, f"SELECT count(*) FROM t WHERE a = {a} AND b > 'b'") for a in (3, 4, 5)]


class Told(Watcher):
    def __init__(self) -> None:
        self.expected = 0
        self.judged: list[Trajectory] = []

    def iteration_begins(self, iteration: int, candidates: int) -> None:
        self.expected = candidates

    def candidate_judged(self, trajectory: Trajectory) -> None:
        self.judged.append(trajectory)


@contextmanager
def e_step(
    judge: Judge, folder: Path, *, resume: bool = False, watcher: Watcher | None = None, **config: Any
) -> Iterator[tuple[EStep, RunFolder]]:
    with RunFolder(folder, {}, {}, resume=resume) as run:
        values = {"candidates": 4, "executor": "serial", **config}
        step = EStep(judge, run, Config(**values), LogReward(), watcher or Told(), "mine")
        try:
            yield step, run
        finally:
            step.close()


def timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: timeless(part) for name, part in value.items() if name != "seconds"}
    return [timeless(part) for part in value] if isinstance(value, list | tuple) else value


def records(trajectories: list[Trajectory]) -> Any:
    return [timeless(trajectory.to_dict()) for trajectory in trajectories]


def logged(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "trajectories.jsonl").read_text().splitlines()]


def test_the_same_trajectories_wherever_it_is_done(
    steps_judge: Judge, policies: Any, tasks: list[Task], tmp_path: Path
) -> None:
    found = {}
    for name, policy, executor in (
        ("in this process", policies.Mixed(), "serial"),
        ("proposed here, judged elsewhere", policies.Mixed(), "local"),
        ("elsewhere", policies.Portable(), "local"),
        ("in threads", policies.Threads(), "serial"),
    ):
        watcher = Told()
        with e_step(steps_judge, tmp_path / name, watcher=watcher, executor=executor, turns=2) as (step, _):
            last = step.run(policy, 0, tasks)
            found[name] = records(last) + records(step.confirm([t for t in last if t.success]))
            assert sorted(t.key for t in watcher.judged) == sorted(t.key for t in last)
            assert watcher.expected == len(last) == 12
    assert all(other == found["in this process"] for other in found.values())
    assert len({record["proposal"]["text"] for record in found["elsewhere"]}) > 6


def test_the_rule_policy_is_sent_away_and_judges_the_same(
    steps_judge: Judge, tasks: list[Task], tmp_path: Path
) -> None:
    found = []
    for executor in ("serial", "local"):
        with e_step(steps_judge, tmp_path / executor, executor=executor) as (step, _):
            found.append(records(step.run(RulePolicy(), 0, tasks)))
    assert found[0] == found[1]


def test_few_tasks_are_shared_out_among_many_workers(policies: Any, tasks: list[Task], tmp_path: Path) -> None:
    found = []
    for workers in (1, 3):
        with (
            Judge(workers=workers, measure="steps") as judge,
            e_step(judge, tmp_path / str(workers), executor="local", candidates=3) as (step, _),
        ):
            found.append(records(step.run(policies.Portable(), 0, tasks[:1])))
    assert found[0] == found[1]


def test_a_policy_may_have_several_calls_in_flight(
    steps_judge: Judge, policies: Any, tasks: list[Task], tmp_path: Path
) -> None:
    policy = policies.Threads()
    with e_step(steps_judge, tmp_path / "run") as (step, _):
        step.run(policy, 0, tasks)
    assert policy.most == 3


def test_equal_texts_are_judged_once_a_run(
    steps_judge: Judge, policies: Any, tasks: list[Task], tmp_path: Path
) -> None:
    with e_step(steps_judge, tmp_path / "run") as (step, _):
        first = step.run(policies.Stubborn(), 0, tasks[:1])
        assert [t.shared for t in first] == [False, True, True, True]
        again = step.run(policies.Stubborn(), 1, tasks[:1])
    assert [t.shared for t in again] == [True, True, True, True]
    assert {t.iteration for t in again} == {1}


def test_who_does_not_succeed_is_asked_again_with_the_judges_feedback(
    steps_judge: Judge, policies: Any, tasks: list[Task], tmp_path: Path
) -> None:
    policy = policies.Learning()
    with e_step(steps_judge, tmp_path / "run", turns=3) as (step, run):
        last = step.run(policy, 0, tasks[:1])
        assert [(t.candidate, t.turn, t.success) for t in last] == [
            (0, 1, True),
            (1, 0, True),
            (2, 1, True),
            (3, 0, True),
        ]
        assert sorted(key[2:] for key in run.trajectories) == [(0, 0), (0, 1), (1, 0), (2, 0), (2, 1), (3, 0)]
        assert run.trajectories[0, "t3", 0, 0].observation["feedback"] == ""
        assert run.trajectories[0, "t3", 0, 1].observation["feedback"].startswith("refuted: ")
    assert policy.asked == [4, 2]  # the two that were wrong, in one call
    assert policy.feedbacks[0] == ""
    assert policy.feedbacks[1].startswith("refuted: ")


def test_turns_end_with_the_last_one(steps_judge: Judge, policies: Any, tasks: list[Task], tmp_path: Path) -> None:
    watcher = Told()
    with e_step(steps_judge, tmp_path / "run", turns=3, watcher=watcher) as (step, run):
        last = step.run(policies.Stubborn(), 0, tasks[:1])
        assert [t.turn for t in last] == [2, 2, 2, 2]
        assert len(run.trajectories) == 12
    assert len(watcher.judged) == 4


@pytest.mark.parametrize("lines", [0, 1, 5, 9, 13])
def test_a_step_cut_off_anywhere_is_resumed_to_the_same_result(
    steps_judge: Judge, policies: Any, tasks: list[Task], tmp_path: Path, lines: int
) -> None:
    out = tmp_path / "run"
    with e_step(steps_judge, out, turns=2) as (step, _):
        whole = records(step.run(policies.Mixed(), 0, tasks))
    log = out / "trajectories.jsonl"
    log.write_text("".join(log.read_text().splitlines(keepends=True)[:lines]))
    watcher = Told()
    with e_step(steps_judge, out, turns=2, resume=True, watcher=watcher) as (step, _):
        assert records(step.run(policies.Mixed(), 0, tasks)) == whole
    assert len(watcher.judged) == 12
    assert len({(r["task"]["id"], r["candidate"], r["turn"]) for r in logged(out)}) == len(logged(out))


def test_a_log_of_before_turns_is_read(steps_judge: Judge, policies: Any, tasks: list[Task], tmp_path: Path) -> None:
    out = tmp_path / "run"
    with e_step(steps_judge, out) as (step, _):
        whole = records(step.run(policies.Mixed(), 0, tasks))
    lines = logged(out)
    for line in lines:
        del line["turn"]
    (out / "trajectories.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    with e_step(steps_judge, out, resume=True) as (step, _):
        assert records(step.run(policies.Mixed(), 0, tasks)) == whole
    assert len(logged(out)) == 12


@pytest.mark.parametrize("executor", ["serial", "local"])
def test_what_was_proposed_before_a_policy_failed_is_not_lost(
    steps_judge: Judge, policies: Any, tasks: list[Task], tmp_path: Path, executor: str
) -> None:
    policy = policies.Distinct("a = 5", policies.out_of_money)
    with (
        e_step(steps_judge, tmp_path / "run", executor=executor) as (step, _),
        pytest.raises(SqlOptError, match="out of money"),
    ):
        step.run(policy, 0, tasks)
    assert {record["task"]["id"] for record in logged(tmp_path / "run")} == {"t3", "t4"}
    assert len(logged(tmp_path / "run")) == 8


def test_calls_in_flight_beside_one_that_failed_are_not_lost(
    steps_judge: Judge, policies: Any, tasks: list[Task], tmp_path: Path
) -> None:
    with e_step(steps_judge, tmp_path / "run") as (step, _), pytest.raises(SqlOptError, match="out of money"):
        step.run(policies.Failing(), 0, tasks)
    assert len(logged(tmp_path / "run")) == 8


def test_the_judges_of_the_processes_end_with_them(
    policies: Any, tasks: list[Task], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = f"SQLOPT_TEST_OF_E_STEPS={tmp_path}"
    monkeypatch.setenv(*mark.split("=", 1))

    def marked() -> list[Path]:
        return [path for path in Path("/proc").glob("[0-9]*") if mark in _environment(path)]

    with Judge(workers=2, measure="steps") as judge:
        with e_step(judge, tmp_path / "run", executor="local") as (step, _):
            step.run(policies.Portable(), 0, tasks)
            assert len(marked()) >= 4  # two processes, each with a judge
        deadline = time.monotonic() + 10
        while marked() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not marked()  # the judge here had nothing to do


def _environment(path: Path) -> str:
    try:
        return (path / "environ").read_bytes().decode(errors="replace")
    except OSError:
        return ""


def test_a_task_that_kills_every_process_is_reported_and_takes_no_other_with_it(
    steps_judge: Judge, policies: Any, tasks: list[Task], tmp_path: Path
) -> None:
    with e_step(steps_judge, tmp_path / "run", executor="local", candidates=2) as (step, _):
        last = step.run(policies.Deadly("a = 4"), 0, tasks)
    outcomes = {t.task.id: t.evaluation.outcome for t in last}
    assert outcomes == {"t3": "improved", "t4": "crashed", "t5": "improved"}
    assert len(last) == 6
    (reason,) = {t.evaluation.reason for t in last if t.task.id == "t4"}
    assert "died, 2 times" in reason


@pytest.mark.parametrize("executor", ["serial", "local"])
def test_a_task_that_is_none_is_told_in_one_sentence(
    steps_judge: Judge, policies: Any, tasks: list[Task], tmp_path: Path, executor: str
) -> None:
    broken = Task("broken", tasks[0].database, "SELECT nothing FROM nowhere")
    for policy in (policies.Mixed(), policies.Portable()):
        with (
            e_step(steps_judge, tmp_path / type(policy).__name__, executor=executor) as (step, _),
            pytest.raises(SqlOptError, match=r"^task broken: the query cannot be a task"),
        ):
            step.run(policy, 0, [*tasks, broken])


@pytest.mark.parametrize("executor", ["serial", "local"])
def test_confirmations_come_in_order_one_for_each_distinct_rewrite(
    steps_judge: Judge, policies: Any, tasks: list[Task], tmp_path: Path, executor: str
) -> None:
    with e_step(steps_judge, tmp_path / "run", executor=executor) as (step, _):
        last = step.run(policies.Distinct(), 0, tasks)
        assert all(t.success for t in last)
        second = step.confirm(last[::-1])
        assert [t.task.id for t in second] == [t.task.id for t in last[::-1]]
        assert all(t.evaluation.verdict is not None and t.evaluation.verdict.instances > 200 for t in second)
        assert step.confirmation(last[0]) == second[-1]
        assert step.confirm([]) == []
    assert len((tmp_path / "run" / "confirmations.jsonl").read_text().splitlines()) == len(tasks)


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"turns": 0}, "turns must be a whole number of at least 1, not 0"),
        ({"executor": "cloud"}, "unknown executor 'cloud'; give one of serial, local, ray"),
    ],
)
def test_wrong_configuration_is_told(config: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SqlOptError, match=sentence):
        Config(**config)
