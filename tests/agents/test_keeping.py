"""The filter and the split keep their rules, whatever the samples, and whatever a second measurement says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlopt_agents.keeping import distinct, form, kept
from sqlopt_agents.run_folder import RunFolder
from sqlopt_agents.validation import check_apart, hold_back

from sqlopt_env import Evaluation, Rewrite, SqlOptError, Task
from sqlopt_env.trajectory import Proposal, Trajectory

Sample = tuple[str, int, int, bool]  # task, number of the rewrite, techniques, success


def trajectory(sample: Sample, candidate: int) -> Trajectory:
    task, number, techniques, success = sample
    text = f"SELECT {number}"
    return Trajectory(
        task=Task(task, "shop", "SELECT 0"),
        observation={"schema": "", "query": "SELECT 0", "plan": "", "feedback": ""},
        proposal=Proposal(text, ("t()",) * techniques),
        evaluation=Evaluation(
            task_id=task,
            outcome="improved",
            reason="",
            rewrite=Rewrite(text, query=text),
            measure="steps",
            sqlite_version="",
        ),
        reward=0.0,
        success=success,
        policy="p",
        iteration=0,
        candidate=candidate,
        seed=0,
    )


samples = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 6), st.integers(0, 3), st.booleans()), max_size=30)


def one_after_the_other(trajectories: Sequence[Trajectory], at_most: int, lucky: set[int]) -> tuple[set, set]:
    """(kept, confirmed), as the rule says it: in the order of length, each distinct one until enough are confirmed."""
    found: dict[str, set[tuple[str, int]]] = {}
    asked = set()
    for t in distinct(sorted((t for t in trajectories if t.success), key=lambda t: len(t.proposal.techniques))):
        own = found.setdefault(t.task.id, set())
        if len(own) < at_most:
            asked.add((t.task.id, t.candidate))
            if int(t.proposal.text.split()[1]) in lucky:
                own.add((t.task.id, t.candidate))
    return {key for own in found.values() for key in own}, asked


@given(samples, st.integers(1, 4), st.sets(st.integers(0, 6)))
def test_what_is_kept_is_what_one_after_the_other_would_keep(
    drawn: list[Sample], at_most: int, lucky: set[int]
) -> None:
    trajectories = [trajectory(sample, number) for number, sample in enumerate(drawn)]
    asked: list[tuple[str, int]] = []

    def confirm(some: Sequence[Trajectory]) -> list[Trajectory]:
        asked.extend((t.task.id, t.candidate) for t in some)
        return [replace(t, success=int(t.proposal.text.split()[1]) in lucky) for t in some]

    found = kept(trajectories, at_most, confirm)
    wanted, needed = one_after_the_other(trajectories, at_most, lucky)
    assert {(t.task.id, t.candidate) for t in found} == wanted
    assert set(asked) == needed  # nothing is measured that need not be
    assert len(asked) == len(set(asked))
    assert len({form(t) for t in found}) == len(found)


def test_a_confirmation_that_was_cut_off_is_found_and_not_made_again(tmp_path: Path) -> None:
    first = trajectory(("a", 1, 0, True), 0)
    script = "CREATE INDEX i ON users (city); SELECT 1"
    read = Rewrite(script, indexes=("CREATE INDEX i ON users (city)",), query="SELECT 1")
    first = replace(first, evaluation=replace(first.evaluation, rewrite=read))
    cut_off = replace(first.evaluation, outcome="timeout", rewrite=Rewrite(script))
    second = replace(first, success=False, evaluation=cut_off)
    with RunFolder(tmp_path / "run", {}, {}, resume=False) as folder:
        folder.add(first)
        folder.add_confirmation(second)
        assert folder.confirmation(first) == second
    with RunFolder(tmp_path / "run", {}, {}, resume=True) as folder:
        assert folder.confirmation(first) == second


@given(st.integers(2, 30), st.floats(0.01, 0.99), st.integers(0, 1000))
def test_tasks_are_held_back_once_and_the_same_ones_for_a_seed(count: int, share: float, seed: int) -> None:
    tasks = [Task(f"t{number}", "shop", f"SELECT {number}") for number in range(count)]
    trained, held_back = hold_back(tasks, share, seed)
    assert sorted([*trained, *held_back], key=tasks.index) == tasks
    assert trained
    assert held_back
    assert abs(len(held_back) - share * count) <= 1
    assert hold_back(tasks, share, seed) == (trained, held_back)
    check_apart(trained, held_back)


def test_the_seed_chooses_which_tasks_are_held_back() -> None:
    tasks = [Task(f"t{number}", "shop", f"SELECT {number}") for number in range(20)]
    assert len({tuple(t.id for t in hold_back(tasks, 0.25, seed)[1]) for seed in range(10)}) > 5


def test_a_query_in_other_dress_is_no_validation_task() -> None:
    trained = [Task("a", "shop", "SELECT id FROM users")]
    check_apart(trained, [Task("b", "hr", "SELECT id FROM users")])
    with pytest.raises(SqlOptError, match="asks the query of a"):
        check_apart(trained, [Task("b", "shop", "select  ID from users")])
