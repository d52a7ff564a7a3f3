"""`sqlopt train --stage 2` and its mixes: new queries in each iteration, and a run that can be broken off."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlopt_curricula.diversity import fingerprints

from sqlopt_env import seed_examples
from sqlopt_env.tasks import heldout_examples

SMALL = (
    "--domain",
    "content",
    "--tasks-each",
    5,
    "--candidates",
    2,
    "--iterations",
    1,
    "--measure",
    "steps",
    "--executor",
    "serial",
)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def metrics(run: Path) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = json.loads((run / "metrics.json").read_text())["iterations"]
    return [{name: value for name, value in line.items() if name != "seconds"} for line in told]


def test_stage_2_has_new_queries_in_each_iteration_and_goes_on_after_a_kill(
    sqlopt: Callable[..., Any], tmp_path: Path
) -> None:
    stage2 = ("train", "--stage", 2, *SMALL, "--validation-tasks", 0.4)
    ended = sqlopt(*stage2)
    run = tmp_path / "runs" / "stage2"
    assert (ended.code, "Ended early" in ended.out) == (0, False)
    logged = lines(run / "trajectories.jsonl")
    of = [{line["task"]["id"] for line in logged if line["iteration"] == iteration} for iteration in (0, 1)]
    held_back = of[0] & of[1]
    assert (len(of[0] | of[1]), len(held_back)) == (12, 2)
    queries = {line["task"]["id"]: line["task"]["query"] for line in logged}
    apart = [example["query"] for example in heldout_examples()]
    seeds = [example["slow_query"] for example in seed_examples()]
    for kind in ("exact", "literals", "names"):
        prints = {getattr(fingerprints(query), kind) for query in queries.values()}
        assert len(prints) == len(queries)
        assert not prints & {getattr(fingerprints(query), kind) for query in (*apart, *seeds)}
    assert {example["id"] for example in json.loads((run / "training_data.json").read_text())}.isdisjoint(held_back)
    assert json.loads((run / "curriculum.json").read_text())["drawn"] == 10

    shutil.copytree(run, tmp_path / "broken")
    for name, kept in (("trajectories.jsonl", 17), ("stage2.log.jsonl", 8), ("validation.log.jsonl", 3)):
        log = tmp_path / "broken" / name
        log.write_text("".join(log.read_text().splitlines(keepends=True)[:kept]))
    resumed = sqlopt(*stage2, "--out", tmp_path / "broken", "--resume")
    assert resumed.code == 0
    assert lines(tmp_path / "broken" / "trajectories.jsonl") == logged
    assert metrics(tmp_path / "broken") == metrics(run)
    other = sqlopt(*stage2, "--out", tmp_path / "broken", "--resume", "--tasks-each", 6)
    assert (other.code, "tasks_each = 5, not 6" in other.err) == (2, True)


def test_the_combined_stage_has_three_seeds_in_ten_tasks(sqlopt: Callable[..., Any], tmp_path: Path) -> None:
    ended = sqlopt("train", "--stage", "combined", *SMALL, "--tasks-each", 10, "--iterations", 0, "--candidates", 1)
    assert ended.code == 0
    logged = lines(tmp_path / "runs" / "combined" / "trajectories.jsonl")
    seeds = {example["id"] for example in seed_examples()}
    told = json.loads((tmp_path / "runs" / "combined" / "curriculum.json").read_text())
    assert told["curriculum"] == "WeightedMix"
    trained = [line for line in logged if not line["task"]["id"].startswith("stage2-0-validation-")]
    assert (len(trained), sum(line["task"]["id"] in seeds for line in trained)) == (10, 3)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--stage", "2", "--domain", "library"), "library is held out"),
        (("--domain", "content"), "stage 1 has the seeds' database"),
        (("--stage", "4"), "there is no stage 4: give one of 1, 2, combined"),
        (("--stage", "combined", "--mix", "1.5"), "the mix is the share of stage 1"),
        (("--stage", "2", "--mix", "0.5"), "--mix is for the stages combined and adaptive"),
        (("--tasks-each", "5"), "stage 1 has all of its tasks each time"),
        (("--stage", "2", "--tasks-each", "0"), "an iteration has 1 to"),
        (("--stage", "2", "--tasks", "mine.json"), "choose one of --tasks and --stage 2"),
        (("--stage", "2", "--validation-tasks", "1.5"), "must lie between 0 and 1"),
        (("--stage", "2", "--validation-tasks", "none.json"), "there is no file none.json"),
    ],
)
def test_a_stage_that_is_none_is_one_sentence(
    sqlopt: Callable[..., Any], tmp_path: Path, arguments: tuple[str, ...], reason: str
) -> None:
    ended = sqlopt("train", *arguments)
    assert (ended.code, reason in ended.err) == (2, True)
    assert not (tmp_path / "runs").exists()
