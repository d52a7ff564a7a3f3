"""What the judge says of actions, and that nothing a policy writes can hurt it."""

from __future__ import annotations

import time
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import pytest

from sqlopt_env import Evaluation, Judge, SqlOptError, Task

TASK = Task(
    id="newest",
    database="shop",
    query="SELECT id, product, amount FROM orders WHERE user_id = 439 ORDER BY order_date DESC, id LIMIT 20",
)
GOOD = "CREATE INDEX i ON orders (user_id);" + TASK.query
CASES = tomllib.loads((Path(__file__).parent / "fixtures" / "outcomes.toml").read_text(encoding="utf-8"))["case"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_every_action_gets_its_outcome_and_leaves_the_judge_as_it_was(judge: Judge, case: dict[str, str]) -> None:
    file = judge.database_path("shop")
    before = file.read_bytes()
    start = time.monotonic()
    evaluation = judge.evaluate(TASK, case["action"])
    assert (evaluation.outcome, case["reason"] in evaluation.reason) == (case["outcome"], True), evaluation.reason
    assert time.monotonic() - start < 12
    assert "\n" not in evaluation.reason
    assert file.read_bytes() == before
    assert judge.evaluate(TASK, GOOD).outcome == "improved"


def test_an_improved_evaluation_carries_its_evidence(judge: Judge) -> None:
    e = judge.evaluate(TASK, GOOD)
    assert e.speedup is not None
    assert e.speedup_interval is not None
    assert e.effective_speedup is not None
    assert e.baseline_seconds is not None
    assert e.rewrite_seconds is not None
    assert e.index_seconds is not None
    assert e.index_bytes is not None
    assert e.verdict is not None
    low, high = e.speedup_interval
    assert 1 < low < e.speedup < high
    assert 1 < e.effective_speedup < e.speedup
    assert e.baseline_seconds > e.rewrite_seconds > 0
    assert e.index_seconds > 0
    assert e.index_bytes > 100_000
    assert "SCAN orders" in str(e.plan_before)
    assert "USING INDEX i" in str(e.plan_after)
    assert (e.verdict.status, e.verdict.instances) == ("tested", 17)
    assert e.rewrite.indexes == ("CREATE INDEX i ON orders (user_id)",)
    assert e.rewrite.query == TASK.query


def test_a_rejected_evaluation_carries_no_figures(judge: Judge) -> None:
    e = judge.evaluate(TASK, "SELECT 1, 2, 3")
    assert e.verdict is not None
    assert e.verdict.status == "refuted"
    assert (e.speedup, e.speedup_interval, e.effective_speedup, e.rewrite_seconds) == (None, None, None, None)


def test_the_index_cost_is_spread_over_as_many_executions_as_one_says() -> None:
    with Judge(workers=1, amortize_over=1) as once, Judge(workers=1, amortize_over=1e9) as always:
        paid, free = once.evaluate(TASK, GOOD), always.evaluate(TASK, GOOD)
    assert paid.effective_speedup is not None
    assert free.effective_speedup is not None
    assert free.speedup is not None
    assert paid.effective_speedup < 1
    assert free.effective_speedup == pytest.approx(free.speedup, rel=0.01)


def test_an_evaluation_survives_a_trip_through_json(judge: Judge) -> None:
    import json

    for action in (GOOD, "DROP TABLE users"):
        evaluation = judge.evaluate(TASK, action)
        assert Evaluation.from_dict(json.loads(json.dumps(evaluation.to_dict()))) == evaluation


def test_steps_are_the_same_at_every_run(steps_judge: Judge) -> None:
    first = steps_judge.evaluate(TASK, GOOD)
    assert first.outcome == "improved"
    assert steps_judge.evaluate(TASK, GOOD) == first
    with Judge(workers=1, measure="steps") as other:
        assert other.evaluate(TASK, GOOD) == first


def test_a_query_is_no_faster_than_itself(judge: Judge) -> None:
    outcomes = [judge.evaluate(TASK, TASK.query).outcome for _ in range(20)]
    assert outcomes.count("improved") <= 1


def test_an_original_over_its_budget_is_still_checked(judge: Judge) -> None:
    slow = Task("slow", "shop", "SELECT u.id, (SELECT COUNT(*) FROM orders o WHERE o.user_id = u.id) FROM users u")
    counted = "(SELECT user_id, COUNT(*) n FROM orders GROUP BY 1)"
    grouped = f"SELECT u.id, {{}} FROM users u LEFT JOIN {counted} o ON u.id = o.user_id"
    with Judge(workers=1, timeout=0.5) as hasty:
        right = hasty.evaluate(slow, grouped.format("COALESCE(n, 0)"))
        wrong = hasty.evaluate(slow, grouped.format("n"))
    assert right.outcome == "improved"
    assert right.baseline_is_lower_bound
    assert "at least" in right.reason
    assert right.baseline_seconds is not None
    # CPU seconds within half a second of wall time, told at the speed that the machine has by now.
    assert 0.05 < right.baseline_seconds < 1.5
    assert wrong.outcome == "refuted"


def test_steps_of_an_original_over_its_budget_are_a_lower_bound() -> None:
    slow = Task("slow", "shop", "SELECT count(*) FROM users a, users b WHERE a.age < b.age AND a.city = b.city")
    with Judge(workers=1, measure="steps", timeout=0.3) as hasty:
        evaluation = hasty.evaluate(slow, "CREATE INDEX i ON users (city, age);" + slow.query)
    assert evaluation.baseline_is_lower_bound
    assert evaluation.baseline_seconds is not None
    assert evaluation.baseline_seconds > 0.1  # millions of steps


def test_without_the_originals_rows_nothing_is_paid(judge: Judge) -> None:
    endless = Task("endless", "shop", "SELECT count(*) FROM orders a, orders b WHERE a.amount + b.amount > 3000")
    with Judge(workers=1, timeout=0.3, reference_timeout=0.6) as hasty:
        evaluation = hasty.evaluate(endless, "SELECT 1")
    assert evaluation.outcome == "unverified"
    assert "could not be had" in evaluation.reason


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("SELECT weight FROM users", "no such column"),
        ("DELETE FROM users", "not allowed"),
        ("SELECT 1; SELECT 2", "the query must be the last statement"),
        ("CREATE INDEX i ON users (city); SELECT 1", "without index statements"),
        ("", "no SQL"),
    ],
)
def test_a_query_that_cannot_be_a_task_is_the_callers_mistake(judge: Judge, query: str, sentence: str) -> None:
    with pytest.raises(SqlOptError, match=sentence):
        judge.evaluate(Task("t", "shop", query), "SELECT 1")
    with pytest.raises(SqlOptError, match=sentence):
        judge.prepare(Task("t", "shop", query))


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Judge(workers=0), "workers"),
        (lambda: Judge(workers=True), "workers must be a whole number of at least 1, not True"),
        (lambda: Judge(measure="guess"), "measure must be one of time, steps"),
        (lambda: Judge(timeout=-1), "timeout must be a number from 0.001"),
        (lambda: Judge(timeout=float("inf")), "timeout must be a number"),
        (lambda: Judge(cell_bytes=0.5), "cell_bytes must be a whole number"),
        (lambda: Judge(memory_bytes=1), "memory_bytes must be"),
        (lambda: Judge(speed=3), "unknown setting 'speed'; the settings are: measure, timeout"),
    ],
)
def test_wrong_settings_are_named(make: Callable[[], Judge], sentence: str) -> None:
    with pytest.raises(SqlOptError, match=sentence):
        make()


