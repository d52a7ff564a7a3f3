"""The solver's verdicts, and its counterexamples replayed on SQLite."""

from __future__ import annotations

import tomllib
from collections import Counter
from pathlib import Path

import pytest

from sqlopt_env import SqlOptError
from sqlopt_env.equivalence.bounded import COUNTEREXAMPLE, EQUAL, UNSUPPORTED, Bounded, bounded, logic
from sqlopt_env.equivalence.shape import TableShape, read_shape
from sqlopt_env.sqlite.connection import memory_connection

PAIRS = tomllib.loads((Path(__file__).parents[1] / "fixtures" / "bounded.toml").read_text(encoding="utf-8"))["pair"]
SCHEMA = """
CREATE TABLE t (id INTEGER PRIMARY KEY, a INT, s TEXT);
CREATE TABLE u (id INTEGER PRIMARY KEY, t INT NOT NULL REFERENCES t, b INT NOT NULL, x REAL);
"""


def shapes(script: str) -> list[TableShape]:
    connection = memory_connection()
    connection.execute(script).fetchall()
    return read_shape(connection)


def check(original: str, rewrite: str, schema: str = SCHEMA, rows: int = 2) -> Bounded:
    pytest.importorskip("z3")
    return bounded(shapes(schema), original, rewrite, rows=rows, seconds=20)


def results(found: Bounded, *queries: str) -> list[Counter[tuple[object, ...]]]:
    connection = memory_connection()
    connection.pragma("foreign_keys", True)
    connection.execute(SCHEMA).fetchall()
    for table, rows in found.rows.items():
        for row in rows:
            connection.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", row)
    return [Counter(connection.execute(query).fetchall()) for query in queries]


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: str(pair["original"]))
def test_a_pair_is_judged(pair: dict[str, str]) -> None:
    found = check(pair["original"], pair["rewrite"])
    assert found.status == pair["status"], found
    assert bool(found.why) is (found.status == UNSUPPORTED)
    assert bool(found.rows) is (found.status == COUNTEREXAMPLE)


@pytest.mark.parametrize(
    "pair",
    [pair for pair in PAIRS if pair["status"] == COUNTEREXAMPLE and "/" not in pair["rewrite"]],
    ids=lambda pair: str(pair["original"]),
)
def test_a_counterexample_is_one_on_sqlite(pair: dict[str, str]) -> None:
    one, other = results(check(pair["original"], pair["rewrite"]), pair["original"], pair["rewrite"])
    assert one != other


def test_a_text_between_two_literals_is_found() -> None:
    queries = ("SELECT id FROM t WHERE s > 'a' AND s < 'b'", "SELECT id FROM t WHERE 0")
    found = check(*queries)
    assert found.status == COUNTEREXAMPLE
    one, other = results(found, *queries)
    assert one != other


def test_the_bound_matters() -> None:
    queries = ("SELECT a FROM t GROUP BY a HAVING count(*) > 2", "SELECT a FROM t WHERE 0")
    assert check(*queries).status == EQUAL
    assert check(*queries, rows=3).status == COUNTEREXAMPLE


def test_keys_are_respected() -> None:
    queries = ("SELECT DISTINCT a FROM p", "SELECT a FROM p")
    assert check(*queries, schema="CREATE TABLE p (a INT NOT NULL UNIQUE)").status == EQUAL
    assert check(*queries, schema="CREATE TABLE p (a INT UNIQUE)").status == COUNTEREXAMPLE  # NULL twice
    assert check(*queries, schema="CREATE TABLE p (a INT NOT NULL, b INT NOT NULL, UNIQUE (a, b))").rows


def test_a_collation_is_not_encoded() -> None:
    found = check("SELECT a FROM p", "SELECT a FROM p", schema="CREATE TABLE p (a TEXT COLLATE NOCASE)")
    assert found.status == UNSUPPORTED


def test_time_is_limited() -> None:
    pytest.importorskip("z3")
    query = "SELECT count(*) FROM t JOIN u ON u.t = t.id GROUP BY a"
    assert bounded(shapes(SCHEMA), query, query, rows=4, seconds=0.0).status == UNSUPPORTED


def test_without_z3_its_absence_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(logic, "import_module", missing)
    logic.z3.cache_clear()
    with pytest.raises(SqlOptError, match=r"sqlopt-env\[smt\]"):
        bounded([], "SELECT 1", "SELECT 1")
    logic.z3.cache_clear()
