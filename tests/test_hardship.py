"""What the judge does in hard surroundings: writers, crashes, sorts that cannot be stopped, texts of JSON."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import apsw
import pytest

from sqlopt_env import Judge, SqlOptError, Task
from sqlopt_env.workers.worker import WorkerDied

TASK = Task(
    id="newest",
    database="shop",
    query="SELECT id, product, amount FROM orders WHERE user_id = 439 ORDER BY order_date DESC, id LIMIT 20",
)


@contextmanager
def a_writer(path: str, *, hold: float) -> Iterator[None]:
    """Another process that has the whole database for itself for some seconds, again and again."""
    program = (
        f"import sys, time, apsw\nwriter = apsw.Connection({path!r})\nwriter.set_busy_timeout(10_000)\n"
        "while True:\n  writer.execute('BEGIN EXCLUSIVE; INSERT INTO t VALUES (1)')\n  print('held', flush=True)\n"
        f"  time.sleep({hold})\n  writer.execute('COMMIT')\n  time.sleep(0.03)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "held\n"
            yield
        finally:
            process.kill()


def test_a_database_that_another_process_writes_to_is_waited_for(database: Callable[..., str]) -> None:
    task = Task("t", database("CREATE TABLE t (a); INSERT INTO t VALUES (1)"), "SELECT max(a) FROM t")
    with a_writer(task.database, hold=0.05), Judge(workers=1, measure="steps") as judge:
        assert {judge.evaluate(task, "SELECT max(t.a) FROM t").outcome for _ in range(20)} == {"equivalent"}


def test_a_database_that_stays_locked_says_who_has_it(
    database: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sqlopt_env.sqlite.snapshot.PATIENCE", 0.3)
    task = Task("t", database("CREATE TABLE t (a)"), "SELECT a FROM t")
    with a_writer(task.database, hold=60.0), Judge(workers=1) as judge:
        start = time.monotonic()
        with pytest.raises(SqlOptError, match="another process is writing to it"):
            judge.prepare(task)
        assert 0.3 <= time.monotonic() - start < 5


def test_the_journal_of_a_process_that_died_is_named(
    database: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sqlopt_env.sqlite.snapshot.PATIENCE", 0.1)
    path = database("CREATE TABLE t (a); INSERT INTO t SELECT randomblob(100000) FROM (VALUES (1), (2), (3))")
    writer = apsw.Connection(path)
    writer.execute("PRAGMA cache_size = 1; BEGIN; UPDATE t SET a = randomblob(100000)")
    for name in ("own.db", "own.db-journal"):
        (tmp_path / f"died-{name}").write_bytes((tmp_path / name).read_bytes())
    writer.close()
    with Judge(workers=1) as judge, pytest.raises(SqlOptError, match="or has died while it was"):
        judge.prepare(Task("t", str(tmp_path / "died-own.db"), "SELECT a FROM t"))


SORT = """
CREATE TABLE ev (id INTEGER PRIMARY KEY, day TEXT, val INTEGER);
WITH RECURSIVE r (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM r WHERE x < 100000)
INSERT INTO ev SELECT x, printf('%0300d', x * 7919 % 365), x % 100 FROM r;
"""


def test_an_original_whose_sort_outlasts_its_budget_is_not_killed(database: Callable[..., str]) -> None:
    task = Task("sort", database(SORT), "SELECT day COLLATE NOCASE, sum(val) FROM ev GROUP BY 1")
    with Judge(workers=1, timeout=0.15) as hasty:
        for action in (task.query, "SELECT 1, 2"):
            evaluation = hasty.evaluate(task, action)
            assert evaluation.outcome != "unverified", evaluation.reason


# One opcode that lasts long: nothing but a kill ends it.
ENDLESS = (
    "SELECT length(trim(replace(hex(zeroblob(500000)), '00', 'c'), replace(hex(zeroblob(50000)), '00', 'b') || 'c'))"
)


def test_an_original_that_had_to_be_killed_is_not_run_for_ever(database: Callable[..., str]) -> None:
    task = Task("endless", database("CREATE TABLE t (a); INSERT INTO t VALUES (1)"), f"{ENDLESS} FROM t")
    with Judge(workers=1, timeout=0.1, reference_timeout=0.2) as hasty:
        for _ in range(3):
            start = time.monotonic()
            evaluation = hasty.evaluate(task, "SELECT 1 FROM t")
            assert (evaluation.outcome, "was killed" in evaluation.reason) == ("unverified", True)
        assert time.monotonic() - start < 0.1


def test_a_kill_says_what_would_allow_more(database: Callable[..., str]) -> None:
    task = Task("t", database("CREATE TABLE t (a); INSERT INTO t VALUES (1)"), "SELECT max(a) FROM t")
    with Judge(workers=1, timeout=0.2) as hasty:
        evaluation = hasty.evaluate(task, f"{ENDLESS} FROM t")
    assert evaluation.outcome == "timeout"
    assert "a timeout above 0.2 s allows more" in evaluation.reason


def test_right_rewrites_of_json_columns_are_paid(steps_judge: Judge, database: Callable[..., str]) -> None:
    path = database(
        "CREATE TABLE f (id INTEGER PRIMARY KEY, j TEXT NOT NULL);"
        "WITH RECURSIVE r (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM r WHERE x < 20000)"
        " INSERT INTO f SELECT x, '{\"a\":' || x % 1000 || '}' FROM r"
    )
    task = Task("json", path, "SELECT id FROM f WHERE json_extract(j, '$.a') = 5")
    right = "CREATE INDEX i ON f (json_extract(j, '$.a')); " + task.query
    for thorough in (False, True):
        evaluation = steps_judge.evaluate(task, right, thorough=thorough)
        assert evaluation.outcome == "improved", evaluation.reason


@pytest.mark.parametrize(
    ("phases", "deaths", "outcome"),
    [
        ((), 2, "equivalent"),
        (("load", "reference", "instances"), 2, "equivalent"),
        (("load", "reference"), 3, "crashed"),
        (("load", "reference", "script"), 1, "crashed"),
        (("reference", "script", "instances"), 1, "crashed"),
    ],
)
def test_a_worker_that_dies_before_it_sees_the_rewrite_costs_nothing(
    steps_judge: Judge, monkeypatch: pytest.MonkeyPatch, phases: tuple[str, ...], deaths: int, outcome: str
) -> None:
    die(steps_judge, monkeypatch, deaths, phases)
    assert steps_judge.evaluate(TASK, TASK.query).outcome == outcome


def test_a_task_is_prepared_although_workers_die(monkeypatch: pytest.MonkeyPatch) -> None:
    with Judge(workers=1) as judge:
        die(judge, monkeypatch, 5, ("load",))
        assert judge.prepare(TASK).columns == 3
        die(judge, monkeypatch, 100, ("load",))
        with pytest.raises(SqlOptError, match="the worker process died, 6 times"):
            judge.prepare(replace(TASK, query="SELECT 1"))


def die(judge: Judge, monkeypatch: pytest.MonkeyPatch, deaths: int, phases: tuple[str, ...]) -> None:
    """Lets the judge's next workers die, in the last of these phases."""
    call, left = judge._pool.call, iter(range(deaths))

    def dying(*arguments: Any) -> dict[str, Any]:
        if next(left, None) is not None:
            raise WorkerDied("the worker process died", phases)
        return call(*arguments)

    monkeypatch.setattr(judge._pool, "call", dying)
