"""The shop's database: the same everywhere, and looking like a person's data."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import apsw
import pytest

from sqlopt_env import SqlOptError
from sqlopt_env.databases import DOMAINS, build, database_path
from sqlopt_env.databases.build import content_hash

SHOP = DOMAINS["shop"]
# Changes only together with shop.VERSION.
CONTENT = "a8d5415c9bb13fad8831bdf0acc44e8ba13d9d54b67d78762de1f9eb1ce16084"
CASES = (Path(__file__).parents[1] / "fixtures" / "shop_rows.sql").read_text(encoding="utf-8").split("\n\n")[1:]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> apsw.Connection:
    path = tmp_path_factory.mktemp("shop") / "shop.db"
    build(SHOP, path, seed=0, scale=1)
    return apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)


def one(connection: apsw.Connection, query: str) -> object:
    return connection.execute(query).get


def test_the_same_seed_gives_the_same_content_on_every_machine(shop: apsw.Connection, tmp_path: Path) -> None:
    assert content_hash(Path(shop.filename)) == CONTENT
    build(SHOP, tmp_path / "other.db", seed=1, scale=1)
    assert content_hash(tmp_path / "other.db") != CONTENT


def test_scale_multiplies_the_rows(shop: apsw.Connection, tmp_path: Path) -> None:
    build(SHOP, tmp_path / "large.db", seed=0, scale=3)
    large = apsw.Connection(str(tmp_path / "large.db"))
    assert one(shop, "SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM orders)") == (10_000, 50_000)
    assert one(large, "SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM orders)") == (30_000, 150_000)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.splitlines()[0].removeprefix("-- "))
def test_the_rows_look_like_a_persons_data(shop: apsw.Connection, case: str) -> None:
    assert one(shop, case) == 1, case


def test_processes_that_build_together_leave_one_whole_file(tmp_path: Path) -> None:
    program = "from sqlopt_env.databases import database_path; print(database_path('shop'))"
    running = [
        subprocess.Popen([sys.executable, "-c", program], env={"SQLOPT_DATA": str(tmp_path)}, stdout=subprocess.PIPE)
        for _ in range(3)
    ]
    assert [process.wait() for process in running] == [0, 0, 0]
    for process in running:
        assert process.stdout is not None
        process.stdout.close()
    assert [entry.name for entry in tmp_path.iterdir()] == ["test.db"]
    assert content_hash(tmp_path / "test.db") == CONTENT


def test_a_missing_old_or_broken_file_is_built_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SQLOPT_DATA", str(tmp_path))
    path = database_path("shop")
    built = path.stat().st_ino
    assert database_path("shop").stat().st_ino == built
    for content in (b"", b"SQLite format 3\0" + bytes(200)):
        path.write_bytes(content)
        assert content_hash(database_path("shop")) == CONTENT


@pytest.mark.parametrize(("scale", "seed"), [(0, 0), (-1, 0), (1, -1)])
def test_wrong_numbers_are_named(tmp_path: Path, scale: int, seed: int) -> None:
    with pytest.raises(SqlOptError, match="must be a whole number"):
        build(SHOP, tmp_path / "x.db", seed=seed, scale=scale)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SqlOptError, match="cannot be written"):
        build(SHOP, tmp_path / "file" / "x.db", seed=0, scale=1)