def test_an_unknown_database_is_named(judge: Judge) -> None:
    with pytest.raises(SqlOptError, match="unknown database 'shp'"):
        judge.evaluate(Task("t", "shp", "SELECT 1"), "SELECT 1")


def test_a_file_that_is_no_database_is_named(judge: Judge, tmp_path: Path) -> None:
    path = tmp_path / "no.db"
    path.write_text("this is not a database, but it is long enough to have a header of a hundred bytes" * 3)
    with pytest.raises(SqlOptError, match="not an SQLite database"):
        judge.evaluate(Task("t", str(path), "SELECT 1"), "SELECT 1")


def test_an_own_database_is_read_and_never_changed(judge: Judge, database: Callable[..., str]) -> None:
    path = database(
        'PRAGMA journal_mode = WAL; CREATE TABLE "my table" (a, "b c" TEXT COLLATE NOCASE, UNIQUE (a));'
        "WITH RECURSIVE r(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM r WHERE x < 20000)"
        'INSERT INTO "my table" SELECT x, char(65 + x % 50) FROM r;'
        'CREATE VIEW v AS SELECT a FROM "my table";'
        'CREATE TRIGGER t AFTER INSERT ON "my table" BEGIN SELECT 1; END;'
        "CREATE VIRTUAL TABLE words USING fts5 (text); INSERT INTO words VALUES ('some words');"
    )
    folder = Path(path).parent
    before = {entry.name: (entry.stat().st_mtime_ns, entry.read_bytes()) for entry in folder.iterdir()}
    task = Task("own", path, 'SELECT a FROM "my table" WHERE "b c" = \'q\' UNION ALL SELECT a FROM v WHERE a < 3')
    rewrite = 'CREATE INDEX i ON "my table" ("b c", a);' + task.query
    evaluation = judge.evaluate(task, rewrite)
    assert evaluation.outcome == "improved", evaluation.reason
    assert "fts5" in judge.prepare(task).schema
    words = Task("w", path, "SELECT text FROM words WHERE words MATCH 'some'")
    assert judge.evaluate(words, "SELECT text FROM words('some')").outcome in ("improved", "equivalent")
    assert {entry.name: (entry.stat().st_mtime_ns, entry.read_bytes()) for entry in folder.iterdir()} == before


