"""Stage 2: new slow queries without end, the same for the same seed, apart from all others."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from sqlopt_curricula import Stage1, Stage2
from sqlopt_curricula.diversity import fingerprints

from sqlopt_env import SqlOptError, Task, seed_examples
from sqlopt_env.curriculum import Curriculum, different_tasks, stream
from sqlopt_env.tasks import heldout_examples
from sqlopt_env.types import Demands

KINDS = ("exact", "literals", "names", "shape")
SMALL: dict[str, Any] = {"databases": ("content", "hr"), "batch": 2, "workers": 2}
COUNT = 10


def drawn(seed: int = 0, count: int = COUNT, **more: Any) -> list[Task]:
    with Stage2(seed, **{**SMALL, **more}) as stage:
        return list(stream(stage, count))


def prints(tasks: list[Task], kind: str) -> set[str]:
    return {getattr(fingerprints(task.query), kind) for task in tasks}


@pytest.fixture(scope="module")
def tasks() -> list[Task]:
    return drawn()


@pytest.fixture(scope="module")
def others() -> dict[str, list[Task]]:
    return {"neighbour": drawn(1), "validation": drawn(split="validation")}


def test_it_is_a_curriculum_and_so_is_stage_1() -> None:
    with Stage2() as stage:
        assert isinstance(stage, Curriculum)
    assert isinstance(Stage1(), Curriculum)


def test_no_query_comes_twice_and_none_is_a_seeds(tasks: list[Task]) -> None:
    assert len({task.id for task in tasks}) == COUNT
    assert {task.database for task in tasks} == {"content", "hr"}
    seeds = [Task(str(number), "shop", example["slow_query"]) for number, example in enumerate(seed_examples())]
    for kind in ("exact", "literals", "names"):
        assert len(prints(tasks, kind)) == COUNT
        assert not prints(tasks, kind) & prints(seeds, kind)


def test_neighbouring_seeds_splits_and_held_out_tasks_share_no_fingerprint(
    tasks: list[Task], others: dict[str, list[Task]]
) -> None:
    held_out = [Task(example["id"], example["database"], example["query"]) for example in heldout_examples()]
    for apart in (*others.values(), held_out):
        assert not {task.id for task in tasks} & {task.id for task in apart}
        for kind in KINDS:
            assert not prints(tasks, kind) & prints(apart, kind)
    for kind in KINDS:
        assert not prints(others["validation"], kind) & prints(held_out, kind)


def test_the_same_seed_gives_the_same_tasks_however_many_processes_write_them(tasks: list[Task]) -> None:
    assert drawn(workers=1, count=6) == tasks[:6]


def test_a_saved_state_goes_on_where_it_was_taken(tasks: list[Task]) -> None:
    with Stage2(**SMALL) as stage:
        different_tasks(stage, 3)
        state = json.loads(json.dumps(stage.state()))
    with Stage2(**SMALL) as later:
        later.restore(state)
        assert list(stream(later, 2)) == tasks[3:5]
        query = later.query(tasks[3].id)
        assert (query.task, query.steps > 40_000, query.speedup > 1.0) == (tasks[3], True, True)
        with pytest.raises(SqlOptError, match="has not handed out"):
            later.query("shop-01")


def test_a_copy_goes_on_from_the_same_place(tasks: list[Task], tmp_path: Path) -> None:
    with Stage2(**SMALL, file=tmp_path / "stage2.jsonl") as stage:
        different_tasks(stage, 2)
        with copy.deepcopy(stage) as later:
            assert list(stream(later, 2)) == tasks[2:4]
        assert list(stream(stage, 1)) == tasks[2:3]


@pytest.mark.parametrize(
    "state", [None, {}, {"curriculum": "Stage1"}, "drawn", {"drawn": 3}, {"curriculum": "Stage2", "seed": 1}]
)
def test_a_state_of_another_curriculum_is_refused(state: Any) -> None:
    with Stage2(**SMALL) as stage, pytest.raises(SqlOptError, match="state"):
        stage.restore(state)


def test_a_damaged_state_is_refused() -> None:
    with Stage2(**SMALL) as stage, pytest.raises(SqlOptError, match="damaged: drawn"):
        stage.restore({**stage.state(), "drawn": -1})
    with Stage2(**SMALL, demands=Demands(least_steps=100_000)) as other, pytest.raises(SqlOptError, match="demands"):
        other.restore(stage.state())


def test_what_was_written_is_read_back_from_its_file(tasks: list[Task], tmp_path: Path) -> None:
    file = tmp_path / "stage2.jsonl"
    with Stage2(**SMALL, file=file) as stage:
        assert list(stream(stage, 5)) == tasks[:5]
    written = file.read_text()
    log = file.with_name("stage2.log.jsonl")
    log.write_text("".join(islice(_lines(log), 7)))  # killed within the second batch
    with Stage2(**SMALL, file=file) as again:
        assert list(stream(again, 6)) == tasks[:6]
    assert sorted(file.read_text().splitlines()) == sorted(written.splitlines())
    with pytest.raises(SqlOptError, match="another generation"):
        Stage2(1, **SMALL, file=file)


def _lines(path: Path) -> Iterator[str]:
    with path.open() as file:
        yield from file.readlines()


def test_a_file_with_a_line_missing_or_edited_is_refused(tasks: list[Task], tmp_path: Path) -> None:
    file = tmp_path / "stage2.jsonl"
    with Stage2(**SMALL, file=file) as stage:
        list(stream(stage, 4))
    log = file.with_name("stage2.log.jsonl")
    written = list(_lines(log))
    for edited in ([*written[:1], *written[2:]], [line.replace('"hr"', '"shop"') for line in written[1:]]):
        log.write_text("".join([written[0], *edited] if edited[0] != written[0] else edited))
        with pytest.raises(SqlOptError, match="is not as it was written: lines of"):
            Stage2(**SMALL, file=file)


def test_a_database_that_yields_nothing_more_ends_it_in_one_sentence(database: Any) -> None:
    path = database(
        "CREATE TABLE t (a INTEGER); INSERT INTO t"
        " WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) SELECT 1 FROM n"
    )
    with Stage2(databases=[path], batch=3) as stage, pytest.raises(SqlOptError, match="no new slow query is found"):
        list(stream(stage, 1000))


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"databases": ("shop", "library")}, "library is held out"),
        ({"databases": ("hr", "content", "hr")}, "two databases are called hr"),
        ({"databases": ("hr", "own/hr.db")}, "two databases are called hr"),
        ({"databases": ()}, "databases must be a list"),
        ({"databases": "shop"}, "databases must be a list"),
        ({"seed": -1}, "seed must be"),
        ({"split": "test"}, "split must be one of train, validation"),
        ({"batch": 0}, "batch must be"),
    ],
)
def test_wrong_arguments_are_one_sentence(arguments: dict[str, Any], reason: str) -> None:
    with pytest.raises(SqlOptError, match=reason):
        Stage2(**arguments)


def test_an_unknown_database_is_one_sentence() -> None:
    with Stage2(databases=["nowhere"]) as stage, pytest.raises(SqlOptError, match="nowhere"):
        stage.next_task()
