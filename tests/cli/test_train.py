"""`sqlopt train` as a person runs it: real processes, a real folder, kills and resumes.

Steps are counted instead of time, so that two runs can be compared figure by figure.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from sqlopt_env import Judge, Rewrite, load_tasks
from sqlopt_env.fingerprint import fingerprint

ROOT = Path(__file__).parents[2]
TASKS = ("shop-01", "shop-03", "shop-04", "shop-05", "shop-14", "shop-18")


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tasks") / "tasks.json"
    chosen = [t for t in load_tasks() if t.id in TASKS]
    path.write_text(json.dumps([{"id": t.id, "database": t.database, "query": t.query} for t in chosen]))
    return path


def command(*arguments: object) -> list[str]:
    return [str(Path(sys.executable).with_name("sqlopt")), *map(str, arguments)]


def train(tasks: Path, out: Path, *more: object, policy: str = "rules") -> subprocess.CompletedProcess[str]:
    arguments = command(
        "train", "--tasks", tasks, "--policy", policy, "--iterations", 2, "--candidates", 4,
        "--measure", "steps", "--out", out, *more,
    )  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "tests" / "agents")}
    return subprocess.run(
        arguments, capture_output=True, text=True, env=environment, timeout=300, preexec_fn=_heed_ctrl_c
    )


def _heed_ctrl_c() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # a background job inherits that it is ignored


@pytest.fixture(scope="module")
def run(tasks: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run") / "out"
    finished = train(tasks, out)
    assert finished.returncode == 0, finished.stderr
    assert "training_data.json" in finished.stdout
    return out


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def load(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def timeless(value: Any) -> Any:
    """Without what may differ between two runs of one seed."""
    if isinstance(value, dict):
        return {name: timeless(part) for name, part in value.items() if name != "seconds"}
    return [timeless(part) for part in value] if isinstance(value, list) else value


def results(out: Path) -> dict[str, Any]:
    by_key = {(t["iteration"], t["task"]["id"], t["candidate"]): t for t in lines(out / "trajectories.jsonl")}
    return {
        "trajectories": sorted(by_key.items()),
        "metrics": timeless(load(out / "metrics.json")),
        "examples": load(out / "training_data.json"),
        "policy": load(out / "policy.json"),
    }


def test_a_run_leaves_what_it_promises(run: Path) -> None:
    names = {entry.name for entry in run.iterdir()}
    assert names == {
        "run.json", "trajectories.jsonl", "confirmations.jsonl", "training_data.json", "metrics.json", "policy.json",
        "checkpoint_2.json",
    }  # fmt: skip
    metrics = load(run / "metrics.json")
    assert [line["iteration"] for line in metrics["iterations"]] == [0, 1, 2]
    wanted = {"iteration", "success_rate", "mean_reward", "median_speedup", "refuted_share", "candidates", "seconds"}
    assert wanted <= set(metrics["iterations"][0])
    assert set(metrics) == {"iterations", "config", "versions", "summary"}
    assert metrics["iterations"][1]["success_rate"] > metrics["iterations"][0]["success_rate"]


def test_every_candidate_has_its_line(run: Path) -> None:
    records = lines(run / "trajectories.jsonl")
    assert len(records) == 3 * len(TASKS) * 4
    assert set(Counter(record["iteration"] for record in records).values()) == {len(TASKS) * 4}
    first = records[0]
    assert set(first) >= {"task", "proposal", "evaluation", "policy", "iteration", "candidate", "seed", "versions"}
    assert first["versions"]["sqlite"] == first["evaluation"]["sqlite_version"]


def test_examples_are_distinct_confirmed_and_right(run: Path) -> None:
    examples = load(run / "training_data.json")
    assert examples
    confirmed = {
        (record["task"]["id"], record["proposal"]["text"])
        for record in lines(run / "confirmations.jsonl")
        if record["success"]
    }
    with Judge(workers=1, measure="steps") as judge:
        seeds = {task.id: task for task in load_tasks()}
        forms = set()
        for example in examples:
            assert (example["id"], example["fast_query"]) in confirmed
            assert example["slow_query"] == seeds[example["id"]].query
            assert example["effective_speedup"] >= 1.5
            assert example["confirmation"]["effective_speedup"] >= 1.5
            assert example["verdict"] == "tested"
            assert example["techniques"]
            evaluation = judge.evaluate(seeds[example["id"]], Rewrite(example["fast_query"]))
            assert evaluation.outcome == "improved"
            forms.add((example["id"], fingerprint(evaluation.rewrite)))
    assert len(forms) == len(examples)


def test_the_same_seed_gives_the_same_run(run: Path, tasks: Path, tmp_path: Path) -> None:
    assert train(tasks, tmp_path / "again").returncode == 0
    assert results(tmp_path / "again") == results(run)
    assert train(tasks, tmp_path / "other", "--seed", 1).returncode == 0
    assert results(tmp_path / "other")["trajectories"] != results(run)["trajectories"]


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9])
def test_a_run_cut_off_anywhere_is_resumed_to_the_same_result(
    run: Path, tasks: Path, tmp_path: Path, share: float
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "run.json").write_bytes((run / "run.json").read_bytes())
    for name in ("trajectories.jsonl", "confirmations.jsonl"):
        content = (run / name).read_bytes()
        (out / name).write_bytes(content[: int(len(content) * share)])  # mostly in the middle of a line
    resumed = train(tasks, out, "--resume")
    assert resumed.returncode == 0, resumed.stderr
    assert results(out) == results(run)


def test_kill_9_costs_only_what_was_in_flight(run: Path, tasks: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    arguments = command(
        "train", "--tasks", tasks, "--iterations", 2, "--candidates", 4, "--measure", "steps", "--out", out
    )
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL)
    log = out / "trajectories.jsonl"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not (log.exists() and log.read_bytes().count(b"\n") >= 10):
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = log.read_bytes()
    assert before.count(b"\n") >= 10
    assert train(tasks, out, "--resume").returncode == 0
    whole = before[: before.rfind(b"\n") + 1]
    assert log.read_bytes().startswith(whole)
    assert results(out) == results(run)
    assert len(lines(log)) == 3 * len(TASKS) * 4


def test_ctrl_c_ends_cleanly_and_can_be_resumed(tasks: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    stopped = train(tasks, out, policy="own_policies:Interrupting")
    assert stopped.returncode == 130, stopped.stderr
    assert "Traceback" not in stopped.stderr
    assert "--resume" in stopped.stdout
    assert load(out / "metrics.json")["summary"]["interrupted"] is True
    assert lines(out / "trajectories.jsonl")
    assert train(tasks, out, "--resume", policy="own_policies:Interrupting").returncode in (0, 130)


def test_a_finished_run_can_be_resumed_and_lengthened(run: Path, tasks: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert train(tasks, out).returncode == 0
    before = (out / "trajectories.jsonl").read_bytes()
    assert train(tasks, out, "--resume").returncode == 0
    assert (out / "trajectories.jsonl").read_bytes() == before
    assert results(out) == results(run)
    assert train(tasks, out, "--resume", "--iterations", 3).returncode == 0
    assert [line["iteration"] for line in load(out / "metrics.json")["iterations"]] == [0, 1, 2, 3]


def test_fresh_moves_an_earlier_run_aside(run: Path, tasks: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for _ in range(2):
        assert train(tasks, out, "--fresh", "--iterations", 0).returncode == 0
    assert (tmp_path / "out.1" / "trajectories.jsonl").exists()
    assert (out / "trajectories.jsonl").exists()


def test_a_live_run_is_not_moved_aside_and_not_joined(tasks: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    arguments = command("train", "--tasks", tasks, "--iterations", 5, "--measure", "steps", "--out", out)
    live = subprocess.Popen(arguments, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not (out / "run.json").exists():
        time.sleep(0.01)
    for option in ("--fresh", "--resume"):
        other = train(tasks, out, option, "--iterations", 5, "--candidates", 8)
        assert (other.returncode, "another process is writing" in other.stderr) == (2, True), other.stderr
    live.kill()
    live.wait()
    assert not (tmp_path / "out.1").exists()


def test_a_longer_run_is_not_cut_short(run: Path, tasks: Path) -> None:
    before = (run / "training_data.json").read_bytes()
    failed = train(tasks, run, "--resume", "--iterations", 0)
    assert (failed.returncode, "give --iterations 2 or more" in failed.stderr) == (2, True)
    assert (run / "training_data.json").read_bytes() == before


def test_a_policy_of_ones_own_is_a_class_with_one_method(tasks: Path, tmp_path: Path) -> None:
    finished = train(tasks, tmp_path / "out", policy="own_policies:Unchanged")
    assert finished.returncode == 0, finished.stderr
    assert load(tmp_path / "out" / "training_data.json") == []
    assert load(tmp_path / "out" / "metrics.json")["summary"]["final_success_rate"] == 0


def test_a_saved_policy_can_go_on_from(run: Path, tasks: Path, tmp_path: Path) -> None:
    finished = train(tasks, tmp_path / "out", "--iterations", 0, policy=str(run / "checkpoint_2.json"))
    assert finished.returncode == 0, finished.stderr
    rates = [line["success_rate"] for line in load(run / "metrics.json")["iterations"]]
    assert load(tmp_path / "out" / "metrics.json")["iterations"][0]["success_rate"] > rates[0]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--policy", "magic"], "unknown policy 'magic'"),
        (["--policy", "nowhere.json"], "there is no policy file nowhere.json"),
        (["--policy", "own_policies:Nobody"], "cannot be made"),
        (["--policy", "own_policies:Speechless"], "has no method propose"),
        (["--policy", "own_policies:Greedy"], "1 proposals where 4 were asked for"),
        (["--stage", "3"], "there is no stage 3"),
        (["--iterations", "-1"], "iterations must be"),
        (["--candidates", "0"], "candidates must be"),
        (["--threshold", "0.5"], "threshold must be"),
        (["--validation", "1"], "validation must be"),
        (["--reward", "gold"], "unknown reward 'gold'"),
        (["--measure", "guess"], "measure must be one of"),
        (["--workers", "0"], "workers must be"),
        (["--timeout", "inf"], "timeout must be"),
        (["--tasks", "nowhere.json"], "no file nowhere.json"),
        (["--tasks", "heldout"], "which is held out"),
        (["--tasks", str(ROOT / "README.md")], "is not JSON"),
        (["--out", str(ROOT / "tests")], "not of a run"),
        (["--out", str(ROOT / "README.md")], "is a file"),
        (["--resume", "--fresh"], "choose one"),
    ],
)
def test_wrong_input_gets_one_sentence_and_a_nonzero_exit(
    tasks: Path, tmp_path: Path, arguments: list[str], sentence: str
) -> None:
    failed = train(tasks, tmp_path / "out", *arguments)
    assert failed.returncode == 2
    assert sentence in failed.stderr
    assert failed.stderr.count("\n") == 1
    assert "Traceback" not in failed.stderr


def test_a_run_is_not_overwritten_and_not_mixed(run: Path, tasks: Path) -> None:
    again = train(tasks, run)
    assert (again.returncode, "--resume" in again.stderr) == (2, True)
    other = train(tasks, run, "--resume", "--seed", 5)
    assert (other.returncode, "seed = 0, not 5" in other.stderr) == (2, True)


def test_an_unknown_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "tasks.json"
    path.write_text(json.dumps([{"database": "shp", "query": "SELECT 1"}]))
    failed = train(path, tmp_path / "out")
    assert (failed.returncode, "unknown database 'shp'" in failed.stderr) == (2, True)


def test_a_broken_log_is_named(run: Path, tasks: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "run.json").write_bytes((run / "run.json").read_bytes())
    (out / "trajectories.jsonl").write_text('{"this": "is not a trajectory"}\n')
    failed = train(tasks, out, "--resume")
    assert failed.returncode == 2
    assert "line 1: not a trajectory" in failed.stderr
