"""Renamed databases: the same rows under other names, wherever a database is asked for by its name."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import apsw
import pytest

from sqlopt_env import Judge, SqlOptError, Task
from sqlopt_env.databases import (
    build,
    database_path,
    default_path,
    find_domain,
    held_out_name,
    renamed,
    renaming_of,
    synonyms,
)
from sqlopt_env.databases.build import Domain


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where databases are built in these tests."""
    return tmp_path_factory.mktemp("data")


@pytest.fixture(autouse=True)
def _here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SQLOPT_DATA", str(folder))


def recipe(name: str) -> Domain:
    domain = find_domain(name)
    assert domain is not None
    return domain


def all_rows(path: Path) -> list[list[object]]:
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    tables = [str(name) for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    assert list(connection.execute("PRAGMA foreign_key_check")) == []
    return [list(connection.execute(f"SELECT * FROM {table}")) for table in tables]


def test_a_renamed_database_has_the_same_rows_under_other_names(folder: Path) -> None:
    path = database_path("shop~2")
    assert path == folder / "shop~2.db"
    assert all_rows(path) == all_rows(database_path("shop"))
    schema = apsw.Connection(str(path)).execute("SELECT group_concat(sql) FROM sqlite_schema").get
    renaming = renaming_of("shop~2")
    for old in ("users", "orders", "user_id", "signup_date", "amount"):
        assert old not in str(schema)
    for new in renaming.names.values():
        assert new in str(schema)
    assert renaming.tables == {old: renaming.names[old] for old in ("users", "orders")}
    assert renaming.columns["orders", "user_id"] == renaming.names["user_id"]


def test_it_is_built_once_and_again_when_its_recipe_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    path = database_path("shop~2")
    built = path.stat().st_ino
    assert database_path("shop~2").stat().st_ino == built
    before = recipe("shop~2").VERSION
    with monkeypatch.context() as changed:
        changed.setattr("sqlopt_env.databases.shop.VERSION", 2)
        changed_base = recipe("shop~2").VERSION
    with monkeypatch.context() as changed:
        renamed.domain_renaming.cache_clear()
        changed.setitem(synonyms.BY_DOMAIN["shop"], "user", ("punter",))
        changed_names = recipe("shop~2").VERSION
        assert "Punters" in recipe("shop~2").SCHEMA
    renamed.domain_renaming.cache_clear()
    assert len({before, changed_base, changed_names}) == 3
    path.write_bytes(b"")
    database_path("shop~2")
    assert path.stat().st_size > 10**6


def test_every_domain_can_be_renamed_and_keeps_its_constraints() -> None:
    for name in ("social", "hr", "content", "library", "flights", "clinic", "tpch"):
        old, connection = apsw.Connection(":memory:"), apsw.Connection(":memory:")
        old.execute(recipe(name).SCHEMA)
        connection.execute(recipe(f"{name}~3").SCHEMA)
        counts = "SELECT count(*), sum(sql IS NULL) FROM sqlite_schema"
        assert connection.execute(counts).get == old.execute(counts).get
        keys = (
            "SELECT count(*) FROM sqlite_schema AS t, pragma_foreign_key_list(t.name) AS k"
            ' JOIN pragma_table_info(k."table") AS c ON c.name = k."to"'
        )
        assert connection.execute(keys).get == old.execute(keys).get


def test_the_judge_takes_a_renamed_database_as_any_other() -> None:
    names = renaming_of("shop~2").names
    query = f"SELECT count(*) FROM {names['orders']} WHERE {names['user_id']} = 473"
    with Judge(workers=1, measure="steps") as judge:
        task = Task("t", "shop~2", query)
        assert names["orders"] in judge.prepare(task).schema
        index = f"CREATE INDEX i ON {names['orders']} ({names['user_id']}); {query}"
        assert judge.evaluate(task, index).outcome == "improved"
        assert [table.name for table in judge.survey("shop~2").tables] == [names["users"], names["orders"]]


def test_a_renamed_held_out_database_is_held_out(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert held_out_name("library~2") == "library"
    assert held_out_name("shop~2") is None
    kept = folder / "library~7.db"
    shutil.copy(database_path("shop~2"), kept)  # whatever is kept there
    try:
        os.symlink(kept, tmp_path / "innocent.db")
        assert held_out_name(kept) == "library"
        assert held_out_name(tmp_path / "innocent.db") == "library"
        monkeypatch.chdir(folder)
        assert held_out_name("library~7.db") == "library"
    finally:
        kept.unlink()
    shutil.copy(database_path("shop~2"), tmp_path / "library~7.db")
    assert held_out_name(tmp_path / "library~7.db") is None  # another file of that name


@pytest.mark.parametrize(
    "name", ["shop~x", "shop~0", "shop~-1", "shop~01", "shop~1000", "shop~", "shop~1.5", "shop~ 1"]
)
def test_a_seed_that_is_none_gets_one_sentence(name: str) -> None:
    for asked in (database_path, default_path, find_domain, renaming_of):
        with pytest.raises(SqlOptError, match="after ~ stands the seed, a whole number from 1 to 999"):
            asked(name)


@pytest.mark.parametrize("name", ["foo~1", "~1", "~", "shop~1~1", "SHOP~1", "/tmp/none~1", "a\0~1", "x" * 5000 + "~1"])
def test_only_built_in_databases_have_renamed_ones(name: str) -> None:
    with pytest.raises(SqlOptError, match="unknown database"):
        database_path(name)
    with pytest.raises(SqlOptError, match="is no renamed database"):
        renaming_of(name)


def test_a_file_with_the_sign_in_its_name_is_a_file(tmp_path: Path) -> None:
    path = tmp_path / "backup~1"
    build(recipe("hr"), path, seed=0, scale=1)
    assert database_path(str(path)) == path
