"""Small databases made for a pair tell wrong rewrites apart where the task's own database does not."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from sqlopt_env import Judge, Task
from sqlopt_env.databases.shop import SCHEMA

PAIRS = tomllib.loads((Path(__file__).parents[1] / "fixtures" / "pairs.toml").read_text(encoding="utf-8"))["pair"]
WRONG = [pair for pair in PAIRS if not pair["same"]]
UNKNOWN = ("a CHECK that holds",)  # always empty, and no proof says so: like any query that no database fills


def named(pair: dict[str, str]) -> str:
    return pair["name"]


@pytest.mark.parametrize("pair", PAIRS, ids=named)
def test_a_pair_is_told_apart_or_not(steps_judge: Judge, database: Callable[..., str], pair: dict[str, str]) -> None:
    task = Task(pair["name"], database(pair.get("schema", SCHEMA)), pair["original"])
    evaluation = steps_judge.evaluate(task, pair["rewrite"], thorough=True)
    assert (evaluation.outcome == "refuted") is not pair["same"], evaluation.reason
    assert evaluation.verdict is not None
    assert evaluation.verdict.status == ("tested" if pair["same"] else "refuted") or pair["name"] in UNKNOWN
    if pair["name"] in UNKNOWN:
        assert (evaluation.outcome, evaluation.verdict.status) == ("unverified", "unknown")


@pytest.mark.parametrize("pair", WRONG, ids=named)
def test_a_witness_is_a_small_legal_database_on_which_they_differ(
    steps_judge: Judge, database: Callable[..., str], pair: dict[str, str]
) -> None:
    schema = pair.get("schema", SCHEMA)
    task = Task(pair["name"], database(schema), pair["original"])
    verdict = steps_judge.evaluate(task, pair["rewrite"], thorough=True).verdict
    assert verdict is not None
    connection = apsw.Connection(":memory:")
    connection.pragma("foreign_keys", True)
    connection.execute(schema)
    connection.execute(verdict.witness)
    results = [connection.execute(pair[side]).fetchall() for side in ("original", "rewrite")]
    assert results[0] != results[1], verdict.witness
    assert verdict.witness.count("INSERT") <= 8


def test_the_same_pair_gets_the_same_witness(database: Callable[..., str]) -> None:
    task = Task("t", database(SCHEMA), "SELECT DISTINCT city FROM users")
    verdicts = []
    for _ in range(2):
        with Judge(workers=1, measure="steps") as judge:
            verdicts.append(judge.evaluate(task, "SELECT city FROM users").verdict)
    assert verdicts[0] == verdicts[1]


def test_a_witness_is_the_feedback(steps_judge: Judge, database: Callable[..., str]) -> None:
    from sqlopt_env import SQLOptimizeEnv

    env = SQLOptimizeEnv(
        [Task("t", database(SCHEMA), "SELECT DISTINCT city FROM users")], judge=steps_judge, max_turns=2
    )
    env.reset(seed=0)
    observation, reward, *_ = env.step("SELECT city FROM users")
    assert reward == -1.0
    assert "INSERT INTO users" in observation["feedback"]
