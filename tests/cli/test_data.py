"""`sqlopt data make`, `sqlopt data check` and `sqlopt combine` as a person runs them, on a small real run.

Steps are counted instead of time, so that what holds once holds again.
"""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from small_shop import small_tasks_file

from sqlopt_env import load_tasks
from sqlopt_env.cli import main

ROOT = Path(__file__).parents[2]
Sqlopt = Callable[..., Any]  # see conftest.py
WIDE = ("--most-technique", 0.5)
STEPS = ("--measure", "steps", "--workers", 1)


def load(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def save(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value), encoding="utf-8")


def card_of(folder: Path) -> str:
    """In one line."""
    return " ".join((folder / "README.md").read_text(encoding="utf-8").split())


def run_here(*arguments: object) -> int:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["sqlopt", *map(str, arguments)])
        patch.setattr(sys, "path", [*sys.path])
        with pytest.raises(SystemExit) as ended:
            main()
    return int(ended.value.code or 0)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    tasks, out = small_tasks_file(folder), folder / "run"
    asked = ("--iterations", 1, "--candidates", 4, "--executor", "serial", "--measure", "steps", "--out", out)
    assert run_here("train", "--tasks", tasks, *asked) == 0
    return out


@pytest.fixture(scope="module")
def made(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("made") / "stage1"
    assert run_here("data", "make", run, "--out", out, *WIDE) == 0
    return out


@pytest.fixture
def dataset(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "stage1"))


def test_a_dataset_is_made_of_a_run(run: Path, made: Path) -> None:
    assert {path.name for path in made.iterdir()} == {
        "training_data.json", "metrics.json", "README.md", "policy.json", "checkpoint_1.json",
    }  # fmt: skip
    examples, kept = load(made / "training_data.json"), load(run / "training_data.json")
    assert len(examples) >= 5
    assert all(example in kept for example in examples)
    types = Counter(example["optimization_type"] for example in examples)
    assert max(types.values()) <= 0.4 * len(examples)
    metrics = load(made / "metrics.json")
    assert metrics["runs"][0]["iterations"] == load(run / "metrics.json")["iterations"]
    assert metrics["dataset"]["gathered"] == len(kept)
    assert metrics["dataset"]["left_out"]["held out"] == sum(e["id"] == "dear" for e in kept)
    assert len(kept) == len(examples) + sum(metrics["dataset"]["left_out"].values())


def test_the_card_tells_what_the_files_hold(made: Path) -> None:
    card, examples = card_of(made), load(made / "training_data.json")
    assert f"{len(examples)} verified rewrites" in card
    assert re.search(r"sqlopt train .*--policy rules --iterations 1 --candidates 4 --seed 0 --measure steps ", card)
    assert "sqlopt data make run --out stage1 --most-technique 0.5" in card
    assert "It has not been checked as it is now" in card
    assert "Measured by steps" in card
    for name in examples[0]:
        assert f"`{name}`" in card, name
    assert str(made.parent) not in card.replace(load(made / "training_data.json")[0]["database"], "")


def test_the_same_runs_make_the_same_files_and_twice_the_same_run_adds_nothing(
    sqlopt: Sqlopt, run: Path, made: Path, tmp_path: Path
) -> None:
    assert sqlopt("data", "make", run, run, "--out", "twice", *WIDE).code == 0
    twice = tmp_path / "twice"
    assert (twice / "training_data.json").read_bytes() == (made / "training_data.json").read_bytes()
    assert load(twice / "metrics.json")["dataset"]["left_out"]["duplicate"] > 0
    assert len(load(twice / "metrics.json")["runs"]) == 2
    first = (twice / "README.md").read_bytes()
    assert sqlopt("data", "make", run, run, "--out", "twice", *WIDE).code == 0
    assert (twice / "README.md").read_bytes() == first


def test_one_a_query_takes_one_of_each(sqlopt: Sqlopt, run: Path, tmp_path: Path) -> None:
    wide = ("--most-type", 1, "--most-technique", 1)
    assert sqlopt("data", "make", run, "--out", "one", "--one-a-query", *wide).code == 0
    queries = [example["slow_query"] for example in load(tmp_path / "one/training_data.json")]
    assert len(queries) == len(set(queries)) == 3
    assert "Every slow query in it is another one" in card_of(tmp_path / "one")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--at-least", 1000), "set that keeps the quotas has"),
        (("--most-type", 0.1), "a set has at least 10 of them, and there are only"),
        (("--most-type", 0.1), "(without quotas: --most-type 1 --most-technique 1)"),
        (("--most-type", 2), "must be above 0 and at most 1, not 2"),
        (("--tasks", "none.jsonl"), "there is no file none.jsonl"),
    ],
)
def test_what_cannot_be_made_is_said_in_a_sentence(
    sqlopt: Sqlopt, run: Path, tmp_path: Path, arguments: tuple[object, ...], sentence: str
) -> None:
    ended = sqlopt("data", "make", run, "--out", "new", *arguments)
    assert ended.code == 2
    assert sentence in ended.err
    assert not (tmp_path / "new").exists()


