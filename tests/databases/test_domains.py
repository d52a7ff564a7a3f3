"""The databases beside the shop: the same everywhere, and looking like a person's data."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from types import ModuleType

import apsw
import pytest

from sqlopt_env.databases import analytics, build, content, hr, social
from sqlopt_env.databases.build import content_hash

FIXTURES = Path(__file__).parents[1] / "fixtures"
DOMAINS = {"social": social, "hr": hr, "analytics": analytics, "content": content}
# Each changes only together with the domain's VERSION.
CONTENTS = {
    "social": "c678b50f7b30de17e2421a0f645d04f06123e3a2187a88acbf94f2ce6c7872d9",
    "hr": "557821ebf88c1e813187e48fb639c2b70921e337cc89beda09f8a9c145be51ec",
    "analytics": "ae479f68599202ad0dd0311b92fe74e88027d6c1b6680af8b0f2fe449c5c639c",
    "content": "7d5d88f0ab3af4c0ecd710a752f7b9518951f781ad290e11003291f55dd6b51b",
}
COUNTS = {
    "social": {"posts": 20_000, "comments": 100_000},
    "hr": {"employees": 5_000},
    "analytics": {"events": 200_000},
    "content": {"articles": 10_000, "tags": 100, "article_tags": 30_000},
}
FIXED = {"tags"}  # tables that `scale` leaves alone


CASES = [
    pytest.param(name, case, id=f"{name}: {case.splitlines()[0].removeprefix('-- ')}")
    for name in DOMAINS
    for case in (FIXTURES / f"{name}_rows.sql").read_text(encoding="utf-8").split("\n\n")[1:]
]


def row_counts(domain: ModuleType, scale: int) -> dict[str, int]:
    return {table: sum(1 for _ in rows) for table, rows in domain.rows(0, scale)}


@pytest.fixture(scope="module")
def databases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, apsw.Connection]:
    folder = tmp_path_factory.mktemp("domains")
    for domain in DOMAINS.values():
        build(domain, folder / domain.FILE, seed=0, scale=1)
    return {
        name: apsw.Connection(str(folder / domain.FILE), flags=apsw.SQLITE_OPEN_READONLY)
        for name, domain in DOMAINS.items()
    }


@pytest.mark.parametrize("name", DOMAINS)
def test_the_same_seed_gives_the_same_content_on_every_machine(
    databases: dict[str, apsw.Connection], name: str
) -> None:
    assert content_hash(Path(databases[name].filename)) == CONTENTS[name]


@pytest.mark.parametrize("name", DOMAINS)
def test_another_seed_gives_other_rows_in_every_table(name: str) -> None:
    for (table, rows), (_, others) in zip(DOMAINS[name].rows(0, 1), DOMAINS[name].rows(1, 1), strict=True):
        assert list(islice(rows, 50)) != list(islice(others, 50)), table


@pytest.mark.parametrize("name", DOMAINS)
def test_scale_multiplies_the_rows(name: str) -> None:
    assert row_counts(DOMAINS[name], 1) == COUNTS[name]
    expected = {table: n if table in FIXED else 2 * n for table, n in COUNTS[name].items()}
    assert row_counts(DOMAINS[name], 2) == expected


@pytest.mark.parametrize("name", DOMAINS)
def test_foreign_keys_and_checks_hold(databases: dict[str, apsw.Connection], name: str) -> None:
    assert databases[name].execute("PRAGMA foreign_key_check").fetchall() == []
    assert databases[name].execute("PRAGMA integrity_check").get == "ok"


@pytest.mark.parametrize("name", DOMAINS)
def test_there_is_no_index_but_those_of_keys(databases: dict[str, apsw.Connection], name: str) -> None:
    assert databases[name].execute("SELECT count(*) FROM sqlite_schema WHERE sql LIKE 'CREATE%INDEX%'").get == 0


@pytest.mark.parametrize(("name", "case"), CASES)
def test_the_rows_look_like_a_persons_data(databases: dict[str, apsw.Connection], name: str, case: str) -> None:
    assert databases[name].execute(case).get == 1, case
