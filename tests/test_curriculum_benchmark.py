"""A tiny run of benchmarks/curriculum.py, and its arithmetic."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from math import sqrt
from pathlib import Path
from statistics import fmean, stdev
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

ROOT = Path(__file__).parents[1]
ARMS = ("seeds", "stage2")
TINY = (
    "--seeds", "1", "--iterations", "1", "--tasks", "1", "--candidates", "1", "--samples", "2", "--limit", "2",
    "--workers", "1",
)  # fmt: skip


def run(out: Path, *options: str, arms: tuple[str, ...] = ARMS) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "benchmarks/curriculum.py", *TINY, "--arms", *arms, "--out", str(out), *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("experiment")
    done = run(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def figures(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / "curriculum.json").read_text(encoding="utf-8"))
    return found


def test_every_arm_is_trained_and_examined_on_the_same_held_out_tasks(out: Path) -> None:
    found = figures(out)
    assert [score["arm"] for score in found["scores"]] == ["seeds", "stage2", "untrained"]
    assert len(found["tasks"]) == 2
    for score in found["scores"]:
        assert all(len(score[name]) == 2 and set(score[name]) <= {0.0, 0.5, 1.0} for name in ("greedy", "sample"))
        assert all(best >= sample for best, sample in zip(score["best"], score["sample"], strict=True))
    assert any(1.0 in score["greedy"] for score in found["scores"])
    seeds, stage2 = found["runs"]
    assert seeds["seeds"] == seeds["tasks"] > 0
    assert stage2["seeds"] == 0 < stage2["tasks"]


def test_equal_texts_of_all_policies_are_judged_once(out: Path) -> None:
    records = [json.loads(line) for line in (out / "examination.jsonl").read_text(encoding="utf-8").splitlines()[1:]]
    judged = [(record["task"], record["text"]) for record in records if "evaluation" in record]
    texts = {(r["task"], proposal["text"]) for r in records if "proposals" in r for proposal in r["proposals"]}
    assert len(judged) == len(set(judged)) == len(texts)


def test_what_was_stopped_goes_on_to_the_same_figures(out: Path) -> None:
    before, log = figures(out)["scores"], out / "examination.jsonl"
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join(lines[:4]) + lines[4][:20])  # a kill cut the fifth line off
    page = out / "page.md"
    page.write_text("# Page\n<!-- experiment -->\nold\n<!-- end of experiment -->\nrest\n", encoding="utf-8")
    plots = ["--plots", str(out)] if find_spec("matplotlib") else []
    done = run(out, "--markdown", str(page), *plots)
    assert done.returncode == 0, done.stdout + done.stderr
    assert figures(out)["scores"] == before
    text = page.read_text(encoding="utf-8")
    assert text.startswith("# Page\n<!-- experiment -->\n")
    assert text.endswith("<!-- end of experiment -->\nrest\n")
    assert "\nold\n" not in text
    assert [text.count(f"| {arm} |") for arm in ("untrained", "seeds only", "stage 2 only")] == [2, 2, 3]
    assert (out / "curriculum.svg").exists() == bool(plots)


def test_another_budget_in_the_same_folder_is_refused_in_one_sentence(out: Path) -> None:
    done = run(out, "--candidates", "2", arms=("seeds",))
    assert done.returncode == 1
    assert "candidates = 1, not 2" in " ".join(done.stdout.split())
    assert "Traceback" not in done.stdout + done.stderr


def test_a_page_without_a_place_for_the_tables_is_refused_before_anything_is_trained(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("no marks", encoding="utf-8")
    done = run(tmp_path / "out", "--markdown", str(page))
    assert done.returncode == 1
    assert "has no place for the tables" in " ".join(done.stdout.split())
    assert not (tmp_path / "out").exists()
    assert page.read_text(encoding="utf-8") == "no marks"


@pytest.fixture(scope="module")
def arithmetic() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "benchmarks"))
        from schooling import figures

        yield figures


def test_the_interval_over_runs_is_students(arithmetic: ModuleType) -> None:
    values = [0.61, 0.64, 0.66, 0.70, 0.59]
    low, high = arithmetic.student(values)
    assert (low + high) / 2 == pytest.approx(fmean(values))
    assert (high - low) / 2 == pytest.approx(2.776 * stdev(values) / sqrt(5))
    assert arithmetic.student(values[:1]) is None


def test_a_difference_is_paired_by_seed_and_by_task(arithmetic: ModuleType) -> None:
    others = {seed: [float((seed + task) % 3 == 0) for task in range(30)] for seed in range(4)}
    better = {seed: [share + 0.25 for share in shares] for seed, shares in others.items()}
    found = arithmetic.difference(better, others)
    assert found.value == pytest.approx(0.25)
    assert found.over_runs == pytest.approx((0.25, 0.25))  # what chance the runs share is not counted
    assert found.over_tasks == pytest.approx((0.25, 0.25))
    untrained = arithmetic.difference({0: [0.0] * 30}, others)
    assert untrained.over_runs == pytest.approx([-x for x in reversed(arithmetic.mean(others).over_runs)])


@given(st.lists(st.lists(st.sampled_from([0.0, 0.25, 1.0]), min_size=6, max_size=6), min_size=2, max_size=6))
def test_intervals_hold_the_mean_and_are_shares(arithmetic: ModuleType, table: list[list[float]]) -> None:
    found = arithmetic.mean(dict(enumerate(table)))
    for low, high in (found.over_runs, found.over_tasks):
        assert -1e-9 <= low <= found.value + 1e-9
        assert found.value - 1e-9 <= high <= 1 + 1e-9
