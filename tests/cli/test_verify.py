"""`sqlopt verify` as a person runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import apsw
import pytest

SCHEMA = "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, town TEXT NOT NULL);\n"
FILES = {
    "schema.sql": SCHEMA,
    "original.sql": "SELECT name FROM users WHERE town = 'Bonn'\n",
    "same.sql": "CREATE INDEX i ON users (town);\nSELECT u.name FROM users AS u WHERE 'Bonn' = u.town;\n",
    "other.sql": "SELECT name FROM users WHERE town LIKE 'Bonn'",
    "broken.sql": "SELECT name FROM user",
    "endless.sql": "WITH RECURSIVE r (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM r) SELECT max(x) FROM r",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("sqlopt")), "verify", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder)


@pytest.mark.parametrize(
    ("rewrite", "code", "word"), [("same.sql", 0, "proved"), ("other.sql", 1, "refuted"), ("endless.sql", 3, "unknown")]
)
def test_the_exit_code_is_the_verdict(folder: Path, rewrite: str, code: int, word: str) -> None:
    done = run(folder, "--schema", "schema.sql", "original.sql", rewrite)
    assert done.returncode == code, done.stderr
    assert done.stdout.startswith(f"{word}: ")
    assert done.stderr == ""


def test_a_witness_is_printed_with_both_results(folder: Path) -> None:
    printed = run(folder, "--schema", "schema.sql", "original.sql", "other.sql").stdout
    assert "INSERT INTO users (id, town) VALUES (1, " in printed
    assert "the original returns no row" in printed
    assert "(NULL)" in printed


def test_json_holds_the_whole_verdict(folder: Path) -> None:
    done = run(folder, "--schema", "schema.sql", "--json", "original.sql", "other.sql")
    verdict = json.loads(done.stdout)
    assert (verdict["status"], done.returncode) == ("refuted", 1)
    connection = apsw.Connection(":memory:")
    connection.execute(SCHEMA + verdict["witness"]).fetchall()
    results = [connection.execute(FILES[name]).fetchall() for name in ("original.sql", "other.sql")]
    assert results[0] != results[1]
    invalid = run(folder, "--schema", "schema.sql", "--json", "original.sql", "broken.sql")
    assert (json.loads(invalid.stdout)["status"], invalid.returncode) == ("invalid", 2)


def test_data_can_stand_for_the_schema(folder: Path) -> None:
    connection = apsw.Connection(str(folder / "my.db"))
    connection.execute(SCHEMA + "INSERT INTO users VALUES (1, 'a', 'Bonn'), (2, 'b', 'bonn');").fetchall()
    connection.close()
    before = (folder / "my.db").read_bytes()
    done = run(folder, "--data", "my.db", "original.sql", "same.sql")
    assert done.returncode == 0, done.stderr
    assert "on the data" in done.stdout
    assert (folder / "my.db").read_bytes() == before
    assert not list(folder.glob("my.db-*"))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--schema", "schema.sql", "original.sql", "broken.sql"], "the rewrite: SQLite says: no such table: user"),
        (["--schema", "original.sql", "original.sql", "same.sql"], "the schema must hold CREATE statements only"),
        (["--schema", "nowhere.sql", "original.sql", "same.sql"], "nowhere.sql cannot be read"),
        (["original.sql", "same.sql"], "say what the tables are"),
        (["--schema", "schema.sql", "--budget", "0", "original.sql", "same.sql"], "budget must be"),
        (["--data", "schema.sql", "original.sql", "same.sql"], "is not an SQLite database"),
    ],
)
def test_a_mistake_gets_one_sentence_and_code_2(folder: Path, arguments: list[str], sentence: str) -> None:
    failed = run(folder, *arguments)
    assert failed.returncode == 2
    assert sentence in failed.stderr
    assert failed.stderr.count("\n") == 1
    assert failed.stdout == ""
