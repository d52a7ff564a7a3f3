"""`sqlopt data make --other-answers`: what a run found beside what it kept, measured a second time."""

from __future__ import annotations

import json
import shutil
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from small_shop import small_tasks_file

from sqlopt_env.cli.datasets.others import unkept

LOOSE = ("--most-type", 1, "--most-technique", 1, "--workers", 1)


def load(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def types_of(examples: list[dict[str, Any]]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for example in examples:
        found[example["id"]].add(example["optimization_type"])
    return found


@pytest.fixture
def run(sqlopt: Callable[..., Any], tmp_path: Path) -> Path:
    """A run of which one type of answer to each task was kept, and nothing was measured a second time."""
    tasks, out = small_tasks_file(tmp_path), tmp_path / "run"
    asked = ("--iterations", 0, "--candidates", 12, "--executor", "serial", "--measure", "steps")
    assert sqlopt("train", "--tasks", tasks, *asked, "--out", out).code == 0
    kept: dict[str, Any] = {}
    for example in load(out / "training_data.json"):
        if kept.setdefault(example["id"], example)["optimization_type"] > example["optimization_type"]:
            kept[example["id"]] = example
    (out / "training_data.json").write_text(json.dumps(list(kept.values())), encoding="utf-8")
    (out / "confirmations.jsonl").write_text("")
    return out


def test_types_that_a_run_did_not_keep_are_measured_again_and_taken(sqlopt: Callable[..., Any], run: Path) -> None:
    kept, missing = types_of(load(run / "training_data.json")), unkept(run)
    assert missing
    assert all(found.proposal.optimization_type not in kept[found.task.id] for found in missing)
    assert sqlopt("data", "make", run, "--out", "plain", *LOOSE).code == 0
    assert sqlopt("data", "make", run, "--out", "more", "--other-answers", *LOOSE).code == 0
    assert len((run / "confirmations.jsonl").read_text().splitlines()) == len(missing)
    plain, more = (types_of(load(Path(name) / "training_data.json")) for name in ("plain", "more"))
    assert plain.keys() == more.keys()
    assert all(more[name] >= types for name, types in plain.items())
    assert sum(map(len, more.values())) > sum(map(len, plain.values()))
    assert "--other-answers" in Path("more/README.md").read_text()
    sqlopt("data", "check", "more", "--measure", "steps", "--workers", 1)
    assert load(Path("more/check.json"))["failed"] == []  # but one type holds more than it may of so few


def test_what_was_measured_is_not_measured_again(sqlopt: Callable[..., Any], run: Path) -> None:
    assert sqlopt("data", "make", run, "--out", "one", "--other-answers", *LOOSE).code == 0
    measured = (run / "confirmations.jsonl").read_bytes()
    shutil.copytree("one", "two")
    assert sqlopt("data", "make", run, "--out", "two", "--other-answers", *LOOSE).code == 0
    assert (run / "confirmations.jsonl").read_bytes() == measured
    assert Path("one/training_data.json").read_bytes() == Path("two/training_data.json").read_bytes()


def test_a_folder_that_is_no_run_is_one_sentence(sqlopt: Callable[..., Any], run: Path) -> None:
    (run / "run.json").write_text("{}")
    ended = sqlopt("data", "make", run, "--out", "new", "--other-answers", *LOOSE)
    assert (ended.code, "is no folder of sqlopt train" in ended.err) == (2, True)
