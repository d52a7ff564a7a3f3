"""The datasets that are shipped: enough of them, diverse, apart from the held-out tasks, and still right."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlopt_curricula.diversity import fingerprints

from sqlopt_env import Judge, Task, seed_examples
from sqlopt_env.cli.datasets.identity import form
from sqlopt_env.paths import data_dir
from sqlopt_env.reward import LogReward
from sqlopt_env.tasks import heldout_examples

SETS = ("stage1",)
KINDS = ("exact", "literals", "names", "shape")
FILES = {"training_data.json", "metrics.json", "README.md", "check.json"}


def examples_of(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((data_dir() / name / "training_data.json").read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="module")
def data() -> dict[str, list[dict[str, Any]]]:
    return {name: examples_of(name) for name in SETS}


def test_stage_1_has_many_ways_to_make_each_seed_fast(data: dict[str, list[dict[str, Any]]]) -> None:
    examples = data["stage1"]
    assert len({form(example) for example in examples}) == len(examples) >= 467
    assert {example["slow_query"] for example in examples} == {seed["slow_query"] for seed in seed_examples()}


@pytest.mark.parametrize("name", SETS)
def test_no_type_and_no_technique_is_most_of_a_set(name: str, data: dict[str, list[dict[str, Any]]]) -> None:
    examples = data[name]
    types = Counter(example["optimization_type"] for example in examples)
    assert max(types.values()) <= 0.4 * len(examples)
    assert len({technique.partition("(")[0] for e in examples for technique in e["techniques"]}) >= 30


@pytest.mark.parametrize("name", SETS)
def test_no_training_query_shares_a_fingerprint_with_a_held_out_one(
    name: str, data: dict[str, list[dict[str, Any]]]
) -> None:
    trained = {example["slow_query"] for example in data[name]}
    for kind in KINDS:
        held_out = {getattr(fingerprints(example["query"]), kind) for example in heldout_examples()}
        assert not held_out & {getattr(fingerprints(query), kind) for query in trained}


@pytest.mark.parametrize("name", SETS)
def test_the_reward_follows_from_the_measured_speedup_and_is_not_saturated(
    name: str, data: dict[str, list[dict[str, Any]]], steps_judge: Judge
) -> None:
    examples = data[name]
    template = steps_judge.evaluate(Task("t", "shop", "SELECT count(*) FROM users"), "SELECT count(*) FROM users")
    for example in examples:
        assert min(example["effective_speedup"], example["confirmation"]["effective_speedup"]) >= 1.5
        values = {**template.to_dict(), "outcome": "improved", "effective_speedup": example["effective_speedup"]}
        assert example["reward"] == pytest.approx(LogReward()(type(template).from_dict(values)))
    assert sum(example["reward"] >= 3.0 for example in examples) < 0.05 * len(examples)


@pytest.mark.parametrize("name", SETS)
def test_a_set_has_its_card_its_figures_and_the_result_of_its_check(name: str) -> None:
    folder = data_dir() / name
    assert {path.name for path in folder.iterdir()} >= FILES
    card = (folder / "README.md").read_text(encoding="utf-8")
    count = len(examples_of(name))
    assert f"{count} verified rewrites" in card
    assert "still the same query" in card
    checked = json.loads((folder / "check.json").read_text(encoding="utf-8"))
    assert (checked["settings"]["sample"], checked["holds"] >= count) == (None, True)
    assert (folder / "policy.json").exists()
    assert list(folder.glob("checkpoint_*.json"))


@pytest.mark.parametrize("name", SETS)
def test_a_sample_is_still_the_same_query_and_faster(name: str, sqlopt: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / name).mkdir()
    for file in ("training_data.json", "metrics.json"):
        (tmp_path / name / file).write_bytes((data_dir() / name / file).read_bytes())
    ended = sqlopt("data", "check", name, "--sample", 8, "--seed", 1)
    assert (ended.code, ended.err) == (0, "")
