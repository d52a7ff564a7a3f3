"""What the appraiser says of a query and its good form, at every run the same, and that nothing stops it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import apsw
import pytest

from sqlopt_env import Judge, SqlOptError, Task, load_tasks
from sqlopt_env.types import Appraisal, Demands

INDEXES = (
    "CREATE INDEX by_user ON orders (user_id)",
    "CREATE INDEX by_user_day ON orders (user_id, order_date)",
    "CREATE INDEX by_product ON orders (product, amount)",
    "CREATE INDEX by_city ON users (city)",
    "CREATE INDEX by_mail ON users (lower(email))",
    "CREATE INDEX by_name ON users (name)",
)
QUERY = "SELECT count(*), sum(amount) FROM orders WHERE user_id = 439"
SLOW = "SELECT sum(amount), count(*) FROM orders WHERE user_id + 0 = 439"
GOOD = "SELECT sum(amount), count(*) FROM orders WHERE user_id = 439"
ENDLESS = "WITH RECURSIVE r (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM r)"
# One opcode that lasts long: nothing but a kill ends it.
STUBBORN = (
    "SELECT length(trim(replace(hex(zeroblob(500000)), '00', 'c'), replace(hex(zeroblob(50000)), '00', 'b') || 'c'))"
)
# 9 GB, which no sort and no table in between can hold.
VAST = "(SELECT printf('%.900000c', 'x') || id AS x FROM users)"


def task(query: str, database: str = "shop") -> Task:
    return Task("t", database, query)


@pytest.fixture(scope="module")
def usual() -> Appraisal:
    """What every judge says of the slow query and its good form, whatever came before."""
    with Judge(workers=1, measure="steps") as judge:
        return judge.appraise(task(SLOW), GOOD, INDEXES)


@pytest.fixture(scope="module")
def frugal() -> Iterator[Judge]:
    with Judge(workers=1, memory_bytes=2**26) as judge:
        yield judge


def test_a_good_task_and_its_answer(usual: Appraisal) -> None:
    answer = usual.answer
    assert answer is not None
    assert (usual.unfit, usual.reason, usual.rows) == ("", "", 1)
    assert (answer.query, answer.indexes) == (GOOD, INDEXES[:1])
    assert answer.script == f"{INDEXES[0]};\n{GOOD}"
    assert 150_000 < usual.steps < 400_000
    assert 500 < answer.steps < 5_000
    assert 100_000 < answer.index_steps < 1_000_000
    assert answer.alone_steps == usual.steps  # no index helps the slow query by itself
    assert usual.milliseconds > answer.milliseconds > 0
    assert Appraisal.from_dict(json.loads(json.dumps(asdict(usual)))) == usual


@pytest.mark.parametrize(
    ("query", "good", "unfit", "reason"),
    [
        (SLOW, GOOD, "", ""),
        (QUERY, "", "", ""),
        ("SELEC", "", "invalid", "syntax error"),
        ("", "", "invalid", "it holds no SQL"),
        ("SELECT weight FROM users", "", "invalid", "no such column"),
        ('SELECT users."is not determined" FROM users', "", "invalid", "no such column"),
        ("DELETE FROM users", "", "invalid", "not allowed"),
        ("ATTACH 'x' AS y", "", "invalid", "not allowed"),
        ("SELECT 1; SELECT 2", "", "invalid", "the query must be the last statement"),
        ("CREATE INDEX i ON users (city); SELECT 1", "", "invalid", "without index statements"),
        ("SELECT id FROM users WHERE name = ?", "", "invalid", "parameters"),
        ("SELECT random() FROM users", "", "invalid", "random"),
        ("SELECT json('{') FROM users", "", "invalid", "malformed JSON"),
        ("SELECT CAST(x'ff' AS TEXT) FROM users", "", "invalid", "utf-8"),
        ("SELECT zeroblob(3000000) FROM users", "", "invalid", "too big"),
        ("SELECT city, name FROM users GROUP BY city", "", "undetermined", "any row of its group"),
        (
            "SELECT group_concat(product) FROM orders WHERE amount > 300",
            "",
            "undetermined",
            "the order in which SQLite reads rows",
        ),
        ("SELECT id FROM orders WHERE amount < 0", "", "empty", "its answer is empty"),
        ("SELECT max(amount), '' FROM orders WHERE amount < 0", "", "empty", "its answer is empty"),
        ("SELECT count(*) FROM orders WHERE amount < 0", "", "empty", "its answer is empty"),
        ("SELECT name FROM users WHERE id = 5", "", "cheap", "steps, fewer than 40,000"),
        ("SELECT count(*) FROM orders a, orders b WHERE a.amount < b.amount", "", "dear", "more than 5,000,000 steps"),
        (f"{ENDLESS} SELECT max(x) FROM r", "", "dear", "more than 5,000,000 steps"),
        (f"SELECT sum(length(x)) FROM (SELECT x FROM {VAST} ORDER BY x)", "", "dear", "needs more memory"),
        (f"WITH m AS MATERIALIZED {VAST} SELECT count(*) FROM m", "", "dear", "needs more memory"),
        ("SELECT id FROM orders", "", "large", "more than 20,000 rows"),
        (f"{ENDLESS} SELECT x FROM r", "", "large", "more than 20,000 rows"),
        (f"SELECT x FROM {VAST}", "", "large", "more than 268,435,456 bytes"),
        (SLOW, "SELECT 1, 2", "unequal", "the row (1, 2)"),
        (SLOW, "SELECT count(*) FROM orders WHERE user_id = 439", "unequal", "the row"),
        (SLOW, QUERY, "unequal", "the row"),
        (SLOW, "SELECT amount, id FROM orders", "unequal", "rows"),
        (SLOW, "SELEC", "unequal", "syntax error"),
        (SLOW, " ", "unequal", "it holds no SQL"),
        (SLOW, "DELETE FROM orders", "unequal", "DELETE orders is not allowed"),
        (SLOW, "INSERT INTO users (id) VALUES (1)", "unequal", "not allowed"),
        (SLOW, "ATTACH 'x' AS y", "unequal", "ATTACH x is not allowed"),
        (SLOW, "PRAGMA query_only = 0", "unequal", "PRAGMA query_only is not allowed"),
        (SLOW, f"CREATE TABLE copy AS {GOOD}", "unequal", "not allowed"),
        (SLOW, f"{INDEXES[0]}; {GOOD}", "unequal", "one query without index statements"),
        (SLOW, f"{GOOD}; {GOOD}", "unequal", "the query must be the last statement"),
        (SLOW, "SELECT json('{'), 1", "unequal", "malformed JSON"),
        (SLOW, "SELECT CAST(x'ff' AS TEXT), 1", "unequal", "utf-8"),
        ("SELECT id FROM orders ORDER BY amount, id LIMIT 9", "SELECT id FROM orders ORDER BY amount DESC, id LIMIT 9",
         "unequal", "in row 1"),
    ],
)  # fmt: skip
def test_what_a_query_is(frugal: Judge, usual: Appraisal, query: str, good: str, unfit: str, reason: str) -> None:
    start = time.monotonic()
    found = frugal.appraise(task(query), good, INDEXES)
    assert (found.unfit, reason in found.reason) == (unfit, True), found
    assert time.monotonic() - start < 5
    assert "\n" not in found.reason
    assert (found.answer is None) is bool(unfit)
    assert frugal.appraise(task(SLOW), GOOD, INDEXES) == usual


def test_figures_are_the_same_in_every_process(judge: Judge, usual: Appraisal) -> None:
    assert [judge.appraise(task(SLOW), GOOD, INDEXES) for _ in range(3)] == [usual] * 3
    program = (
        "import json, sys; from dataclasses import asdict; from sqlopt_env import Judge, Task\n"
        "query, good, indexes = json.load(sys.stdin)\n"
        "with Judge(workers=1) as judge:\n"
        "    print(json.dumps(asdict(judge.appraise(Task('t', 'shop', query), good, indexes))))\n"
    )
    asked = json.dumps([SLOW, GOOD, INDEXES])
    done = subprocess.run([sys.executable, "-c", program], input=asked, capture_output=True, text=True, check=True)
    assert Appraisal.from_dict(json.loads(done.stdout)) == usual


def test_threads_get_their_own_appraisals(usual: Appraisal) -> None:
    with Judge(workers=2) as judge, ThreadPoolExecutor(4) as threads:
        pairs = [(SLOW, GOOD), ("SELEC", ""), (SLOW, "SELECT 1, 2")] * 4
        found = list(threads.map(lambda pair: judge.appraise(task(pair[0]), pair[1], INDEXES), pairs))
    assert found[::3] == [usual] * 4
    assert [one.unfit for one in found] == ["", "invalid", "unequal"] * 4


DAY = "SELECT count(*) FROM orders WHERE order_date = '2024-02-29'"
# A good form, an index to choose beside the others, and the names of those that it takes.
CHOICES: list[tuple[str, str, list[str]]] = [
    (QUERY, "", ["by_user"]),
    ("SELECT max(order_date) FROM orders WHERE user_id = 439", "", ["by_user_day"]),
    ("SELECT count(*) FROM orders WHERE user_id = 439 OR product = 'tablet'", "", ["by_user", "by_product"]),
    ("SELECT count(*) FROM orders WHERE user_id IN (SELECT id FROM users WHERE city = 'Graz')", "",
     ["by_user", "by_city"]),
    ("SELECT name FROM users WHERE lower(email) = 'anna.novak10218@example.com'", "", ["by_mail"]),
    ("SELECT name FROM users WHERE city = 'Graz' ORDER BY name, id", "", ["by_city"]),
    ("SELECT count(user_id), max(product) FROM orders WHERE amount > 800", "", []),
    ("SELECT count(user_id), max(product) FROM orders AS by_user WHERE amount > 800", "", []),
    ("SELECT name AS by_city FROM users AS by_product WHERE name = 'Emma Martin'", "", ["by_name"]),
    (DAY, "CREATE INDEX later ON orders(order_date);", ["later"]),
    (DAY, 'CREATE INDEX "of a day" ON orders (order_date DESC)', ["of a day"]),
    (DAY, "/* */ create index main.days on orders\n(order_date, id) -- by day", ["days"]),
    (DAY, "CREATE INDEX IF NOT EXISTS of_2024 ON orders (order_date) WHERE order_date = '2024-02-29'", ["of_2024"]),
    (DAY, "CREATE INDEX of_2025 ON orders (order_date) WHERE order_date > '2025'", ["by_user_day"]),
]  # fmt: skip


@pytest.fixture(scope="module")
def namer() -> Iterator[Judge]:
    """A judge that has not met these indexes by other names, which its plans would show."""
    with Judge(workers=1, measure="steps") as judge:
        yield judge


@pytest.mark.parametrize(("good", "index", "names"), CHOICES)
def test_the_answer_is_judged_as_it_was_appraised(namer: Judge, good: str, index: str, names: list[str]) -> None:
    pool = (*INDEXES, index) if index else INDEXES
    found = namer.appraise(task(good), good, pool, Demands(least_steps=0))
    answer = found.answer
    assert answer is not None, found.reason
    evaluation = namer.evaluate(task(good), answer.script)
    assert evaluation.outcome in ("improved", "equivalent"), evaluation.reason
    for seconds, steps in (
        (evaluation.baseline_seconds, found.steps),
        (evaluation.rewrite_seconds, answer.steps),
        (evaluation.index_seconds, answer.index_steps),
    ):
        assert seconds is not None
        assert round(seconds * 1e6) == steps
    plan = str(evaluation.plan_after).replace("\n", " \n") + " "
    assert [name for name in names if f"INDEX {name} " not in plan] == [], plan
    assert len(answer.indexes) == len(names)
    assert all(name in statement for name, statement in zip(names, answer.indexes, strict=True))


def test_the_seeds_answers_are_appraised_as_they_are_judged(steps_judge: Judge) -> None:
    evaluations = {seed.id: steps_judge.evaluate(seed, seed.reference) for seed in load_tasks("seeds")[::4]}
    pool = list(dict.fromkeys(
        index.replace("CREATE INDEX ", f"CREATE INDEX of_{name.replace('-', '_')}_", 1)
        for name, evaluation in evaluations.items() for index in evaluation.rewrite.indexes
    ))  # fmt: skip
    demands = Demands(least_steps=0, most_steps=10**8, most_rows=10**6)
    for seed in load_tasks("seeds")[::4]:
        found = steps_judge.appraise(seed, evaluations[seed.id].rewrite.query, pool, demands)
        assert found.answer is not None, found
        again = steps_judge.evaluate(seed, found.answer.script)
        assert again.outcome == "improved", again.reason
        assert again.rewrite_seconds is not None
        assert round(again.rewrite_seconds * 1e6) == found.answer.steps
        assert again.rewrite.indexes == found.answer.indexes


@pytest.mark.parametrize(
    ("indexes", "sentence"),
    [
        (["x"], "syntax error"),
        ([""], "not one CREATE INDEX statement"),
        (["CREATE INDEX"], "SQLite says"),
        (["CREATE INDEX i ON"], "SQLite says"),
        (["CREATE INDEX i ON nowhere (a)"], "no such table"),
        (["CREATE INDEX i ON users (weight)"], "no such column"),
        (["CREATE INDEX i ON users (random())"], "random"),
        (["CREATE UNIQUE INDEX i ON users (id)"], "a UNIQUE index would add a constraint"),
        (["CREATE INDEX i ON users (name)", "CREATE INDEX i ON users (age)"], "index i already exists"),
        (["CREATE INDEX IF NOT EXISTS i ON users (name)"] * 2, "one of them has been there before"),
        (["CREATE INDEX i ON users (name); CREATE INDEX j ON users (age)"], "not one CREATE INDEX statement"),
        (["CREATE INDEX i ON users (name); SELECT 1"], "the query must be the last statement"),
        (["SELECT id, name FROM users"], "the query must be the last statement"),
        (["DROP TABLE users"], "not allowed"),
        (["INSERT INTO users (id) VALUES (1)"], "not allowed"),
        (["ATTACH 'x' AS y"], "not allowed"),
        (["PRAGMA cache_size = 1"], "not allowed"),
        (["VACUUM main INTO 'x'"], "allowed"),
        (["CREATE INDEX i ON users (name) /* never closed"], "SQLite says|no query"),
        (["CREATE\0INDEX i ON users (name)"], "a NUL character"),
        (["CREATE INDEX \ud800 ON users (name)"], "not valid Unicode"),
        ([5], "an index statement is a text, not int"),
        ("CREATE INDEX i ON users (name)", "SQLite says"),  # a text, not a list of texts
    ],
)
def test_bad_indexes_are_the_callers_mistake(judge: Judge, usual: Appraisal, indexes: Any, sentence: str) -> None:
    with pytest.raises(SqlOptError, match=sentence) as caught:
        judge.appraise(task(SLOW), GOOD, indexes)
    assert str(caught.value).startswith("task t: the indexes to choose from cannot be built: ")
    assert "\n" not in str(caught.value)
    assert judge.appraise(task(SLOW), GOOD, INDEXES) == usual


@pytest.mark.parametrize(
    ("good", "reason"),
    [
        (f"{ENDLESS} SELECT max(x), 1 FROM r", ""),
        ("SELECT count(*), 1 FROM orders a, orders b WHERE a.amount < b.amount", ""),
        (f"SELECT sum(length(x)), 1 FROM (SELECT x FROM {VAST} ORDER BY x)", ""),
    ],
)
def test_a_good_form_may_take_too_much(frugal: Judge, usual: Appraisal, good: str, reason: str) -> None:
    found = frugal.appraise(task(SLOW), good, INDEXES)
    assert (found.unfit, found.reason, found.answer) == ("", reason, None)
    assert (found.rows, found.steps) == (usual.rows, usual.steps)
    assert frugal.appraise(task(SLOW), GOOD, INDEXES) == usual


# Its sort, which SQLite does within one step, takes seconds.
SORT = (
    "WITH RECURSIVE r (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM r WHERE x < 250000)"
    " SELECT x, 1 FROM r ORDER BY printf('%0900d', x * 7919 % 250007) COLLATE NOCASE"
)


@pytest.mark.parametrize(
    ("query", "good", "phase"),
    [(STUBBORN, "", "reference"), (SORT, "", "reference"), (SLOW, STUBBORN, "check"), (SLOW, SORT, "check")],
    ids=["query", "query that sorts", "good form", "good form that sorts"],
)
def test_what_cannot_be_interrupted_is_killed(usual: Appraisal, query: str, good: str, phase: str) -> None:
    with Judge(workers=1, timeout=0.1) as hasty:
        start = time.monotonic()
        found = hasty.appraise(task(query), good, INDEXES, Demands(most_steps=10**9, most_rows=10**6))
        assert (found.unfit, found.reason) == ("dear", f"task t: the worker took too long ({phase})")
        assert time.monotonic() - start < 5
        assert hasty.appraise(task(SLOW), GOOD, INDEXES) == usual


def test_a_killed_worker_costs_nothing(usual: Appraisal) -> None:
    with Judge(workers=1) as judge:
        for _ in range(3):
            assert judge.appraise(task(SLOW), GOOD, INDEXES) == usual
            (pid,) = judge.worker_pids
            os.kill(pid, signal.SIGKILL)
        assert judge.appraise(task(SLOW), GOOD, INDEXES) == usual


@pytest.fixture(scope="module")
def million(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("million") / "own.db"
    connection = apsw.Connection(str(path))
    connection.execute(
        "CREATE TABLE t (a INTEGER, b TEXT); WITH RECURSIVE r (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM r WHERE"
        " x < 1000000) INSERT INTO t SELECT x, 'text ' || (x % 1000) FROM r"
    ).fetchall()
    connection.close()
    return str(path)


@pytest.mark.parametrize(
    ("query", "unfit", "taken"),
    [
        ("SELECT a, b FROM t", "large", 0),
        ("SELECT count(*) FROM t", "cheap", 0),
        ("SELECT b, count(*) FROM t GROUP BY b", "dear", 0),
        ("SELECT count(*) FROM t WHERE a < 100 OR a > 999990", "", 1),
        ("SELECT b FROM t WHERE a BETWEEN 5 AND 900 ORDER BY a", "", 1),
    ],
)
def test_a_million_rows(steps_judge: Judge, million: str, query: str, unfit: str, taken: int) -> None:
    start = time.monotonic()
    found = steps_judge.appraise(task(query, million), "", ["CREATE INDEX i ON t (a)"])
    assert found.unfit == unfit, found.reason
    assert time.monotonic() - start < 10
    if not unfit:
        assert found.answer is not None
        assert len(found.answer.indexes) == taken
        assert found.answer.steps * 100 < found.steps


def test_demands_are_held_to_the_step_and_to_the_row(judge: Judge) -> None:
    query = task("SELECT id FROM users WHERE city = 'Graz'")
    usual = judge.appraise(query, demands=Demands(least_steps=0))
    steps, rows = usual.steps, usual.rows
    assert usual.unfit == ""
    assert rows > 10
    for demands, unfit in (
        (Demands(least_steps=steps, most_rows=rows), ""),
        (Demands(least_steps=steps + 1), "cheap"),
        (Demands(least_steps=0, most_steps=steps + 100), ""),
        (Demands(least_steps=0, most_steps=steps - 100), "dear"),
        (Demands(least_steps=0, most_rows=rows - 1), "large"),
        (Demands(least_steps=0, most_steps=1, most_rows=1), "dear"),
    ):
        assert judge.appraise(query, demands=demands).unfit == unfit, demands


@pytest.mark.parametrize("name", ["least_steps", "most_steps", "most_rows"])
@pytest.mark.parametrize("value", [-1, 10**9 + 1, 1.5, True, "5", None])
def test_wrong_demands_are_named(name: str, value: Any) -> None:
    with pytest.raises(SqlOptError, match=f"{name} must be a whole number from [01] to 1,000,000,000, not"):
        Demands(**{name: value})


def test_databases_take_turns_and_may_change(judge: Judge, database: Callable[..., str]) -> None:
    rows = "WITH RECURSIVE r (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM r WHERE x < {}) INSERT INTO t SELECT x FROM r"
    paths = [database(f"CREATE TABLE t (a); {rows.format(size)}", f"{size}.db") for size in (20_000, 30_000, 40_000)]
    query, pool = "SELECT count(*) FROM t WHERE a = 7", ["CREATE INDEX i ON t (a)"]
    before = [Path(path).read_bytes() for path in paths]
    first = [judge.appraise(task(query, path), "", pool) for path in paths]
    assert [judge.appraise(task(query, path), "", pool) for path in paths] == first
    assert [Path(path).read_bytes() for path in paths] == before
    steps = [one.steps for one in first]
    assert steps == sorted(set(steps))
    connection = apsw.Connection(paths[0])
    connection.execute("INSERT INTO t SELECT 7 FROM t")
    connection.close()
    changed = judge.appraise(task(query, paths[0]), "", pool)
    assert changed.steps > steps[0]
    assert changed.answer is not None
    assert first[0].answer is not None
    assert changed.answer.index_steps > first[0].answer.index_steps
    with pytest.raises(SqlOptError, match="nor an existing file"):
        judge.appraise(task(query, "nowhere.db"), "", pool)
