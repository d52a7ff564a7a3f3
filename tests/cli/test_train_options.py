"""What `sqlopt train` is told, and what it refuses with one sentence."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from small_shop import small_tasks_file

ROOT = Path(__file__).parents[2]
Train = Callable[..., Any]


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_tasks_file(tmp_path_factory.mktemp("tasks"))


@pytest.fixture
def train(sqlopt: Callable[..., Any], tasks: Path, monkeypatch: pytest.MonkeyPatch) -> Train:
    monkeypatch.syspath_prepend(str(ROOT / "tests" / "agents"))

    def run(out: Path, *more: object) -> Any:
        chosen = () if "--tasks" in more else ("--tasks", tasks)
        short = ("--iterations", 0, "--candidates", 4, "--measure", "steps", "--executor", "serial")
        return sqlopt("train", *chosen, *short, "--out", out, *more)

    return run


def load(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def test_fresh_moves_an_earlier_run_aside(train: Train, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for _ in range(2):
        assert train(out, "--policy", "identity", "--fresh").code == 0
    assert (tmp_path / "out.1" / "trajectories.jsonl").exists()
    assert (out / "trajectories.jsonl").exists()


@pytest.mark.parametrize("policy", ["identity", "own_policies:Unchanged"])
def test_a_policy_that_does_not_learn_is_judged_once_and_told_so(train: Train, tmp_path: Path, policy: str) -> None:
    finished = train(tmp_path / "out", "--policy", policy, "--iterations", 3)
    assert finished.code == 0, finished.err
    assert f"{policy} does not learn: it is judged once, in iteration 0." in finished.out
    assert load(tmp_path / "out" / "training_data.json") == []
    assert [line["success_rate"] for line in load(tmp_path / "out" / "metrics.json")["iterations"]] == [0]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            ["--policy", "own_policies:Clumsy", "--policy-option", "at=propose"],
            ": KeyError: 'boo' (own_policies.py, line",
        ),
        (
            ["--policy", "own_policies:Clumsy", "--policy-option", "at=fit"],
            "failed in fit(): KeyError: 'weights' (own_",
        ),
        (
            ["--policy", "own_policies:Clumsy", "--policy-option", "at=nothing"],
            "fit() must return a policy, not NoneTyp",
        ),
        (
            ["--policy", "own_policies:Clumsy", "--policy-option", "at=save"],
            "failed in save(): ValueError: no room (own_",
        ),
        (["--policy-option", "temperature=0"], "temperature must be a number of at least 0.001, not 0.0"),
        (["--policy-option", "width=0"], "width must be a whole number of at least 1, not 0"),
    ],
)
def test_a_failing_policy_of_ones_own_is_one_sentence(
    train: Train, tmp_path: Path, options: list[str], sentence: str
) -> None:
    finished = train(tmp_path / "out", *options, "--iterations", 1)
    assert finished.code == 2
    assert sentence in " ".join(finished.err.split())
    assert "Traceback" not in finished.err


def test_a_saved_policy_can_go_on_from_as_long_as_it_is_the_same(train: Train, tmp_path: Path) -> None:
    assert train(tmp_path / "first", "--iterations", 1).code == 0
    saved = tmp_path / "saved.json"
    shutil.copy(tmp_path / "first" / "checkpoint_1.json", saved)
    assert train(tmp_path / "out", "--policy", saved).code == 0
    rates = [line["success_rate"] for line in load(tmp_path / "first" / "metrics.json")["iterations"]]
    assert load(tmp_path / "out" / "metrics.json")["iterations"][0]["success_rate"] > rates[0]
    saved.write_text(saved.read_text().replace('"action_cost": 0.1', '"action_cost": 0.2'))
    other = train(tmp_path / "out", "--policy", saved, "--resume")
    assert (other.code, "begun with policy_file" in other.err) == (2, True)


def test_the_table_fits_a_narrow_terminal(train: Train, tmp_path: Path) -> None:
    told = train(tmp_path / "out", "--unsound").out
    table = told[told.index("ReST-EM") : told.index("* the iteration")]
    assert "…" not in table
    assert all(len(line) <= 80 for line in table.splitlines())
    assert "unsound" in table
    assert load(tmp_path / "out" / "metrics.json")["iterations"][0]["unsound_share"] is not None


def test_other_tasks_can_be_the_validation_split(train: Train, tasks: Path, tmp_path: Path) -> None:
    first, *rest = load(tasks)
    for name, content in (("own.json", rest), ("others.json", [first]), ("twin.json", [{**rest[0], "id": "twin"}])):
        (tmp_path / name).write_text(json.dumps(content))
    own = ("--tasks", tmp_path / "own.json", "--validation-tasks")
    finished = train(tmp_path / "out", *own, tmp_path / "others.json")
    assert finished.code == 0, finished.err
    told = [json.loads(line) for line in (tmp_path / "out" / "trajectories.jsonl").read_text().splitlines()]
    assert {t["task"]["id"] for t in told} == {task["id"] for task in (first, *rest)}
    assert first["id"] not in {example["id"] for example in load(tmp_path / "out" / "training_data.json")}
    twin = train(tmp_path / "twin", *own, tmp_path / "twin.json")
    assert (twin.code, "the validation task twin asks the query of" in twin.err) == (2, True)
    same = train(tmp_path / "same", *own, tmp_path / "own.json")
    assert (same.code, "is that of a task to train on and of a validation task" in same.err) == (2, True)
    changed = train(tmp_path / "out", "--tasks", tmp_path / "own.json", "--resume")
    assert (changed.code, "begun with validation_tasks" in changed.err) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--policy", "magic"], "unknown policy 'magic'"),
        (["--policy", "nowhere.json"], "there is no policy file nowhere.json"),
        (["--policy", "own_policies:Nobody"], "cannot be made"),
        (["--policy", "own_policies:Speechless"], "has no method propose"),
        (["--policy", "own_policies:Greedy"], "1 proposals where 4 were asked for"),
        (["--policy-option", "magic=1"], "has no option 'magic'"),
        (["--policy-option", "magic"], "takes NAME=VALUE, not 'magic'"),
        (["--policy-option", "l2=1", "--policy-option", "l2=2"], "option l2 is given twice"),
        (["--policy", "identity", "--unsound"], "has no option 'unsound'"),
        (["--variant", "magic"], "unknown variant 'magic'"),
        (["--variant", "few-shot"], "shows examples in its prompt"),
        (["--variant", "fine-tuning"], "language model"),
        (["--stage", "3"], "there is no stage 3"),
        (["--iterations", "-1"], "iterations must be"),
        (["--candidates", "0"], "candidates must be"),
        (["--turns", "0"], "turns must be"),
        (["--patience", "0"], "patience must be"),
        (["--executor", "magic"], "unknown executor 'magic'"),
        (["--threshold", "0.5"], "threshold must be"),
        (["--validation", "1"], "validation must be"),
        (["--validation-tasks", "1"], "must lie between 0 and 1"),
        (["--validation-tasks", "nan"], "must lie between 0 and 1"),
        (["--validation-tasks", "nowhere.json"], "no file nowhere.json"),
        (["--validation-tasks", "heldout"], "which is held out"),
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
    train: Train, tmp_path: Path, arguments: list[str], sentence: str
) -> None:
    out = tmp_path / "out"
    failed = train(out, *arguments)
    assert failed.code == 2
    assert sentence in failed.err
    assert failed.err.count("\n") == 1
    assert not out.exists() or "Greedy" in arguments[-1]  # nothing is begun that cannot be run


def test_a_run_is_not_overwritten_and_not_mixed(train: Train, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert train(out, "--policy", "identity").code == 0
    again = train(out, "--policy", "identity")
    assert (again.code, "--resume" in again.err) == (2, True)
    other = train(out, "--policy", "identity", "--resume", "--seed", 5)
    assert (other.code, "seed = 0, not 5" in other.err) == (2, True)
    elsewhere = train(out, "--policy", "identity", "--resume", "--executor", "local")
    assert elsewhere.code == 0


def test_an_unknown_database_is_named(train: Train, tmp_path: Path) -> None:
    path = tmp_path / "tasks.json"
    path.write_text(json.dumps([{"database": "shp", "query": "SELECT 1"}]))
    failed = train(tmp_path / "out", "--tasks", path)
    assert (failed.code, "unknown database 'shp'" in failed.err) == (2, True)
    single = train(tmp_path / "out", "--tasks", path, "--validation-tasks", "0.5")
    assert (single.code, "from two tasks or more" in single.err) == (2, True)


def test_a_broken_log_is_named(train: Train, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert train(out, "--policy", "identity").code == 0
    (out / "trajectories.jsonl").write_text('{"this": "is not a trajectory"}\n')
    failed = train(out, "--policy", "identity", "--resume")
    assert failed.code == 2
    assert "line 1: not a trajectory" in failed.err
