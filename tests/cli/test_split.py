"""The tasks that a policy is put to the test on: by the name of a split, all or some of them."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from sqlopt_env import Task
from sqlopt_env.cli.split import spread, tasks_of
from sqlopt_env.databases import HELD_OUT


def test_a_split_is_all_or_some_held_out_databases_and_a_limit_spreads_over_them() -> None:
    chosen = tasks_of("heldout")
    assert {task.database for task, _ in chosen} == set(HELD_OUT)
    assert all(shape for _, shape in chosen)
    some = tasks_of("flights, clinic")
    assert {task.database for task, _ in some} == {"flights", "clinic"}
    assert [pair for pair in chosen if pair[0].database in ("flights", "clinic")] == some
    few = spread(chosen, 8)
    assert Counter(task.database for task, _ in few) == dict.fromkeys(HELD_OUT, 2)
    assert spread(chosen, 10_000) == spread(chosen, None) == chosen


def test_a_file_may_say_the_shapes_of_its_tasks(tmp_path: Path) -> None:
    items = [{"id": "a", "database": "shop", "query": "SELECT 1", "shape": "point"}, {"database": "shop", "query": "x"}]
    (tmp_path / "tasks.json").write_text(json.dumps(items))
    lines = "".join(json.dumps(item) + "\n" for item in items)
    (tmp_path / "tasks.jsonl").write_text(lines + '{"id": "c", "database": "sho')
    (tmp_path / "whole.jsonl").write_text(lines.rstrip())
    for name in ("tasks.json", "tasks.jsonl", "whole.jsonl"):
        found = tasks_of(str(tmp_path / name))
        assert [(task.id, shape) for task, shape in found] == [("a", "point"), ("task-2", "")]


@given(st.lists(st.integers(), unique=True, max_size=30), st.integers(1, 40))
def test_a_limit_takes_so_many_in_their_order(numbers: list[int], limit: int) -> None:
    pairs = [(Task(str(number), "shop", "SELECT 1"), "") for number in numbers]
    taken = spread(pairs, limit)
    assert len(taken) == min(limit, len(pairs))
    assert [pair for pair in pairs if pair in taken] == taken
