"""A held-out database is known by its content too: under another name, in another folder."""

from __future__ import annotations

import shutil
from pathlib import Path

import apsw
import pytest

from sqlopt_env.databases import builtin_name, held_out_name


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where databases are kept, each of them a small one: what counts is that they are kept there."""
    monkeypatch.setenv("SQLOPT_DATA", str(tmp_path / "data"))
    (tmp_path / "data").mkdir()
    for rows, name in enumerate(("library", "library~3", "social", "shop~2"), 1):
        write(tmp_path / "data" / f"{name}.db", rows)
    return tmp_path / "data"


def write(path: Path, transactions: int) -> None:
    """SQLite counts them in the file's header."""
    connection = apsw.Connection(str(path))
    connection.execute("CREATE TABLE IF NOT EXISTS titles (id INTEGER)")
    for number in range(transactions):
        connection.execute("INSERT INTO titles VALUES (?)", (number,))
    connection.close()


def test_a_copy_under_another_name_is_what_it_is_a_copy_of(folder: Path, tmp_path: Path) -> None:
    for name, held_out in (("library", "library"), ("library~3", "library"), ("social", None), ("shop~2", None)):
        copy = Path(shutil.copy(folder / f"{name}.db", tmp_path / "mine.db"))
        assert (builtin_name(copy), held_out_name(copy)) == (name, held_out)
        assert builtin_name(folder / f"{name}.db") == builtin_name(name) == name
        write(copy, 50)
        assert (builtin_name(copy), held_out_name(copy)) == (None, None)


def test_what_is_not_built_is_not_built_to_be_compared(folder: Path, tmp_path: Path) -> None:
    before = sorted(folder.iterdir())
    write(tmp_path / "mine.db", 99)
    assert builtin_name(tmp_path / "mine.db") is None
    assert sorted(folder.iterdir()) == before


@pytest.mark.parametrize("name", ["", ".", "none.db", "a\0b", "x" * 5000, "~nobody-here/x.db", "/dev/null/x"])
def test_what_is_no_file_is_no_built_in_database(folder: Path, name: str) -> None:
    assert (builtin_name(name), held_out_name(name)) == (None, None)


def test_an_empty_file_is_a_copy_of_nothing_that_holds_rows(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "empty.db").touch()
    assert builtin_name(tmp_path / "empty.db") is None
