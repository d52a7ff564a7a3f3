"""`sqlopt generate` as a person runs it: repeatable, resumable, clear about mistakes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sqlopt_env import load_tasks

ARGUMENTS = ("--domain", "shop,hr", "--n", "10", "--seed", "2")


def sqlopt(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("sqlopt")), "generate", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("generate")
    done = sqlopt(*ARGUMENTS, "--out", "tasks.jsonl", cwd=folder)
    assert done.returncode == 0, done.stderr
    for word in ("10 slow queries", "pessimiser", "speedup (steps)", "names masked", "improvable", "refused", "tasks:"):
        assert word in done.stdout
    return folder / "tasks.jsonl"


def test_tasks_carry_what_is_known_of_them_and_no_times(made: Path) -> None:
    lines = [json.loads(line) for line in made.read_text().splitlines()]
    assert [line["database"] for line in lines] == ["shop"] * 5 + ["hr"] * 5
    assert {"shape", "pessimisers", "steps", "reference_steps", "index_steps", "difficulty"} <= set(lines[0])
    assert not any("milli" in name or "second" in name for name in lines[0])
    assert [task.id for task in load_tasks(made)] == [line["id"] for line in lines]
    assert [task.reference for task in load_tasks(made)] == [line["reference"] for line in lines]


def test_a_killed_run_goes_on_to_the_same_tasks(made: Path, tmp_path: Path) -> None:
    command = [str(Path(sys.executable).with_name("sqlopt")), "generate", *ARGUMENTS, "--out", "tasks.jsonl"]
    log, tasks = tmp_path / "tasks.log.jsonl", tmp_path / "tasks.jsonl"
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None and not (log.exists() and log.read_bytes().count(b"\n") >= 4):
            time.sleep(0.02)
        process.kill()
    with log.open("ab") as file:
        file.write(b'{"database": "shop", "slot"')  # as a kill in the middle of a line leaves it
    tasks.write_text(tasks.read_text() + "half a li")
    done = sqlopt(*ARGUMENTS, "--out", "tasks.jsonl", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert tasks.read_bytes() == made.read_bytes()


def test_ctrl_c_says_how_to_go_on(made: Path, tmp_path: Path) -> None:
    command = [str(Path(sys.executable).with_name("sqlopt")), "generate", *ARGUMENTS, "--out", "tasks.jsonl"]
    log = tmp_path / "tasks.log.jsonl"
    process = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, process_group=0
    )
    while process.poll() is None and not (log.exists() and log.read_bytes().count(b"\n") >= 2):
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert (process.returncode, "goes on from here" in stdout, stderr) == (130, True, "")
    assert made.read_bytes().startswith((tmp_path / "tasks.jsonl").read_bytes())


def test_another_run_does_not_mix_with_the_first(made: Path) -> None:
    before = made.read_bytes()
    other = sqlopt(*ARGUMENTS[:-1], "3", "--out", made, cwd=made.parent)
    assert (other.returncode, "differs in seed" in other.stderr, other.stderr.count("\n")) == (2, True, 1)
    assert made.read_bytes() == before
    again = sqlopt(*ARGUMENTS, "--out", made, cwd=made.parent)
    assert (again.returncode, made.read_bytes()) == (0, before)


def test_fresh_moves_the_earlier_files_aside(tmp_path: Path) -> None:
    few = ("--domain", "hr", "--n", "1", "--out", "t.jsonl")
    assert sqlopt(*few, cwd=tmp_path).returncode == 0
    before = (tmp_path / "t.jsonl").read_bytes()
    assert sqlopt(*few, "--seed", "1", "--fresh", cwd=tmp_path).returncode == 0
    assert (tmp_path / "t.1.jsonl").read_bytes() == before
    assert (tmp_path / "t.jsonl").read_bytes() != before


def test_a_database_of_ones_own(tmp_path: Path, database: Callable[..., str]) -> None:
    path = database(
        "CREATE TABLE visits (id INTEGER PRIMARY KEY, who TEXT NOT NULL, n INTEGER);"
        "WITH RECURSIVE i (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i WHERE n < 9000)"
        " INSERT INTO visits SELECT n, 'p' || (n % 77), n * 7919 % 1000 FROM i"
    )
    before = Path(path).read_bytes()
    done = sqlopt("--database", path, "--n", 3, "--out", "own.jsonl", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert {task.database for task in load_tasks(tmp_path / "own.jsonl")} == {path}
    assert Path(path).read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--domain", "shp"], "unknown domain 'shp'"),
        (["--domain", "shop,shop"], "named twice"),
        (["--domain", "library"], "is held out"),
        (["--domain", "shop,tpch"], "is held out"),
        (["--domain", "shop", "--database", "text.txt"], "choose one of"),
        (["--database", "shop"], "say --domain shop"),
        (["--database", "nowhere.db"], "no database file nowhere.db"),
        (["--database", "text.txt"], "text.txt is not an SQLite database"),
        (["--out", "text.txt"], "without the log of a generation"),
        (["--out", "text.txt/tasks.jsonl"], "cannot be written"),
        (["--least-steps", "-5"], "least_steps must be"),
        (["--most-steps", "0"], "most_steps must be"),
    ],
)
def test_wrong_input_gets_one_sentence(tmp_path: Path, arguments: list[str], sentence: str) -> None:
    (tmp_path / "text.txt").write_text("mine")
    failed = sqlopt(*arguments, cwd=tmp_path)
    assert failed.returncode == 2
    assert sentence in failed.stderr
    assert failed.stderr.count("\n") == 1
    assert (tmp_path / "text.txt").read_text() == "mine"
