"""Queries whose answer SQL leaves open are told from those whose answer it does not."""

from __future__ import annotations

import json
import time
import tomllib
from pathlib import Path

import pytest

from sqlopt_env.databases.shop import SCHEMA
from sqlopt_env.equivalence.determined import suspicious, undetermined
from sqlopt_env.equivalence.shape import TableShape, read_shape
from sqlopt_env.sqlite.connection import memory_connection

ROOT = Path(__file__).parents[2]
CASES = tomllib.loads((ROOT / "tests/fixtures/determined.toml").read_text(encoding="utf-8"))["case"]
SEEDS = json.loads((ROOT / "data/seed_data.json").read_text(encoding="utf-8"))


def shapes(script: str) -> list[TableShape]:
    connection = memory_connection()
    connection.execute(script).fetchall()
    return read_shape(connection)


TABLES = shapes(SCHEMA + "CREATE TABLE pair (a INT NOT NULL, b INT NOT NULL, note TEXT, UNIQUE (a, b))")


def named(case: dict[str, str]) -> str:
    return case["query"]


@pytest.mark.parametrize("case", CASES, ids=named)
def test_an_undetermined_answer_is_told(case: dict[str, str]) -> None:
    why = undetermined(TABLES, case["query"])
    assert case["why"] in why
    assert bool(why) is bool(case["why"]), why


@pytest.mark.parametrize("case", CASES, ids=named)
def test_what_may_depend_on_the_order_of_rows_is_suspicious(case: dict[str, str]) -> None:
    assert suspicious(case["query"]) is case.get("suspicious", suspicious(case["query"]))
    assert suspicious(case["query"]) or not case["why"]


@pytest.mark.parametrize("query", ["SELECT DISTINCT c FROM t", "SELECT c FROM t GROUP BY c", "SELECT max(c) FROM t"])
def test_a_collated_column_is_suspicious(query: str) -> None:
    assert not suspicious(query)
    assert not suspicious(query, shapes("CREATE TABLE t (c TEXT)"))
    assert suspicious(query, shapes("CREATE TABLE t (c TEXT COLLATE NOCASE)"))


@pytest.mark.parametrize("seed", SEEDS, ids=lambda seed: str(seed["id"]))
def test_no_seed_is_undetermined(seed: dict[str, str]) -> None:
    for side in ("slow_query", "fast_query"):
        assert undetermined(shapes(seed["schema"]), seed[side].split(";")[-1]) == ""


@pytest.mark.parametrize(
    "query", ["", ";", "\0", "SELECT " + "(" * 500, "DROP TABLE users", "VALUES (1)", "SELECT 1; SELECT 2"]
)
def test_nothing_raises(query: str) -> None:
    assert undetermined(TABLES, query) == ""
    assert suspicious(query) or query == "VALUES (1)"


def test_it_is_quick() -> None:
    start = time.process_time()
    for case in CASES:
        undetermined(TABLES, case["query"])
        suspicious(case["query"])
    assert time.process_time() - start < 0.02 * len(CASES)