def test_a_database_that_changes_on_disk_is_read_again(judge: Judge, database: Callable[..., str]) -> None:
    path = database("CREATE TABLE t (a); INSERT INTO t VALUES (1)")
    task = Task("own", path, "SELECT a FROM t")
    assert judge.prepare(task).row_counts == (("t", 1),)
    assert judge.evaluate(task, task.query).outcome in ("equivalent", "improved")
    Path(path).unlink()
    database("CREATE TABLE u (a); CREATE TABLE t (a); INSERT INTO t VALUES (2), (3)")
    assert judge.prepare(task).row_counts == (("u", 0), ("t", 2))
    assert judge.evaluate(task, "SELECT a FROM t UNION ALL SELECT a FROM u").outcome == "refuted"


def test_a_commit_that_is_only_in_the_write_ahead_log_is_seen(judge: Judge, database: Callable[..., str]) -> None:
    path = database("PRAGMA journal_mode = WAL; CREATE TABLE t (a INTEGER); INSERT INTO t VALUES (1), (2)")
    task = Task("wal", path, "SELECT count(*) FROM t")
    assert judge.prepare(task).row_counts == (("t", 2),)
    writer = apsw.Connection(path)
    writer.execute("DELETE FROM t WHERE a = 1")
    assert judge.prepare(task).row_counts == (("t", 1),)
    assert judge.evaluate(task, "SELECT count(a) + count(*) - count(a) FROM t").outcome != "refuted"
    writer.close()


def test_what_is_broken_in_a_database_does_not_stop_the_rest(judge: Judge, database: Callable[..., str]) -> None:
    path = database("CREATE TABLE t (a); CREATE TABLE gone (b); CREATE VIEW v AS SELECT b FROM gone; DROP TABLE gone")
    assert judge.evaluate(Task("t", path, "SELECT a FROM t"), "SELECT t.a FROM t").outcome == "equivalent"
    with pytest.raises(SqlOptError, match="no such table"):
        judge.prepare(Task("v", path, "SELECT b FROM v"))


