"""`sqlopt db` as a person runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import apsw
import pytest


def sqlopt(*arguments: object, data: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("sqlopt")), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, "SQLOPT_DATA": str(data)})


def test_build_writes_the_judges_database(tmp_path: Path) -> None:
    built = sqlopt("db", "build", data=tmp_path)
    assert built.returncode == 0, built.stderr
    assert str(tmp_path / "test.db") in built.stdout
    assert "content a8d5415c" in built.stdout
    assert "yes" in sqlopt("db", "list", data=tmp_path).stdout


def test_scale_and_seed_and_out(tmp_path: Path) -> None:
    out = tmp_path / "large.db"
    assert sqlopt("db", "build", "--scale", 2, "--seed", 3, "--out", out, data=tmp_path).returncode == 0
    assert apsw.Connection(str(out)).execute("SELECT count(*) FROM orders").get == 100_000
    assert sqlopt("db", "build", "--out", out, data=tmp_path).returncode == 0
    assert apsw.Connection(str(out)).execute("SELECT count(*) FROM orders").get == 50_000


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["shp"], "unknown database 'shp'"),
        (["--scale", "0"], "scale must be"),
        (["--seed", "-1"], "seed must be"),
        (["--out", "mine.txt"], "is not a database that sqlopt built"),
        (["--out", "mine.txt/x.db"], "cannot be written"),
    ],
)
def test_wrong_input_gets_one_sentence_and_loses_nothing(tmp_path: Path, arguments: list[str], sentence: str) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    placed = [str(tmp_path / argument) if argument.startswith("mine") else argument for argument in arguments]
    failed = sqlopt("db", "build", *placed, data=tmp_path)
    assert failed.returncode == 2
    assert sentence in failed.stderr
    assert failed.stderr.count("\n") == 1
    assert (tmp_path / "mine.txt").read_text() == "mine"
