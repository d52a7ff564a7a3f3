"""`sqlopt evaluate` and `sqlopt compare` as a person runs them: scores, kills and resumes, tables, clear mistakes.

Steps are counted instead of time, so that two evaluations can be compared figure by figure.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import apsw
import pytest

from sqlopt_env import SqlOptError
from sqlopt_env.cli.score_file import read_evaluated

OWN_POLICIES = Path(__file__).parents[1] / "agents"  # the folder of own_policies.py
Sqlopt = Callable[..., Any]  # see conftest.py
SCHEMA = """
CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER NOT NULL, b TEXT);
WITH RECURSIVE i (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i WHERE n < 3000)
INSERT INTO t SELECT n, n % 500, 'x' || n FROM i
"""


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tasks")
    connection = apsw.Connection(str(folder / "own.db"))
    connection.execute(SCHEMA).fetchall()
    connection.close()
    path = folder / "tasks.jsonl"
    items: list[dict[str, Any]] = [
        {"id": f"t{n}", "database": str(folder / "own.db"), "query": f"SELECT b FROM t WHERE a = {n}"} for n in range(6)
    ]
    items[0]["shape"] = items[1]["shape"] = "point"
    path.write_text("".join(json.dumps(item) + "\n" for item in items))
    return path


@pytest.fixture
def evaluate(sqlopt: Sqlopt, tasks: Path, monkeypatch: pytest.MonkeyPatch) -> Sqlopt:
    monkeypatch.syspath_prepend(OWN_POLICIES)

    def run(policy: str, *more: object) -> Any:
        return sqlopt(*arguments(tasks, policy, *more))

    return run


def arguments(tasks: Path, policy: str, *more: object) -> list[str]:
    split = () if "--split" in more else ("--split", tasks)
    found = ("evaluate", "--policy", policy, "--measure", "steps", "--workers", 1, *split, *more)
    return [str(argument) for argument in found]


def started(tasks: Path, folder: Path, policy: str, *more: object) -> subprocess.Popen[str]:
    """The command in a process of its own."""
    command = [str(Path(sys.executable).with_name("sqlopt")), *arguments(tasks, policy, *more)]
    environment = {**os.environ, "PYTHONPATH": str(OWN_POLICIES)}
    pipe = subprocess.PIPE
    return subprocess.Popen(
        command, cwd=folder, env=environment, stdout=pipe, stderr=pipe, text=True, process_group=0,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a background job inherits that it is ignored
    )  # fmt: skip


COIN = ("own_policies:Coin", "--candidates", 4, "--policy-option", "price=0.5", "--policy-option", "share=0.2")


@pytest.fixture(scope="module")
def evaluations(tasks: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the evaluations of two policies."""
    folder = tmp_path_factory.mktemp("evaluations")
    coin = started(tasks, folder, *COIN, "--name", "a [red]coin")
    identity = started(tasks, folder, "identity", "--greedy")
    for process, title in ((coin, "a [red]coin: 6 tasks"), (identity, "identity: 6 tasks")):
        out, err = process.communicate(timeout=120)
        assert (process.returncode, err) == (0, "")
        assert title in out
    return folder / "runs" / "evaluations"


def load(path: Path | str) -> Any:
    return json.loads(Path(path).read_text(encoding="utf-8"))


def timeless(value: Any) -> Any:
    """Without what may differ between two evaluations of one seed."""
    if isinstance(value, dict):
        return {name: timeless(part) for name, part in value.items() if name not in ("seconds", "thinking", "judging")}
    return [timeless(part) for part in value] if isinstance(value, list) else value


def test_identity_gains_nothing(evaluations: Path) -> None:
    found = load(evaluations / "identity.json")["scores"]["greedy"]
    assert [found[name]["value"] for name in ("valid", "equivalent", "improved", "speedup")] == [1.0, 1.0, 0.0, 1.0]


def test_a_good_index_gains_everywhere(evaluate: Sqlopt) -> None:
    ended = evaluate("advisor", "--out", "advisor.json", "--by", "shape", "--limit", 3)
    assert ended.code == 0
    assert "point" in ended.out
    found = load("advisor.json")["scores"]["sampled"]
    assert found["success"] == {"value": 1.0, "low": 1.0, "high": 1.0}
    assert found["effective_speedup"]["low"] > 1.5
    assert found["cost"]["value"] == 0


def test_samples_have_chance_cost_and_a_best_of_n(evaluations: Path) -> None:
    data = load(evaluations / "a-red-coin.json")
    hits = [sum(answer["success"] for answer in task["batches"]["sampled"]["answers"]) for task in data["results"]]
    assert len(set(hits)) > 1
    success = data["scores"]["sampled"]["success"]
    assert success["value"] == pytest.approx(sum(hits) / 24)
    assert 0 <= success["low"] < success["value"] < success["high"] <= 1
    assert data["best_of"]["4"]["value"] == pytest.approx(sum(map(bool, hits)) / 6)
    assert data["scores"]["sampled"]["cost"]["value"] == pytest.approx(0.5)