def test_an_index_that_is_there_already_is_no_mistake(judge: Judge, database: Callable[..., str]) -> None:
    path = database("CREATE TABLE t (a); CREATE INDEX i ON t (a)")
    task = Task("t", path, "SELECT a FROM t WHERE a = 1")
    evaluation = judge.evaluate(task, f"CREATE INDEX IF NOT EXISTS i ON t (a); {task.query}")
    assert evaluation.outcome == "equivalent", evaluation.reason


@pytest.mark.parametrize(
    ("task", "action"),
    [
        (TASK, None),
        (TASK, b"SELECT 1"),
        ("SELECT 1", "SELECT 1"),
        (Task("t", None, "SELECT 1"), "SELECT 1"),  # type: ignore[arg-type]
        (Task("t", "shop", None), "SELECT 1"),  # type: ignore[arg-type]
        (Task("t", "x" * 5000, "SELECT 1"), "SELECT 1"),
        (Task("t", "~nobody-of-that-name/x.db", "SELECT 1"), "SELECT 1"),
        (Task("t", "a\0b", "SELECT 1"), "SELECT 1"),
    ],
)
def test_misuse_is_the_callers_mistake(judge: Judge, task: Any, action: Any) -> None:
    with pytest.raises(SqlOptError):
        judge.evaluate(task, action)


def test_thorough_is_a_flag(judge: Judge) -> None:
    with pytest.raises(SqlOptError, match="thorough must be True or False, not 'yes'"):
        judge.evaluate(TASK, "SELECT 1", thorough="yes")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("pairs", "sentence"),
    [
        (None, "evaluate_all takes pairs of a task and an action, not NoneType"),
        ([1, 2], r"a pair is \(task, action\), not int"),
        ([(TASK, "SELECT 1"), TASK], r"a pair is \(task, action\), not Task"),
        ([(TASK, "SELECT 1", True)], r"a pair is \(task, action\), not tuple"),
        (["ab"], r"a pair is \(task, action\), not str"),
        ([("a", "b")], "a task is a Task, not str"),
    ],
)
def test_what_is_no_pair_is_the_callers_mistake(judge: Judge, pairs: Any, sentence: str) -> None:
    with pytest.raises(SqlOptError, match=sentence):
        list(judge.evaluate_all(pairs))


def test_a_database_may_be_named_by_a_path(judge: Judge) -> None:
    task = Task("t", Path(judge.database_path("shop")), "SELECT 1")  # type: ignore[arg-type]
    assert isinstance(task.database, str)
    assert judge.prepare(task).columns == 1


def test_a_brief_tells_schema_plan_and_sizes(judge: Judge) -> None:
    brief = judge.prepare(TASK)
    assert "-- 50,000 rows\nCREATE TABLE orders" in brief.schema
    assert str(brief.plan) == "SCAN orders\nUSE TEMP B-TREE FOR ORDER BY"
    assert brief.row_counts == (("users", 10_000), ("orders", 50_000))
    assert brief.columns == 3


def test_now_stands_still(judge: Judge) -> None:
    task = Task("now", "shop", "SELECT datetime('now'), current_date, count(*) FROM users")
    same: Any = judge.evaluate(task, "SELECT date('now') || ' ' || time('now'), date('now'), count(*) FROM users")
    assert same.outcome in ("equivalent", "improved")
    # Yet an answer of that day is no answer: on small databases it is another day too.
    of_that_day = judge.evaluate(task, "SELECT '2025-01-01 00:00:00', '2025-01-01', count(*) FROM users")
    assert of_that_day.outcome == "refuted"
    assert "2025-01-01" in of_that_day.reason