def test_what_is_no_run_is_refused_and_no_run_is_overwritten(sqlopt: Sqlopt, run: Path, tmp_path: Path) -> None:
    before = (run / "training_data.json").read_bytes()
    for arguments, sentence in (
        ((tmp_path / "none", "--out", "new"), "there is no run's folder"),
        ((tmp_path, "--out", "new"), "holds no training_data.json"),
        ((run, "--out", run), "holds a run"),
        ((run, "--out", run / "run.json"), "is a file"),
    ):
        ended = sqlopt("data", "make", *arguments, *WIDE)
        assert (ended.code, sentence in ended.err) == (2, True), ended.err
    old = Path(shutil.copytree(run, tmp_path / "old"))
    examples = load(old / "training_data.json")
    del examples[1]["plan"]
    save(old / "training_data.json", examples)
    ended = sqlopt("data", "make", old, "--out", "new")
    assert (ended.code, "example 2 of" in ended.err, "it has no plan" in ended.err) == (2, True, True), ended.err
    assert (run / "training_data.json").read_bytes() == before


def test_what_the_generator_knows_goes_into_the_examples(sqlopt: Sqlopt, run: Path, tmp_path: Path) -> None:
    known = [
        {"database": task.database, "query": task.query, "shape": "a shape", "pessimisers": ["one"], "difficulty": 2}
        for task in load_tasks(run.parent / "tasks.json")
    ]
    save(tmp_path / "known.json", known)
    assert sqlopt("data", "make", run, "--out", "new", "--tasks", "known.json", *WIDE).code == 0
    examples = load(tmp_path / "new/training_data.json")
    assert {(e["shape"], tuple(e["pessimisers"]), e["difficulty"]) for e in examples} == {("a shape", ("one",), 2)}
    save(tmp_path / "known.json", [{**task, "query": "SELECT 1"} for task in known])
    assert sqlopt("data", "make", run, "--out", "new", "--tasks", "known.json", *WIDE).code == 0
    assert not any("shape" in example for example in load(tmp_path / "new/training_data.json"))


def test_a_dataset_that_holds_passes_and_its_card_says_so(sqlopt: Sqlopt, dataset: Path) -> None:
    ended = sqlopt("data", "check", dataset, *STEPS)
    assert ended.code == 0, ended.out
    count, report = len(load(dataset / "training_data.json")), load(dataset / "check.json")
    assert (report["judged"], report["holds"], report["findings"]) == (count, count, {})
    assert report["speedup_now_to_then"]["median"] == 1.0
    assert not (dataset / "check.log.jsonl").exists()
    card = card_of(dataset)
    assert f"judged all of its {count} examples again" in card
    assert f"{count} of {count} are still the same query" in card
    save(dataset / "training_data.json", load(dataset / "training_data.json")[:-1])
    assert sqlopt("data", "check", dataset, "--sample", 1, *STEPS).code in (0, 1)
    assert "a random sample of 1 of its" in card_of(dataset)


def planted(examples: list[Any]) -> list[Any]:
    """Examples, each with a fault of its own, behind the whole ones."""
    good = examples[0]
    held_out = load_tasks("heldout")[0].query
    renamed = held_out.replace("copies", "items").replace("condition", "state")
    without = {name: value for name, value in good.items() if name != "plan"}
    return [
        {**good, "fast_query": f"SELECT * FROM ({good['slow_query']}) LIMIT 1"},
        {**good, "fast_query": good["slow_query"]},
        {**good, "fast_query": "DROP TABLE orders"},
        {**good, "fast_query": good["fast_query"].lower().replace("select ", "select   /* x */ ") + " ;"},
        {**good, "slow_query": held_out},
        {**good, "slow_query": renamed},
        {**examples[1], "database": "library"},
        {**examples[1], "fast_query": examples[1]["fast_query"] + " LIMIT -1", "reward": 0.5},
        {**good, "reward": math.nan},
        {**good, "speedup": 10**400},
        without,
        "an example",
        {**good, "id": "\ud800", "note": [[[[math.inf]]]]},
        {**good, "database": "x" * 5000},
    ]


EXPECTED = [
    {"refuted"}, {"slower than told", "wrong type"}, {"not verified"}, {"duplicate"},
    {"leak", "not verified", "id of another query"}, {"leak", "not verified", "id of another query"},
    {"leak", "not verified", "id of another query"}, {"wrong reward"}, {"malformed"}, {"malformed"}, {"malformed"},
    {"malformed"}, {"malformed"}, {"not verified", "id of another query"},
]  # fmt: skip


