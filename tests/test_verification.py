"""verify() as its callers see it: what it says, of what, and how it takes what is no query."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import tomllib
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import apsw
import pytest

from sqlopt_env import SqlOptError, Verdict, verify
from sqlopt_env.databases.shop import SCHEMA as SHOP

SCHEMA = "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, age INTEGER NOT NULL, town TEXT COLLATE NOCASE);"
QUERY = "SELECT name FROM users"
BAD = tomllib.loads((Path(__file__).parent / "fixtures" / "bad_input.toml").read_text(encoding="utf-8"))["case"]
PLACES = {
    "{surrogate}": "\ud800",
    "{megabyte}": "SELECT name FROM users WHERE name IN (" + "'abcdefgh', " * 100_000 + "'a')",
    "{nested}": "SELECT " + "abs(" * 1000 + "age" + ")" * 1000 + " FROM users",
}


def verdict_of(original: str, rewrite: str, **options: object) -> Verdict:
    return verify(SCHEMA, original, rewrite, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("case", BAD, ids=lambda case: case["name"])
def test_what_is_no_query_is_invalid_in_one_sentence(case: dict[str, str]) -> None:
    inputs = {"schema": SCHEMA, "original": QUERY, "rewrite": QUERY} | case
    for name in ("schema", "original", "rewrite"):
        for place, text in PLACES.items():
            inputs[name] = inputs[name].replace(place, text)
    verdict = verify(inputs["schema"], inputs["original"], inputs["rewrite"])
    assert verdict.status == "invalid", verdict
    assert case["reason"] in verdict.reason
    assert "\n" not in verdict.reason
    assert verdict.seconds < 3


@pytest.mark.parametrize("given", [None, 7, b"SELECT 1", ["SELECT 1"]])
def test_what_is_no_text_is_invalid(given: object) -> None:
    for arguments in ((given, QUERY, QUERY), (SCHEMA, given, QUERY), (SCHEMA, QUERY, given)):
        verdict = verify(*arguments)  # type: ignore[arg-type]
        assert verdict.status == "invalid"
        assert "must be a text" in verdict.reason


@pytest.mark.parametrize("options", [{"budget": 0}, {"budget": "1"}, {"budget": float("nan")}, {"seed": -1}])
def test_a_budget_or_seed_that_is_none_is_the_callers_mistake(options: dict[str, object]) -> None:
    with pytest.raises(SqlOptError, match="must be a"):
        verdict_of(QUERY, QUERY, **options)


def test_a_refutation_shows_its_witness_and_both_results() -> None:
    verdict = verdict_of("SELECT DISTINCT age FROM users", "SELECT age FROM users")
    assert verdict.status == "refuted"
    assert verdict.reason == "the rewrite returns 2 rows, the original 1"
    assert verdict.witness.count("INSERT INTO users") == 2
    assert verdict.original_rows == ("(1)",)
    assert verdict.rewrite_rows == ("(1)", "(1)")


def test_the_empty_database_is_a_witness_too() -> None:
    verdict = verdict_of("SELECT count(*) FROM users", "SELECT count(*) FROM users GROUP BY NULL")
    assert verdict.status == "refuted"
    assert verdict.witness == "-- no table has a row"
    assert (verdict.original_rows, verdict.rewrite_rows) == (("(0)",), ())


def test_what_is_proved_says_how_and_what_is_tested_on_how_many() -> None:
    proved = verdict_of(
        "SELECT name FROM (SELECT name, age FROM users) WHERE age > 3", "SELECT name FROM users WHERE 3 < age"
    )
    assert proved.status == "proved"
    assert "normal form" in proved.reason
    tested = verdict_of(
        "SELECT name FROM users WHERE age / 10 = 3", "SELECT name FROM users WHERE age BETWEEN 30 AND 39"
    )
    assert tested.status == "tested"
    assert tested.instances == 200
    assert tested.coverage == (8, 8)


def test_indexes_are_part_of_a_rewrite() -> None:
    good = "CREATE INDEX i ON users (age) WHERE age > 3; SELECT name FROM users WHERE age > 3"
    assert verdict_of("SELECT name FROM users WHERE age > 3", good).status == "proved"
    fragile = "CREATE INDEX i ON users (json_extract(name, '$.a')); SELECT name FROM users"
    verdict = verdict_of(QUERY, fragile)
    assert verdict.status == "invalid"
    assert "malformed JSON" in verdict.reason


def test_names_of_columns_count_only_when_asked_for() -> None:
    assert verdict_of(QUERY, "SELECT name AS n FROM users").status == "proved"
    verdict = verdict_of(QUERY, "SELECT name AS n FROM users", names=True)
    assert (verdict.status, verdict.reason) == (
        "refuted",
        "column 1 is named n in the rewrite, and name in the original",
    )


@pytest.mark.parametrize(
    ("rewrite", "words"),
    [
        ("SELECT name FROM users LIMIT 1000000", "OFFSET of 1000000"),
        ("SELECT name FROM users LIMIT 50 * 100", "OFFSET of 50 * 100"),
        ("SELECT name FROM users WHERE (SELECT count(*) FROM users) < 5000", "was never false"),
        ("SELECT CASE WHEN (SELECT count(*) FROM users) > 5000 THEN 'x' ELSE name END FROM users", "was never true"),
        ("WITH RECURSIVE r (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM r) SELECT count(*) FROM r", "longer than"),
    ],
)
def test_what_small_databases_cannot_tell_is_unknown(rewrite: str, words: str) -> None:
    verdict = verdict_of(QUERY, rewrite)
    assert verdict.status == "unknown"
    assert words in verdict.reason


def test_a_budget_that_ends_too_early_is_unknown() -> None:
    verdict = verdict_of(
        "SELECT name FROM users WHERE age / 10 = 3", QUERY + " WHERE age BETWEEN 30 AND 39", budget=1e-6
    )
    assert verdict.status == "unknown"
    assert "budget" in verdict.reason


@pytest.mark.parametrize(
    ("original", "rewrite", "status"),
    [
        # Which rows they are is open, how many is not.
        ("SELECT name FROM users LIMIT 2", "SELECT name FROM users ORDER BY age LIMIT 2", "tested"),
        ("SELECT name FROM users LIMIT 2", "SELECT name FROM users LIMIT 3", "refuted"),
        ("SELECT name FROM users LIMIT 2", "SELECT name FROM users WHERE age > 0 LIMIT 2", "refuted"),
        # Where the original contradicts itself, nothing is held against the rewrite.
        ("SELECT age, name FROM users GROUP BY age", "SELECT age, max(name) FROM users GROUP BY age", "tested"),
        ("SELECT age, name FROM users GROUP BY age", "SELECT age + 1, max(name) FROM users GROUP BY age", "refuted"),
        # An answer that hangs on the order of reading is no answer where the original has one.
        (
            "SELECT name FROM users ORDER BY age",
            "CREATE INDEX i ON users (age, name); SELECT name FROM users",
            "refuted",
        ),
    ],
)
def test_what_the_original_leaves_open_is_open(original: str, rewrite: str, status: str) -> None:
    assert verdict_of(original, rewrite).status == status


def test_the_same_call_gives_the_same_verdict_in_another_process() -> None:
    pair = ("SELECT town, count(name) FROM users GROUP BY town", "SELECT town, count(*) FROM users GROUP BY town")
    here = [verdict_of(*pair), verdict_of(*pair)]
    assert here[0] == here[1]
    program = (
        "import json, sys; from dataclasses import asdict; from sqlopt_env import verify\n"
        "print(json.dumps(asdict(verify(*json.loads(sys.argv[1])))))"
    )
    for hash_seed in ("0", "77"):
        run = subprocess.run(
            [sys.executable, "-c", program, json.dumps([SCHEMA, *pair])],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
        )
        assert Verdict.from_dict(json.loads(run.stdout)) == here[0]


def test_another_seed_tries_other_databases() -> None:
    pair = ("SELECT town, count(name) FROM users GROUP BY town", "SELECT town, count(*) FROM users GROUP BY town")
    assert len({verdict_of(*pair, seed=seed).instances for seed in range(12)}) > 1


def test_several_threads_get_their_own_verdicts() -> None:
    verdicts: dict[int, Verdict] = {}

    def ask(number: int) -> None:
        verdicts[number] = verdict_of(f"SELECT age + {number} FROM users", f"SELECT age + {number % 2} FROM users")

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [verdicts[i].status for i in range(8)] == ["proved", "proved", *["refuted"] * 6]


@pytest.fixture
def people(database: Callable[..., str]) -> str:
    rows = ", ".join(f"({i}, 'n{i % 37}', {i % 80})" for i in range(1, 2001))
    return database(SCHEMA + f"INSERT INTO users (id, name, age) VALUES {rows};")


def test_data_refute_what_small_databases_do_not(people: str) -> None:
    rewrite = "SELECT max(id) FROM users WHERE id < 1990 OR id < 1985 + (SELECT count(*) FROM users) / 1500 * 5"
    assert verify(None, "SELECT max(id) FROM users", rewrite, data=people).status == "refuted"


def test_a_twin_refutes_an_answer_known_by_heart(people: str) -> None:
    rewrite = "SELECT CASE WHEN max(id) = 2000 AND count(*) = 2000 THEN 78978 ELSE sum(age) END FROM users"
    right = apsw.Connection(people).execute("SELECT sum(age) FROM users").get
    verdict = verify(SCHEMA, "SELECT sum(age) FROM users", rewrite.replace("78978", str(right)), data=people)
    assert verdict.status in ("refuted", "unknown"), verdict
    arithmetic = f"SELECT CASE count(*) / 1500 WHEN 1 THEN {right} ELSE sum(age) END FROM users"
    verdict = verify(SCHEMA, "SELECT sum(age) FROM users", arithmetic, data=people)
    assert verdict.status == "refuted"
    assert "small changes" in verdict.reason


def test_data_and_twin_count_as_databases(people: str) -> None:
    with_data = verify(SCHEMA, QUERY, "SELECT u.name FROM users AS u", data=people)
    without = verify(SCHEMA, QUERY, "SELECT u.name FROM users AS u")
    assert (with_data.status, without.status) == ("proved", "proved")
    assert with_data.instances == without.instances + 2


@pytest.mark.parametrize("content", [None, b"no database", b""])
def test_data_that_are_no_database_are_invalid(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "x.db"
    if content is not None:
        path.write_bytes(content)
    verdict = verify(SCHEMA, QUERY, QUERY, data=path)
    assert verdict.status == "invalid"
    assert verdict.reason
    assert list(tmp_path.iterdir()) == ([path] if content is not None else [])


def test_the_seeds_fast_queries_are_what_their_slow_ones_are() -> None:
    from sqlopt_env import seed_examples

    verdicts = {seed["id"]: verify(SHOP, seed["slow_query"], seed["fast_query"]) for seed in seed_examples()}
    assert {name: v.reason for name, v in verdicts.items() if v.status not in ("proved", "tested")} == {}


def test_a_verdict_survives_json() -> None:
    verdict = verdict_of("SELECT DISTINCT age FROM users", "SELECT age FROM users")
    assert Verdict.from_dict(json.loads(json.dumps(asdict(verdict)))) == verdict


def test_a_solver_looks_at_all_tiny_databases() -> None:
    pytest.importorskip("z3")
    original = "SELECT name FROM users WHERE age / 10 = 3"
    verdict = verdict_of(original + " OR age = 5", original + " OR age = 5 AND id > 0 OR age = 5 AND id <= 0", smt=True)
    assert verdict.status in ("proved", "tested")
