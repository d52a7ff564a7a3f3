"""`sqlopt db` as a person runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import apsw
import pytest

from sqlopt_env.databases import HELD_OUT, TRAINING


def sqlopt(*arguments: object, data: Path, columns: int = 80) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("sqlopt")), *map(str, arguments)]
    environment = {**os.environ, "SQLOPT_DATA": str(data), "COLUMNS": str(columns)}
    return subprocess.run(command, capture_output=True, text=True, env=environment)


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


def test_list_says_what_each_database_is_for(tmp_path: Path) -> None:
    data = tmp_path / "[red]"
    listed = sqlopt("db", "list", data=data, columns=400)
    assert listed.returncode == 0, listed.stderr
    rows = {cells[0]: cells[1:] for cells in cells_of(listed.stdout)}
    purposes = {**dict.fromkeys(TRAINING, "training"), **dict.fromkeys(HELD_OUT, "evaluation")}
    assert {name: rows[name][0] for name in purposes} == purposes
    assert rows["shop"] == ["training", str(data / "test.db"), "at first use"]
    assert not data.exists()  # nothing is built for a list


def test_show_a_domain(tmp_path: Path) -> None:
    shown = sqlopt("db", "show", "hr", data=tmp_path, columns=120)
    assert shown.returncode == 0, shown.stderr
    connection = apsw.Connection(str(tmp_path / "hr.db"))  # it was built for this
    tables = [str(name) for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    titles = [line for line in shown.stdout.splitlines() if line[0].isalpha()]
    assert {title.split(": ")[0] for title in titles} == set(tables)
    for title in titles:
        table, rows = title.split(": ")
        assert rows.startswith(f"{connection.execute(f'SELECT count(*) FROM {table}').get:,} rows")
    columns = [connection.execute(f"SELECT count(*) FROM pragma_table_info('{table}')").get for table in tables]
    assert len(cells_of(shown.stdout)) == sum(columns)


OWN = """
CREATE TABLE "[red]t[/red]" ("[b]c" "[i]", ":smile:" TEXT NOT NULL, k INTEGER PRIMARY KEY);
INSERT INTO "[red]t[/red]" VALUES
  ('[', '1', 1), ('[/]', ':bomb:', 2), ('[red]x', 'a\\', 3), ('\\[b]', 'q' || char(27) || '[2J' || char(10) || 'w', 4),
  ('~', '~', 5);
CREATE TABLE child (
  up INTEGER REFERENCES child (up), gone REFERENCES missing, far REFERENCES missing (k), x, y, UNIQUE (x, y)
);
INSERT INTO child (x, y) VALUES (6, 'a text that is longer than a cell'), (7, x'00'), (NULL, NULL), (8, 9e999);
CREATE TABLE one (a); INSERT INTO one VALUES (1);
CREATE VIEW v AS SELECT 1;
"""


def test_show_an_own_file_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "own [green].db"
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA journal_mode = WAL;" + OWN).fetchall()
    connection.close()
    before = path.read_bytes()
    shown = sqlopt("db", "show", path, data=tmp_path, columns=160)
    assert shown.returncode == 0, shown.stderr
    lines = shown.stdout.splitlines()
    assert any(line.startswith("[red]t[/red]: 5 rows; key (k)") for line in lines)
    assert any(line.startswith("child: 4 rows; key (x, y)") for line in lines)
    assert any(line.strip() == "one: 1 row" for line in lines)
    rows = {cells[0]: cells[1:] for cells in cells_of(shown.stdout)}
    assert rows["[b]c"] == ["[i]", "0.0%", "5", "[/], [red]x, \\[b]"]
    assert rows[":smile:"] == ["TEXT", "never", "5", ":bomb:, a\\, q [2J w"]
    assert rows["up -> child.up"] == ["INTEGER", "100.0%", "0", ""]
    assert "gone -> missing" in rows
    assert "far -> missing.k" in rows
    assert rows["x"] == ["", "25.0%", "3", "6, 7"]  # of the values at a quarter, a half and three quarters
    assert rows["y"] == ["", "25.0%", "3", "a text that is longer..."]
    assert "\x1b" not in shown.stdout
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_show_a_database_without_tables(tmp_path: Path) -> None:
    (tmp_path / "empty.db").write_bytes(b"")
    shown = sqlopt("db", "show", tmp_path / "empty.db", data=tmp_path)
    assert (shown.returncode, shown.stdout) == (0, "The database has no tables.\n")


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("nowhere.db", "neither a built-in one (shop, "),
        ("shp", "unknown database 'shp'"),
        ("mine.txt", "is not an SQLite database"),
    ],
)
def test_what_cannot_be_shown_gets_one_sentence(tmp_path: Path, name: str, sentence: str) -> None:
    (tmp_path / "mine.txt").write_text("mine [red] " * 50)
    failed = sqlopt("db", "show", tmp_path / name if "." in name else name, data=tmp_path)
    assert (failed.returncode, failed.stdout) == (2, "")
    assert sentence in failed.stderr
    assert failed.stderr.count("\n") == 1


def cells_of(output: str) -> list[list[str]]:
    """The cells of all rows of all tables, their heads left out."""
    rows = [line for line in output.splitlines() if line.startswith("│")]
    return [[cell.strip() for cell in row.strip("│").split("│")] for row in rows]
