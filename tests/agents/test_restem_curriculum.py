"""ReST-EM over a curriculum: what it draws, what it tells, and that a resumed run draws and tells the same."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_shop import INDEXES, QUERIES, small_tasks
from sqlopt_agents.config import Config
from sqlopt_agents.policy import Proposal
from sqlopt_agents.restem import ReSTEM, Result
from sqlopt_agents.run_folder import RunFolder

from sqlopt_env import Judge, SqlOptError, Task


class Following:
    """Hands out the tasks in turn, but goes on with one that did not succeed when it was last told of it."""

    def __init__(self, tasks: list[Task]) -> None:
        self.tasks = tasks
        self.drawn: list[str] = []
        self.told: list[tuple[str, bool, float]] = []

    def next_task(self) -> Task:
        failed = [name for name, success, _ in self.told[-2:] if not success]
        task = next((t for t in self.tasks if t.id in failed), self.tasks[len(self.drawn) % len(self.tasks)])
        self.drawn.append(task.id)
        return self.tasks[len(self.drawn) % len(self.tasks)] if len(self.drawn) % 2 else task

    def record(self, task: Task, *, success: bool, reward: float) -> None:
        self.told.append((task.id, success, reward))

    def state(self) -> dict[str, Any]:
        return {"drawn": self.drawn, "told": self.told}

    def restore(self, state: Mapping[str, Any]) -> None:
        raise AssertionError("a run draws and tells from the beginning")


class Indexer:
    """Gives the right index every other time."""

    def propose(self, observation: dict[str, Any], n: int, rng: np.random.Generator) -> list[Proposal]:
        query = observation["query"]
        index = next(index for name, index in INDEXES.items() if QUERIES[name] == query)
        return [Proposal(f"{index}; {query}" if draw < 0.5 else query) for draw in rng.random(n)]


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> list[Task]:
    return small_tasks(tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="module")
def small_judge() -> Iterator[Judge]:
    with Judge(workers=1, measure="steps", thorough_instances=20) as judge:
        yield judge


def run(
    path: Path, tasks: list[Task], judge: Judge, *, again: bool = False, held: int = 0, each: int = 2
) -> tuple[Result, Following]:
    settings = Config(iterations=3, candidates=3, executor="serial", tasks=each, variant="accumulate")
    curriculum = Following(tasks)
    with RunFolder(path, {}, {}, resume=again) as folder:
        loop = ReSTEM(Indexer(), curriculum, judge, folder, settings, validation_tasks=tasks[:held])
        return loop.run(), curriculum


def lines(path: Path, name: str = "trajectories.jsonl") -> list[dict[str, Any]]:
    return [json.loads(line) for line in (path / name).read_text().splitlines()]


def test_an_iteration_has_so_many_different_tasks_and_every_candidate_is_told_once(
    tasks: list[Task], small_judge: Judge, tmp_path: Path
) -> None:
    result, curriculum = run(tmp_path / "run", tasks, small_judge)
    logged = lines(tmp_path / "run")
    for metrics in result.metrics:
        own = [line for line in logged if line["iteration"] == metrics.iteration]
        assert len({line["task"]["id"] for line in own}) == 2
        assert metrics.candidates == len(own) == 6
    told = sorted((line["task"]["id"], line["success"], line["reward"]) for line in logged)
    assert sorted(curriculum.told) == told
    assert json.loads((tmp_path / "run" / "curriculum.json").read_text())["drawn"] == curriculum.drawn


def test_tasks_that_are_held_back_are_neither_trained_on_nor_told(
    tasks: list[Task], small_judge: Judge, tmp_path: Path
) -> None:
    result, curriculum = run(tmp_path / "run", tasks, small_judge, held=1, each=3)
    assert {name for name, _, _ in curriculum.told}.isdisjoint({tasks[0].id})
    assert {example["id"] for example in result.examples}.isdisjoint({tasks[0].id})
    for metrics in result.metrics:
        own = [line for line in lines(tmp_path / "run") if line["iteration"] == metrics.iteration]
        held = [line["success"] for line in own if line["task"]["id"] == tasks[0].id]
        assert metrics.validation_success_rate == pytest.approx(sum(held) / 3)


@pytest.mark.parametrize("kept", [0, 1, 5, 6, 7, 13, 23])
def test_a_resumed_run_draws_and_tells_what_an_unbroken_one_does(
    tasks: list[Task], small_judge: Judge, tmp_path: Path, kept: int
) -> None:
    whole, curriculum = run(tmp_path / "whole", tasks, small_judge)
    run(tmp_path / "broken", tasks, small_judge)
    log = tmp_path / "broken" / "trajectories.jsonl"
    log.write_text("".join(log.read_text().splitlines(keepends=True)[:kept]))
    for name in ("metrics.json", "curriculum.json", "training_data.json"):
        (tmp_path / "broken" / name).unlink()
    resumed, later = run(tmp_path / "broken", tasks, small_judge, again=True)
    assert (later.drawn, later.told) == (curriculum.drawn, curriculum.told)
    assert resumed.examples == whole.examples
    assert lines(tmp_path / "broken") == lines(tmp_path / "whole")


def test_the_number_of_tasks_must_be_one() -> None:
    with pytest.raises(SqlOptError, match="tasks must be a whole number of at least 1"):
        Config(tasks=0)
