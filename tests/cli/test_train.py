"""`sqlopt train` as a person runs it: a real folder, kills and resumes, in real processes where that matters.

Steps are counted instead of time, so that two runs can be compared figure by figure.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from small_shop import QUERIES, small_tasks_file

from sqlopt_env import Judge, Rewrite, load_tasks
from sqlopt_env.fingerprint import fingerprint

ROOT = Path(__file__).parents[2]
TASKS = tuple(QUERIES)
OTHERWISE = ("--variant", "accumulate", "--validation-tasks", "0.25", "--patience", 3, "--unsound", "--turns", 2)


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_tasks_file(tmp_path_factory.mktemp("tasks"))


@pytest.fixture
def train(sqlopt: Callable[..., Any], tasks: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """A run in this process."""
    monkeypatch.syspath_prepend(str(ROOT / "tests" / "agents"))

    def run(out: Path, *more: object) -> Any:
        return sqlopt(*arguments(tasks, out, "--executor", "serial", *more))

    return run


def arguments(tasks: Path, out: Path, *more: object) -> list[str]:
    given = ("train", "--tasks", tasks, "--iterations", 2, "--candidates", 4, "--measure", "steps", "--out", out, *more)
    return [str(argument) for argument in given]


def process(tasks: Path, out: Path, *more: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [str(Path(sys.executable).with_name("sqlopt")), *arguments(tasks, out, *more)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "tests" / "agents")},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a background job inherits that it is ignored
    )


@pytest.fixture(scope="module")
def run(tasks: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run") / "out"
    finished = process(tasks, out)
    told, failed = finished.communicate(timeout=300)
    assert finished.returncode == 0, failed
    assert "training_data.json" in told
    return out


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def load(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def timeless(value: Any) -> Any:
    """Without what may differ between two runs of one seed."""
    if isinstance(value, dict):
        return {name: timeless(part) for name, part in value.items() if name not in ("seconds", "executor")}
    return [timeless(part) for part in value] if isinstance(value, list) else value


def results(out: Path) -> dict[str, Any]:
    by_key = {
        (t["iteration"], t["task"]["id"], t["candidate"], t["turn"]): t for t in lines(out / "trajectories.jsonl")
    }
    return {
        "trajectories": sorted(by_key.items()),
        "confirmations": sorted(json.dumps(t) for t in lines(out / "confirmations.jsonl")),
        "metrics": timeless(load(out / "metrics.json")),
        "examples": load(out / "training_data.json"),
        **{path.name: load(path) for path in (*out.glob("policy.json"), *out.glob("checkpoint_*.json"))},
    }


def test_a_run_leaves_what_it_promises(run: Path) -> None:
    names = {entry.name for entry in run.iterdir()}
    assert names == {
        "run.json", "trajectories.jsonl", "confirmations.jsonl", "training_data.json", "metrics.json", "policy.json",
        "checkpoint_2.json",
    }  # fmt: skip
    metrics = load(run / "metrics.json")
    assert [line["iteration"] for line in metrics["iterations"]] == [0, 1, 2]
    assert set(metrics) == {"iterations", "config", "versions", "summary"}
    assert metrics["iterations"][1]["success_rate"] > metrics["iterations"][0]["success_rate"]
    assert (metrics["summary"]["ending"], metrics["summary"]["interrupted"]) == ("finished", False)


def test_every_candidate_has_its_line(run: Path) -> None:
    records = lines(run / "trajectories.jsonl")
    assert len(records) == 3 * len(TASKS) * 4
    assert set(Counter(record["iteration"] for record in records).values()) == {len(TASKS) * 4}
    first = records[0]
    assert set(first) >= {"task", "proposal", "evaluation", "policy", "iteration", "candidate", "seed", "versions"}
    assert first["versions"]["sqlite"] == first["evaluation"]["sqlite_version"]


def test_examples_are_distinct_confirmed_and_right(run: Path, tasks: Path) -> None:
    examples = load(run / "training_data.json")
    assert examples
    confirmed = {
        (record["task"]["id"], record["proposal"]["text"])
        for record in lines(run / "confirmations.jsonl")
        if record["success"]
    }
    with Judge(workers=1, measure="steps") as judge:
        asked = {task.id: task for task in load_tasks(tasks)}
        forms = set()
        for example in examples:
            assert (example["id"], example["fast_query"]) in confirmed
            assert example["slow_query"] == asked[example["id"]].query
            assert example["effective_speedup"] >= 1.5
            assert example["confirmation"]["effective_speedup"] >= 1.5
            assert example["verdict"] == "tested"
            assert example["techniques"]
            evaluation = judge.evaluate(asked[example["id"]], Rewrite(example["fast_query"]))
            assert evaluation.outcome == "improved"
            forms.add((example["id"], fingerprint(evaluation.rewrite)))
    assert len(forms) == len(examples)


def test_the_same_seed_gives_the_same_run_wherever_it_is_judged(run: Path, train: Any, tmp_path: Path) -> None:
    assert train(tmp_path / "again").code == 0
    assert results(tmp_path / "again") == results(run)
    assert train(tmp_path / "other", "--seed", 1, "--iterations", 0).code == 0
    first = [t for t in lines(run / "trajectories.jsonl") if t["iteration"] == 0]
    texts = [
        Counter(t["proposal"]["text"] for t in own) for own in (first, lines(tmp_path / "other/trajectories.jsonl"))
    ]
    assert texts[0] != texts[1]


@pytest.mark.parametrize("share", [0.1, 0.7])
def test_a_run_cut_off_anywhere_is_resumed_to_the_same_result(
    run: Path, train: Any, tmp_path: Path, share: float
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "run.json").write_bytes((run / "run.json").read_bytes())
    for name in ("trajectories.jsonl", "confirmations.jsonl"):
        content = (run / name).read_bytes()
        (out / name).write_bytes(content[: int(len(content) * share)])  # mostly in the middle of a line
    resumed = train(out, "--resume")
    assert resumed.code == 0, resumed.err
    assert results(out) == results(run)


def killed(tasks: Path, out: Path, moments: Iterator[int], *more: object) -> None:
    """Runs that are killed, one after the other, when they have written so many lines more."""
    for number, moment in enumerate(moments):
        live = process(tasks, out, *more, *["--resume"] * bool(number))
        logs = (out / "trajectories.jsonl", out / "confirmations.jsonl")
        before = sum(log.read_bytes().count(b"\n") for log in logs if log.exists())
        deadline = time.monotonic() + 60
        while live.poll() is None and time.monotonic() < deadline:
            if sum(log.read_bytes().count(b"\n") for log in logs if log.exists()) >= before + moment:
                break
            time.sleep(0.002)
        live.kill()
        live.communicate()


@pytest.mark.parametrize("more", [(), OTHERWISE], ids=["as published", "otherwise"])
def test_kill_9_costs_only_what_was_in_flight(
    run: Path, tasks: Path, train: Any, tmp_path: Path, more: tuple[object, ...]
) -> None:
    whole, out = run, tmp_path / "out"
    if more:
        whole = tmp_path / "whole"
        assert train(whole, *more).code == 0
    chance = random.Random(time.time_ns())
    moments = [chance.randint(1, 20) for _ in range(2)]
    killed(tasks, out, iter(moments), *more)
    log = (out / "trajectories.jsonl").read_bytes()
    assert train(out, "--resume", *more).code == 0, moments
    assert (out / "trajectories.jsonl").read_bytes().startswith(log[: log.rfind(b"\n") + 1])
    assert results(out) == results(whole), moments
    keys = [(t["iteration"], t["task"]["id"], t["candidate"], t["turn"]) for t in lines(out / "trajectories.jsonl")]
    assert len(keys) == len(set(keys))


def test_ctrl_c_ends_cleanly_and_can_be_resumed(tasks: Path, train: Any, tmp_path: Path) -> None:
    out = tmp_path / "out"
    live = process(tasks, out, "--policy", "own_policies:Interrupting")
    told, failed = live.communicate(timeout=300)
    assert live.returncode == 130, failed
    assert "Traceback" not in failed
    assert "--resume" in told
    assert load(out / "metrics.json")["summary"]["interrupted"] is True
    assert lines(out / "trajectories.jsonl")
    assert train(out, "--resume", "--policy", "own_policies:Unchanged").code == 2


def test_a_run_without_money_says_so_and_goes_on_with_more(train: Any, tmp_path: Path) -> None:
    account, out = tmp_path / "account", tmp_path / "out"
    account.write_text("6")
    given = ("--policy", "own_policies:Broke", "--policy-option", f"calls={account}")
    broke = train(out, *given, "--policy-option", "api_key=sesame")
    assert (broke.code, broke.err.strip()) == (2, "sqlopt: stopped before max_cost: resume with more")
    assert "iteration  0:" in broke.out
    assert load(out / "metrics.json")["summary"]["ending"] == "cost"
    assert not any("sesame" in path.read_text() for path in out.iterdir())
    account.write_text("100")
    assert train(out, *given, "--resume").code == 0
    assert account.read_text() == "94"  # two iterations more, but for the two tasks that were answered
    assert [line["iteration"] for line in load(out / "metrics.json")["iterations"]] == [0, 1, 2]


def test_a_finished_run_can_be_resumed_and_lengthened(run: Path, train: Any, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(run, out)
    before = (out / "trajectories.jsonl").read_bytes()
    assert train(out, "--resume").code == 0
    assert (out / "trajectories.jsonl").read_bytes() == before
    assert results(out) == results(run)
    assert train(out, "--resume", "--iterations", 3).code == 0
    assert [line["iteration"] for line in load(out / "metrics.json")["iterations"]] == [0, 1, 2, 3]


def test_a_live_run_is_not_moved_aside_and_not_joined(tasks: Path, train: Any, tmp_path: Path) -> None:
    out = tmp_path / "out"
    live = process(tasks, out, "--iterations", 400)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not (out / "run.json").exists():
        time.sleep(0.01)
    for option in ("--fresh", "--resume"):
        other = train(out, option, "--iterations", 400)
        assert (other.code, "another process is writing" in other.err) == (2, True), other.err
    live.kill()
    live.communicate()
    assert not (tmp_path / "out.1").exists()


def test_a_longer_run_is_not_cut_short(run: Path, train: Any) -> None:
    before = (run / "training_data.json").read_bytes()
    failed = train(run, "--resume", "--iterations", 0)
    assert (failed.code, "give --iterations 2 or more" in failed.err) == (2, True)
    assert (run / "training_data.json").read_bytes() == before
