"""A slice of benchmarks/fuzz.py: no action raises, hangs, lasts, leaks, or is paid for another query."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
ACTIONS = 1_500


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """In a process of its own, whose memory nobody else uses."""
    file = tmp_path_factory.mktemp("fuzz") / "report.json"
    size = ["--actions", str(ACTIONS), "--tasks", "8", "--databases", "40"]
    command = [sys.executable, "benchmarks/fuzz.py", *size, "--seed", "11", "--json", str(file)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert file.exists(), done.stderr
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found


def faults(report: dict[str, Any], *kinds: str) -> list[dict[str, Any]]:
    return [fault for fault in report["faults"] if fault["what"] in kinds]


def test_every_action_is_answered_with_an_outcome(report: dict[str, Any]) -> None:
    assert not faults(report, "raised", "hung", "answer")
    assert sum(sum(counts.values()) for counts in report["outcomes"].values()) == ACTIONS


def test_no_action_lasts_longer_than_its_budgets(report: dict[str, Any]) -> None:
    assert not faults(report, "late")


def test_nothing_is_paid_that_plain_sqlite_calls_another_query(report: dict[str, Any]) -> None:
    assert not faults(report, "paid")
    assert report["checked"] >= 100


def test_actions_reach_every_check(report: dict[str, Any]) -> None:
    outcomes = {outcome for counts in report["outcomes"].values() for outcome in counts}
    assert {"improved", "equivalent", "refuted", "forbidden", "invalid", "timeout"} <= outcomes
    assert len(report["outcomes"]) == 15  # generators


def test_the_caller_grows_by_nothing(report: dict[str, Any]) -> None:
    assert not faults(report, "leaked")
    assert report["left"]["processes"] == 0