def test_every_planted_fault_is_found_and_can_be_taken_out(sqlopt: Sqlopt, dataset: Path) -> None:
    examples = load(dataset / "training_data.json")
    save(dataset / "training_data.json", examples + planted(examples))
    card = (dataset / "README.md").read_bytes()
    ended = sqlopt("data", "check", dataset, *STEPS)
    assert ended.code == 1
    found: dict[int, set[str]] = {}
    report = load(dataset / "check.json")
    for failure in report["failed"]:
        found.setdefault(failure["place"] - len(examples) - 1, set()).add(failure["finding"])
    assert found == dict(enumerate(EXPECTED))
    assert (dataset / "README.md").read_bytes() == card  # nothing can be said of malformed examples
    assert "malformed" in ended.out
    assert "it has no plan" in ended.out
    assert sqlopt("data", "check", dataset, *STEPS, "--drop").code == 1
    assert load(dataset / "training_data.json") == examples
    assert load(dataset / "check.json")["dropped"] == len(EXPECTED)
    assert f"The {len(EXPECTED)} examples that failed were taken out" in card_of(dataset)
    whole = (dataset / "check.json").read_bytes()
    assert sqlopt("data", "check", dataset, "--sample", 2, *STEPS).code == 0
    assert (dataset / "check.json").read_bytes() == whole  # a sample says less


def test_a_type_over_its_quota_is_a_finding_of_the_whole(sqlopt: Sqlopt, dataset: Path) -> None:
    examples = [{**example, "optimization_type": "join"} for example in load(dataset / "training_data.json")]
    save(dataset / "training_data.json", examples)
    ended = sqlopt("data", "check", dataset, "--sample", 1, *STEPS)
    assert (ended.code, f"{len(examples)} of {len(examples)} examples are of the type join" in ended.out) == (1, True)


def test_a_check_that_was_killed_goes_on(sqlopt: Sqlopt, dataset: Path) -> None:
    log = dataset / "check.log.jsonl"
    live = subprocess.Popen(
        [str(Path(sys.executable).with_name("sqlopt")), "data", "check", str(dataset), *map(str, STEPS)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 60
    while live.poll() is None and time.monotonic() < deadline:
        if log.exists() and log.read_bytes().count(b"\n") >= 3:
            break
        time.sleep(0.005)
    os.kill(live.pid, signal.SIGKILL)
    live.communicate()
    lines = log.read_text(encoding="utf-8").splitlines()
    assert len(lines) >= 3
    # What it found first is changed by hand, to see that it is taken from here and not judged once more.
    lines[1] = json.dumps({**json.loads(lines[1]), "outcome": "refuted", "reason": "as the log says"})
    log.write_text("\n".join(lines) + '\n{"key": "cut o', encoding="utf-8")
    other = sqlopt("data", "check", dataset, *STEPS, "--timeout", 3)
    assert (other.code, "holds a check that differs in timeout" in other.err) == (2, True), other.err
    assert sqlopt("data", "check", dataset, *STEPS).code == 1
    report = load(dataset / "check.json")
    assert [(failure["finding"], failure["reason"]) for failure in report["failed"]] == [("refuted", "as the log says")]
    assert report["judged"] == len(load(dataset / "training_data.json"))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ('[{"id": "a", ', "is not whole JSON"),
        ("{}", "must hold a list of examples, not dict"),
        ("[]", "holds no examples"),
        ("\udcff", "is not whole JSON"),
        ("[" * 100_000, "is not whole JSON"),
    ],
)
def test_a_torn_or_strange_file_is_told_in_a_sentence(
    sqlopt: Sqlopt, tmp_path: Path, content: str, sentence: str
) -> None:
    (tmp_path / "data.json").write_bytes(content.encode("utf-8", "surrogateescape"))
    ended = sqlopt("data", "check", "data.json")
    assert (ended.code, sentence in ended.err, "Traceback" in ended.err) == (2, True, False), ended.err


def test_a_file_alone_can_be_checked_beside_its_folder(sqlopt: Sqlopt, run: Path, made: Path, tmp_path: Path) -> None:
    save(tmp_path / "few.json", load(made / "training_data.json")[:3])
    sqlopt("data", "check", "few.json", *STEPS)
    assert load(tmp_path / "few.check.json")["holds"] == 3
    assert len(load(tmp_path / "few.json")) == 3
    assert sqlopt("data", "check", tmp_path).err.count("neither a run nor a dataset") == 1
    assert sqlopt("data", "check", "none").code == 2
    assert "is a run's" in sqlopt("data", "check", run, "--drop").err