def test_a_policy_that_waits_for_a_server_is_asked_by_several_threads(evaluate: Sqlopt) -> None:
    assert evaluate("own_policies:Server", "--out", "a.json").code == 0
    assert import_module("own_policies").Server.most > 1
    batches = [task["batches"]["sampled"] for task in load("a.json")["results"]]
    assert sum(batch["dollars"] for batch in batches) == pytest.approx(6 * 0.25)


def test_a_killed_evaluation_goes_on_and_asks_nothing_twice(
    evaluate: Sqlopt, evaluations: Path, tasks: Path, tmp_path: Path
) -> None:
    asked = (*COIN, "--name", "a [red]coin", "--out", "killed.json")
    log = tmp_path / "killed.log.jsonl"
    with started(tasks, tmp_path, *asked) as process:
        while process.poll() is None and not (log.exists() and log.read_bytes().count(b"\n") >= 4):
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGKILL)
    before = log.read_bytes()
    with log.open("ab") as file:
        file.write(b'{"task": "t5", "mode"')  # as a kill in the middle of a line leaves it
    again = evaluate(*asked)
    assert (again.code, "go on with --resume" in again.err) == (2, True)
    assert evaluate(*asked, "--resume").code == 0
    assert log.read_bytes().startswith(before[: before.rfind(b"\n") + 1])
    assert timeless(load("killed.json")) == timeless(load(evaluations / "a-red-coin.json"))
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert Counter(line["task"] for line in lines if "mode" in line) == dict.fromkeys([f"t{n}" for n in range(6)], 1)
    assert evaluate(*asked, "--resume", "--policy-option", "api_key=new").code == 0  # which decides nothing
    assert len(log.read_text().splitlines()) == len(lines)


def test_ctrl_c_says_how_to_go_on(tasks: Path, tmp_path: Path) -> None:
    process = started(tasks, tmp_path, "own_policies:Server", "--candidates", 50, "--policy-option", "share=0.5")
    log = tmp_path / "runs" / "evaluations" / "own_policies-Server.log.jsonl"
    while process.poll() is None and not (log.exists() and log.read_bytes().count(b"\n") >= 2):
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, "--resume goes on from here" in out, err) == (130, True, "")


def test_a_resumed_evaluation_must_agree(evaluate: Sqlopt, evaluations: Path) -> None:
    (Path.cwd() / "a.log.jsonl").write_bytes((evaluations / "identity.log.jsonl").read_bytes())
    for more, name in (
        (("--candidates", 2), "candidates"),
        (("--limit", 3), "tasks"),
        (("--timeout", 1), "judge"),
        (("--thorough",), "thorough"),
    ):
        other = evaluate("identity", "--greedy", "--out", "a.json", "--resume", *more)
        assert (other.code, f"differs in {name}" in other.err) == (2, True)


def test_what_fails_at_once_leaves_nothing_to_resume(evaluate: Sqlopt, tmp_path: Path) -> None:
    failed = evaluate("random", "--greedy", "--out", "a.json")
    assert (failed.code, "no method greedy(observation): leave out --greedy" in failed.err) == (2, True)
    assert evaluate("random", "--out", "a.json", "--limit", 1).code == 0


def test_keys_are_kept_out_of_all_files(evaluate: Sqlopt, tmp_path: Path) -> None:
    assert evaluate("own_policies:Coin", "--policy-option", "api_key=hush-hush", "--limit", 1).code == 0
    written = [path.read_text() for path in tmp_path.rglob("*") if path.is_file()]
    assert len(written) == 2
    assert not [text for text in written if "hush" in text]


