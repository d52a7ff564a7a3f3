"""The log of candidates: appended line by line, read back, torn lines cut, one writer at a time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sqlopt_env import Evaluation, Plan, Rewrite, SqlOptError, Task, Verdict
from sqlopt_env.trajectory import Proposal, Trajectory, TrajectoryLog, read_trajectories


def trajectory(candidate: int) -> Trajectory:
    evaluation = Evaluation(
        task_id="t",
        outcome="improved",
        reason="schneller, größer, 速い",
        rewrite=Rewrite("CREATE INDEX i ON t (a); SELECT 1", indexes=("CREATE INDEX i ON t (a)",), query="SELECT 1"),
        verdict=Verdict("tested", 17, "equal", ""),
        speedup=2.0,
        speedup_interval=(1.5, 2.5),
        plan_before=Plan(((0, "SCAN t"), (1, "SEARCH u"))),
    )
    proposal = Proposal("SELECT '\ud800'", ("a(b)", "c(d)"))
    return Trajectory(
        Task("t", "shop", "SELECT 1"), {"query": "SELECT 1"}, proposal, evaluation, 0.3, True, "p", 0, candidate, 0
    )


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    with TrajectoryLog(path) as log:
        for i in range(3):
            log.append(trajectory(i))
            assert len(list(read_trajectories(path))) == i + 1  # flushed before the next one
    assert list(read_trajectories(path)) == [trajectory(i) for i in range(3)]


@pytest.mark.parametrize("lost", [1, 5, 300])
def test_a_torn_line_is_cut_and_writing_goes_on(tmp_path: Path, lost: int) -> None:
    path = tmp_path / "log.jsonl"
    with TrajectoryLog(path) as log:
        log.append(trajectory(0))
        log.append(trajectory(1))
    path.write_bytes(path.read_bytes()[:-lost])
    assert [t.candidate for t in read_trajectories(path)] == [0]
    with TrajectoryLog(path) as log:
        log.append(trajectory(2))
    assert [t.candidate for t in read_trajectories(path)] == [0, 2]


def test_one_process_at_a_time_may_write(tmp_path: Path) -> None:
    with TrajectoryLog(tmp_path / "log.jsonl"), pytest.raises(SqlOptError, match="another process is writing"):
        TrajectoryLog(tmp_path / "log.jsonl")


def test_figures_of_different_measures_do_not_meet_in_one_file(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    by_time = trajectory(0)
    by_steps = replace(by_time, evaluation=replace(by_time.evaluation, measure="steps"))
    with TrajectoryLog(path) as log:
        log.append(by_time)
    with TrajectoryLog(path) as log:
        with pytest.raises(SqlOptError, match="holds figures by measure='time', not 'steps': use another file"):
            log.append(by_steps)
        log.append(by_time)
    assert len(list(read_trajectories(path))) == 2
