"""The databases that no policy is trained on: the same everywhere, and looking like people's data; and TPC-H."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache
from itertools import islice
from pathlib import Path
from types import ModuleType, SimpleNamespace

import apsw
import pytest

from sqlopt_env import SqlOptError
from sqlopt_env.databases import build, clinic, flights, library, tpch
from sqlopt_env.databases.build import content_hash

# Domains with the hash of their content, which changes only together with their VERSION, and rows of their tables.
DOMAINS: dict[ModuleType, tuple[str, dict[str, int]]] = {
    library: (
        "4eede76b0d1cefbd2be716bfc01c5fb528b1ca8ad0cfa608735f8c0c94e102a4",
        {"titles": 6_000, "copies": 15_000, "members": 8_000, "loans": 60_000},
    ),
    flights: (
        "aeb218d012d2017cea878d3349659d85b8d6d625cc704aa43015d811df3d4524",
        {"passengers": 12_000, "flights": 20_000, "bookings": 80_000},
    ),
    clinic: (
        "f79907779c6f7cdaca2079202a93395ee8df684e40b736739b7a5db7dbcc8aca",
        {"doctors": 240, "patients": 12_000, "visits": 50_000, "prescriptions": 70_000},
    ),
    tpch: (
        "079ca7359e6d4f7fc758fe51ae4c43c5f0e3535d9c2e0779b748ecf2fdaf7c70",
        {"supplier": 100, "part": 2_000, "partsupp": 8_000, "customer": 1_500, "orders": 15_000},
    ),
}
FIXTURES = Path(__file__).parents[1] / "fixtures"
CASES = [
    pytest.param(domain, case, id=case.splitlines()[0].replace("-- ", f"{domain.FILE}: "))
    for domain in DOMAINS
    for case in (FIXTURES / f"{Path(domain.FILE).stem}_rows.sql").read_text(encoding="utf-8").split("\n\n")[1:]
]
every_domain = pytest.mark.parametrize("domain", DOMAINS, ids=lambda domain: domain.FILE)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Callable[[ModuleType], Path]:
    """Builds each domain once."""

    @cache
    def build_it(domain: ModuleType) -> Path:
        if domain is tpch:
            pytest.importorskip("duckdb")
        path: Path = tmp_path_factory.mktemp("held_out") / domain.FILE
        build(domain, path, seed=0, scale=1)
        return path

    return build_it


@every_domain
def test_the_content_is_the_same_on_every_machine(domain: ModuleType, built: Callable[[ModuleType], Path]) -> None:
    assert content_hash(built(domain)) == DOMAINS[domain][0]


@pytest.mark.parametrize("domain", [library, flights, clinic], ids=lambda domain: domain.FILE)
def test_another_seed_gives_other_rows(domain: ModuleType) -> None:
    for (table, rows), (_, others) in zip(domain.rows(0, 1), domain.rows(1, 1), strict=True):
        same = list(islice(rows, 50)) == list(islice(others, 50))
        assert same == (table not in DOMAINS[domain][1]), table  # airports, airlines and medicines are what they are


@every_domain
def test_scale_multiplies_the_rows(domain: ModuleType, built: Callable[[ModuleType], Path]) -> None:
    connection = apsw.Connection(str(built(domain)), flags=apsw.SQLITE_OPEN_READONLY)
    larger = {table: sum(1 for _ in rows) for table, rows in domain.rows(0, 2)}
    for table, rows in DOMAINS[domain][1].items():
        assert (connection.execute(f"SELECT count(*) FROM {table}").get, larger[table]) == (rows, 2 * rows), table


@pytest.mark.parametrize(("domain", "case"), CASES)
def test_the_rows_look_like_peoples_data(domain: ModuleType, case: str, built: Callable[[ModuleType], Path]) -> None:
    connection = apsw.Connection(str(built(domain)), flags=apsw.SQLITE_OPEN_READONLY)
    assert connection.execute(case).get == 1, case


def without_generator() -> object:
    """What duckdb looks like where it does not bundle TPC-H."""

    class Error(Exception): ...

    def refuse(sql: str) -> None:
        raise Error(f"{sql}: the extension was not found")

    return SimpleNamespace(Error=Error, connect=lambda: SimpleNamespace(execute=refuse))


@pytest.mark.parametrize("duckdb", [None, without_generator()], ids=["no duckdb", "no tpch"])
def test_what_is_not_installed_is_named(duckdb: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "duckdb", duckdb)
    with pytest.raises(SqlOptError, match=r"install sqlopt-env\[tpch\]"):
        build(tpch, tmp_path / "tpch.db", seed=0, scale=1)
    assert not list(tmp_path.iterdir())