@pytest.fixture
def combined(sqlopt: Sqlopt, run: Path, dataset: Path, tmp_path: Path) -> Path:
    """Of two stages that have one example in common."""
    examples = load(dataset / "training_data.json")
    for name, part in (("one", examples[:3]), ("two", examples[2:])):
        shutil.copytree(dataset, tmp_path / name)
        save(tmp_path / name / "training_data.json", part)
    ended = sqlopt("combine", "--stage1", "one", "--stage2", "two", "--mix", 0.3, "--out", "combined")
    assert ended.code == 0, ended.err
    return tmp_path / "combined"


def test_two_stages_are_combined_by_weights(sqlopt: Sqlopt, combined: Path) -> None:
    examples = load(combined / "training_data.json")
    sums = {stage: sum(e["weight"] for e in examples if e["stage"] == stage) for stage in (1, 2)}
    assert sums[1] == pytest.approx(0.3 * len(examples))
    assert sums[2] == pytest.approx(0.7 * len(examples))
    metrics = load(combined / "metrics.json")["dataset"]
    assert metrics["left_out"]["in both stages"] == 1
    assert metrics["stages"]["1"]["examples"] == 3
    card = card_of(combined)
    assert "sqlopt combine --stage1 one --stage2 two --mix 0.3 --out combined" in card
    assert "`weight`" in card
    assert sqlopt("data", "check", combined, "--sample", 1, *STEPS).code == 0
    save(combined / "training_data.json", [{**example, "weight": 1.0} for example in examples])
    ended = sqlopt("data", "check", combined, "--sample", 1, *STEPS)
    assert (ended.code, "the weights of stage 1 sum up to 3" in ended.out) == (1, True), ended.out


def test_what_is_taken_out_of_a_combined_dataset_changes_its_weights(sqlopt: Sqlopt, combined: Path) -> None:
    examples = load(combined / "training_data.json")
    examples[0]["reward"] = 2.9
    save(combined / "training_data.json", examples)
    assert sqlopt("data", "check", combined, "--sample", 1, "--drop", *STEPS).code == 1
    left = load(combined / "training_data.json")
    assert sum(e["weight"] for e in left if e["stage"] == 1) == pytest.approx(0.3 * (len(examples) - 1))
    assert load(combined / "metrics.json")["dataset"]["stages"]["1"]["examples"] == 2


@pytest.mark.parametrize("name", ["combine_stages.py", "export_finetuning.py"])
def test_the_scripts_do_as_the_commands(combined: Path, name: str, tmp_path: Path) -> None:
    data = tmp_path / "data"
    for stage, source in ((1, "one"), (2, "two")):
        shutil.copytree(tmp_path / source, data / f"stage{stage}")
    arguments = [data] if name == "combine_stages.py" else [combined, "chats.jsonl"]
    script = [sys.executable, str(ROOT / "examples" / name), *map(str, arguments)]
    finished = subprocess.run(script, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert finished.returncode == 0, finished.stderr
    examples = load(combined / "training_data.json")
    if name == "combine_stages.py":
        again = load(tmp_path / "runs/combined/training_data.json")
        assert [e["fast_query"] for e in again] == [e["fast_query"] for e in examples]
        assert sum(e["weight"] for e in again if e["stage"] == 1) == pytest.approx(0.5 * len(again))
    else:
        chats = [json.loads(line) for line in (tmp_path / "chats.jsonl").read_text(encoding="utf-8").splitlines()]
        assert {tuple(m["role"] for m in chat["messages"]) for chat in chats} == {("system", "user", "assistant")}
        answers = Counter(json.loads(chat["messages"][-1]["content"])["optimized_query"] for chat in chats)
        assert set(answers) <= {example["fast_query"] for example in examples}
        for example in examples:
            assert 0 <= answers[example["fast_query"]] - math.floor(example["weight"]) <= 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--mix", 1), "the mix must be a share from 0.01 to 0.99, not 1"),
        (("--stage2", "none"), "there is no folder or file none"),
        (("--stage2", "stage1"), "stage 2 has no example left"),
        (("--out", "stage1"), "is where the examples come from"),
    ],
)
def test_what_cannot_be_combined_is_said_in_a_sentence(
    sqlopt: Sqlopt, dataset: Path, made: Path, tmp_path: Path, arguments: tuple[object, ...], sentence: str
) -> None:
    two = Path(shutil.copytree(made, tmp_path / "two"))
    examples = load(two / "training_data.json")
    save(two / "training_data.json", [{**e, "slow_query": e["slow_query"] + " LIMIT 9"} for e in examples])
    usual = {"--stage1": "stage1", "--stage2": "two", "--out": "combined"}
    given = {**usual, str(arguments[0]): arguments[1]}
    ended = sqlopt("combine", *(part for option in given.items() for part in option))
    assert (ended.code, sentence in ended.err) == (2, True), ended.err
