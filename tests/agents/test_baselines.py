"""The baselines: what each answers, and that odd schemas, queries and programs leave the query as it is."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlopt_agents.baselines import AdvisedSqlglot, Advisor, Identity, RandomRules, SqlglotOptimizer
from sqlopt_agents.baselines.base import Deterministic

from sqlopt_env import Judge, Task
from sqlopt_env.observation import observe

SCHEMA = """
CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER NOT NULL, "order by" TEXT, "it's" TEXT);
WITH RECURSIVE i (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i WHERE n < 5000)
INSERT INTO t SELECT n, n % 100, 'x' || (n % 90), 'y' || n FROM i
"""
QUERY = "SELECT s.id FROM (SELECT id, a FROM t) AS s WHERE s.a + 1 = 8 OR s.a = 9"


@pytest.fixture
def task(database: Callable[..., str]) -> Task:
    return Task("t", database(SCHEMA), QUERY)


@pytest.fixture
def observation(steps_judge: Judge, task: Task) -> dict[str, Any]:
    return observe(steps_judge.prepare(task))


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("policy", [Identity(), Advisor(), SqlglotOptimizer(), AdvisedSqlglot()])
def test_baselines_without_chance_have_one_answer(policy: Deterministic, observation: dict[str, Any]) -> None:
    proposals = policy.propose(observation, 3, rng())
    assert proposals == [policy.greedy(observation)] * 3
    assert proposals[0] == policy.propose(observation, 1, rng(1))[0]


def test_identity_changes_nothing(steps_judge: Judge, task: Task, observation: dict[str, Any]) -> None:
    text = Identity().greedy(observation).text
    assert text == QUERY
    assert steps_judge.evaluate(task, text).outcome == "equivalent"


def test_the_advisors_indexes_are_taken_and_paid(steps_judge: Judge, task: Task) -> None:
    wide = Task("w", task.database, "SELECT id FROM t WHERE \"order by\" = 'x7' AND \"it's\" > 'y'")
    text = Advisor().greedy(observe(steps_judge.prepare(wide))).text
    assert text.startswith("CREATE INDEX ")
    assert text.endswith(wide.query)
    evaluation = steps_judge.evaluate(wide, text)
    assert evaluation.outcome == "improved", evaluation.reason


def test_the_advisor_may_have_nothing_to_say(observation: dict[str, Any]) -> None:
    proposal = Advisor().greedy({**observation, "query": "SELECT id FROM t"})
    assert (proposal.text, proposal.explanation) == ("SELECT id FROM t", "sqlite3_expert recommends no index")


def test_sqlglot_rewrites_and_the_advisor_reads_what_it_wrote(
    steps_judge: Judge, task: Task, observation: dict[str, Any]
) -> None:
    optimized = SqlglotOptimizer().greedy(observation).text
    advised = AdvisedSqlglot().greedy(observation).text
    assert "FROM (" not in optimized  # it has merged the derived table
    assert advised.startswith("CREATE INDEX ")
    assert advised.endswith(optimized)
    assert steps_judge.evaluate(task, advised).outcome in ("improved", "equivalent")


@pytest.mark.parametrize(
    ("schema", "query"),
    [
        ("CREATE TABLE t (a)", "SELECT * FROM t WHERE ((("),
        ("CREATE TABLE t (a)", "SELECT nothing FROM nowhere"),
        ("CREATE TABLE t (a)", "SELECT '\ud800' FROM t WHERE a = '\0'"),
        ("CREATE VIRTUAL TABLE v USING unknown_module (a)", "SELECT a FROM v"),
        ("", ""),
    ],
)
def test_what_the_advisor_cannot_read_stays_as_it_is(schema: str, query: str) -> None:
    assert Advisor().greedy({"schema": schema, "query": query}).text == query


@pytest.mark.parametrize("query", ["SELECT * FROM t WHERE (((", "SELECT nothing FROM nowhere", "", "PRAGMA x"])
def test_what_sqlglot_cannot_read_stays_as_it_is(query: str, observation: dict[str, Any]) -> None:
    assert SqlglotOptimizer().greedy({**observation, "query": query}).text == query


@pytest.mark.parametrize(
    ("script", "indexes"),
    [
        ("sleep 30", ()),
        ("exit 3", ()),
        ("echo 'CREATE INDEX i ON t(a);'; kill -9 $$", ()),
        ("printf 'no\\nCREATE INDEX i ON t(a);\\nCREATE INDEX j ON\\n\\nCREATE INDEX k ON t(b);\\n'",
         ("CREATE INDEX i ON t(a);",)),
        ("printf '\\377\\376\\n'", ()),
    ],
)  # fmt: skip
def test_a_program_that_is_slow_or_fails_or_babbles_is_no_harm(
    tmp_path: Path, script: str, indexes: tuple[str, ...]
) -> None:
    program = tmp_path / "expert"
    program.write_text(f"#!/bin/sh\n{script}\n")
    os.chmod(program, 0o755)
    start = time.perf_counter()
    assert Advisor(timeout=0.5, program=program).indexes("CREATE TABLE t (a)", "SELECT 1") == indexes
    assert time.perf_counter() - start < 10


def test_random_rules_repeat_with_their_seed(observation: dict[str, Any]) -> None:
    def texts(seed: int) -> list[str]:
        return [proposal.text for proposal in RandomRules().propose(observation, 8, rng(seed))]

    assert texts(1) == texts(1)
    assert texts(1) != texts(2)


def test_random_rules_stop_as_often_at_each_length_and_draw_each_technique_as_often(steps_judge: Judge) -> None:
    task = Task("u", "shop", "SELECT count(*) FROM users WHERE city = 'Oslo' OR city = 'Bergen'")
    observation = observe(steps_judge.prepare(task))
    proposals = RandomRules(steps=1).propose(observation, 3000, rng())
    lengths = Counter(len(proposal.techniques) for proposal in proposals)
    assert lengths[0] / 3000 == pytest.approx(0.5, abs=0.04)
    first = Counter(p.techniques[0].partition("(")[0] for p in proposals if p.techniques)
    assert len(first) > 1
    for count in first.values():
        assert count / lengths[1] == pytest.approx(1 / len(first), abs=0.05)


def test_random_rules_leave_a_query_that_cannot_be_read(observation: dict[str, Any]) -> None:
    odd = {**observation, "query": "SELECT ((("}
    assert {p.text for p in RandomRules().propose(odd, 3, rng())} == {"SELECT ((("}