@pytest.mark.parametrize(
    ("policy", "arguments", "sentence"),
    [
        ("own_policies:Failing", [], "failed at task t4: ZeroDivisionError: division by zero (own_policies.py, line "),
        ("own_policies:Spendthrift", [], "spent must be a number of dollars, not 'a lot'"),
        ("own_policies:Unasked", [], "concurrency must be a whole number above 0, not 0"),
        ("own_policies:Greedy", ["--candidates", 2], "gave 1 proposals where 2 were asked for"),
        ("identity", ["--split", "nowhere"], "unknown split 'nowhere': give heldout, some of library,flights"),
        ("identity", ["--split", "library,shop"], "unknown split"),
        ("identity", ["--candidates", 0], "nothing is asked of the policy"),
        ("identity", ["--by", "colour"], "--by must be database or shape"),
        ("identity", ["--by", "shape", "--split", "seeds"], "the tasks of seeds have no shape"),
        ("identity", ["--threshold", "0.5"], "threshold must be a speedup of at least 1"),
        ("identity", ["--policy-option", "steps"], "takes NAME=VALUE, not 'steps'"),
        ("random", ["--policy-option", "steps=1", "--policy-option", "steps=2"], "steps is given twice"),
        ("random", ["--policy-option", "stops=1"], "no option 'stops': its options are steps"),
        ("identity", ["--out", "."], ". is a folder"),
        ("identity", ["--out", "text.txt/a.json"], "cannot be written"),
    ],
)
def test_wrong_input_gets_one_sentence(
    evaluate: Sqlopt, tmp_path: Path, policy: str, arguments: list[Any], sentence: str
) -> None:
    (tmp_path / "text.txt").touch()
    failed = evaluate(policy, *arguments)
    assert failed.code == 2
    assert sentence in failed.err
    assert failed.err.count("\n") == 1


def test_without_duckdb_it_says_what_to_install(
    evaluate: Sqlopt, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SQLOPT_DATA", str(tmp_path))
    monkeypatch.setitem(sys.modules, "duckdb", None)
    failed = evaluate("identity", "--split", "tpch")
    assert failed.code == 2
    assert "install sqlopt-env[tpch], or evaluate without it: --split library,flights,clinic" in failed.err


def test_policies_are_compared_on_what_any_of_them_solved(sqlopt: Sqlopt, evaluations: Path, tmp_path: Path) -> None:
    files = [evaluations / "identity.json", evaluations / "a-red-coin.json"]
    results = load(files[1])["results"]
    solvable = sum(any(a["success"] for a in task["batches"]["sampled"]["answers"]) for task in results)
    assert 0 < solvable < 6
    page = tmp_path / "docs" / "page.md"
    compared = sqlopt("compare", *files, "--markdown", page)
    assert compared.code == 0, compared.err
    assert f"Success on the {solvable} of 6 tasks that any of these policies solved" in compared.out
    text = page.read_text()
    rows = [line.split("|")[1:-1] for line in text.splitlines() if line.startswith("|")]
    assert {len(row) for row in rows} == {8, 7}
    assert [row[0].strip() for row in rows if "best answer" in row[0] or "a sample" in row[0]] == [
        "identity, best answer",
        "a [red]coin, a sample",
    ]
    assert "| n = 4: 100.0 [100.0, 100.0] |" in text
    page.write_text("# Title\n\n" + text + "The end.\n")
    before = page.read_bytes()
    assert sqlopt("compare", *files, "--markdown", page).code == 0
    assert page.read_bytes() == before
    page.write_text("another page")
    refused = sqlopt("compare", *files, "--markdown", page)
    assert (refused.code, "has no place for the tables" in refused.err) == (2, True)
    assert page.read_text() == "another page"


def test_figures_of_different_kinds_are_not_mixed(sqlopt: Sqlopt, evaluations: Path) -> None:
    data = load(evaluations / "identity.json")
    Path("a.json").write_text(json.dumps(data))
    for name, change in (
        ("judge", {"judge": {**data["settings"]["judge"], "measure": "time"}}),
        ("versions", {"versions": {**data["settings"]["versions"], "sqlite": "3.0.0"}}),
        ("tasks", {"tasks": "0"}),
        ("threshold", {"threshold": 2.0}),
    ):
        Path("b.json").write_text(json.dumps({**data, "name": "b", "settings": {**data["settings"], **change}}))
        mixed = sqlopt("compare", "a.json", "b.json")
        assert (mixed.code, f"they differ in {name}" in mixed.err) == (2, True), mixed.err
    twice = sqlopt("compare", "a.json", "a.json")
    assert (twice.code, "two evaluations are called 'identity'" in twice.err) == (2, True)


def test_a_file_that_is_no_evaluation_is_named(evaluations: Path, tmp_path: Path) -> None:
    whole = (evaluations / "identity.json").read_text()
    assert len(read_evaluated(evaluations / "identity.json").results) == 6
    broken = [whole[: len(whole) * part // 7] for part in range(7)]
    broken += [
        whole.replace('"greedy": {\n     "answers"', '"guessed": {\n     "answers"'),
        "[]",
        '{"format": 1}',
        "\0",
    ]
    broken += [json.dumps({**json.loads(whole), "results": []}), whole.replace('"seconds": ', '"seconds": NaN, "s": ')]
    for text in broken:
        assert text != whole
        (tmp_path / "b.json").write_text(text)
        with pytest.raises(SqlOptError, match=r"b\.json is not what sqlopt evaluate writes"):
            read_evaluated(tmp_path / "b.json")
