"""The three measures, indexes that are built once, and repeats that are answered from memory."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import apsw
import pytest

from sqlopt_env import Judge, Rewrite, Task, load_tasks
from sqlopt_env.databases import database_path
from sqlopt_env.repeats import Key, Repeats
from sqlopt_env.sqlite.authorizer import Authorizer
from sqlopt_env.sqlite.connection import blank_copy
from sqlopt_env.sqlite.script import read_script
from sqlopt_env.sqlite.snapshot import Signature
from sqlopt_env.sqlite.words import plain_text
from sqlopt_env.types import Settings

TASK = Task("sums", "shop", "SELECT user_id, sum(amount) FROM orders WHERE product = 'tablet' GROUP BY user_id")
INDEX = "CREATE INDEX i ON orders (product, user_id, amount); "


@pytest.mark.parametrize("measure", ["time", "interleaved", "steps"])
def test_every_measure_sees_a_gain_and_no_gain(measure: str) -> None:
    with Judge(workers=1, measure=measure) as judge:
        faster, same = judge.evaluate(TASK, INDEX + TASK.query), judge.evaluate(TASK, TASK.query)
    assert (faster.outcome, faster.measure) == ("improved", measure)
    assert faster.speedup is not None
    assert faster.speedup_interval is not None
    assert faster.speedup_interval[0] <= faster.speedup <= faster.speedup_interval[1]
    assert faster.baseline_seconds is not None
    assert faster.rewrite_seconds is not None
    assert faster.baseline_seconds / faster.rewrite_seconds == pytest.approx(faster.speedup, rel=0.5)
    assert same.speedup == pytest.approx(1.0, abs=0.6)


def test_steps_are_the_same_in_every_process_and_at_every_run() -> None:
    figures = set()
    for _ in range(2):
        with Judge(workers=1, measure="steps") as judge:
            for _ in range(2):
                e = judge.evaluate(TASK, INDEX + TASK.query)
                figures.add(
                    (e.baseline_seconds, e.rewrite_seconds, e.index_seconds, e.index_bytes, e.effective_speedup)
                )
    assert len(figures) == 1


def test_indexes_that_are_known_are_charged_but_not_built_again(judge: Judge) -> None:
    first = judge.evaluate(TASK, INDEX + TASK.query)
    other_name = judge.evaluate(TASK, INDEX.replace(" i ", " by_product ") + TASK.query)
    assert first.index_seconds == other_name.index_seconds  # it was measured once
    assert first.index_bytes == other_name.index_bytes
    assert judge.evaluate(TASK, INDEX.replace("user_id, amount", "amount") + TASK.query).index_seconds not in (
        first.index_seconds,
        0.0,
    )


def test_an_index_that_the_query_calls_by_name_is_not_taken_for_another(judge: Judge) -> None:
    query = "SELECT count(*) FROM orders INDEXED BY {} WHERE product = 'tablet'"
    task = replace(TASK, query="SELECT count(*) FROM orders WHERE product = 'tablet'")
    for name in ("one", "two", "one"):
        script = f"CREATE INDEX {name} ON orders (product); {query.format(name)}"
        assert judge.evaluate(task, script).outcome == "improved"
        wrong = f"CREATE INDEX {name} ON orders (product); {query.format('three')}"
        assert judge.evaluate(task, wrong).outcome == "invalid"


@pytest.mark.parametrize("cache_bytes", [0, 20 * 2**20])
def test_with_little_room_for_indexes_all_is_judged_the_same(cache_bytes: int) -> None:
    columns = ("product", "user_id", "order_date", "amount", "product, user_id", "user_id, amount")
    with (
        Judge(workers=1, measure="steps") as roomy,
        Judge(workers=1, measure="steps", cache_bytes=cache_bytes) as tight,
    ):
        for column in columns * 2:
            script = f"CREATE INDEX i ON orders ({column}); {TASK.query}"
            assert tight.evaluate(TASK, script) == roomy.evaluate(TASK, script)


def test_a_database_that_has_changed_is_judged_anew_with_its_indexes(database: Callable[..., str]) -> None:
    rows = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) INSERT INTO t"
    path = database(f"CREATE TABLE t (a INTEGER, b INTEGER); {rows} SELECT i, i % 1000 FROM n")
    task = Task("own", path, "SELECT sum(a) FROM t WHERE b = 7")
    script = "CREATE INDEX i ON t (b, a); " + task.query
    with Judge(workers=1, measure="steps") as judge:
        before = judge.evaluate(task, script)
        time.sleep(0.02)
        with apsw.Connection(path) as connection:
            connection.execute("INSERT INTO t SELECT a, 7 FROM t")
        after = judge.evaluate(task, script)
    assert before.outcome == after.outcome == "improved"
    assert before.rewrite_seconds is not None
    assert after.rewrite_seconds is not None
    assert after.rewrite_seconds > 2 * before.rewrite_seconds


def test_repeats_are_answered_from_memory_only_where_the_settings_say_so() -> None:
    script = INDEX + TASK.query
    dressed = f"-- the same\n{INDEX}\n  {TASK.query} ;"
    with Judge(workers=1) as judge:
        assert not any(judge.evaluate(TASK, script).repeated for _ in range(2))
    with Judge(workers=1, answer_repeats=True) as judge:
        first = judge.evaluate(TASK, script)
        again = judge.evaluate(replace(TASK, id="by another name"), Rewrite(dressed, explanation="mine"))
        assert (first.repeated, again.repeated) == (False, True)
        assert again.task_id == "by another name"
        assert (again.rewrite.script, again.rewrite.explanation) == (dressed, "mine")
        assert (again.speedup, again.verdict) == (first.speedup, first.verdict)
        assert not judge.evaluate(TASK, script, thorough=True).repeated
        assert not judge.evaluate(TASK, script.replace("tablet", "phone")).repeated
        assert not judge.evaluate(replace(TASK, query=TASK.query + " ORDER BY 1"), script).repeated


def test_repeats_end_when_the_database_changes(database: Callable[..., str]) -> None:
    path = database("CREATE TABLE t (a INTEGER); INSERT INTO t VALUES (1), (2), (3)")
    task = Task("own", path, "SELECT a FROM t WHERE a > 1")
    with Judge(workers=1, answer_repeats=True) as judge:
        assert [judge.evaluate(task, task.query).repeated for _ in range(2)] == [False, True]
        os.utime(path, ns=(1, Path(path).stat().st_mtime_ns + 1))
        assert not judge.evaluate(task, task.query).repeated


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("SELECT 'a  b'", "SELECT 'a b'"),
        ("SELECT '/* x */'", "SELECT ''"),
        ('SELECT "a--b"', 'SELECT "a"'),
        ("SELECT `a  b`", "SELECT `a b`"),
        ("SELECT [a  b]", "SELECT [a b]"),
        ("SELECT 'it''s  a'", "SELECT 'it''s a'"),
        ("SELECT 1 /* /* */ + 1 -- */", "SELECT 1"),  # SQLite's comments do not nest
        ("SELECT 1 -- \\\n + 1", "SELECT 1"),
        ("SELECT a b", "SELECT ab"),
        ("SELECT a/**/b", "SELECT ab"),
        ("SELECT 'x' 'y'", "SELECT 'x''y'"),
        ("SELECT 439ORDER BY 1", "SELECT 439 ORDER BY 1"),
        ("SELECT 1 /*", "SELECT 1"),
        ("SELECT\v1", "SELECT 1"),
        ("SELECT a\ufeffb", "SELECT a b"),
        ("SELECT ?1", "SELECT ? 1"),
        ("SELECT 'x; ", "SELECT 'x"),
    ],
)
def test_scripts_that_sqlite_reads_otherwise_are_no_repeats(one: str, other: str) -> None:
    assert plain_text(one) != plain_text(other)


def key(script: str, script_bytes: int = Settings().script_bytes) -> Key:
    return Repeats(script_bytes).key(Signature.of(database_path("shop")), TASK, Rewrite(script), False)


GOOD = INDEX + TASK.query


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (GOOD, f"{GOOD} /*"),
        (GOOD, f"{GOOD} /* \0 */"),
        (GOOD, f"{GOOD} /* \ud800 */"),
        (GOOD, f"{GOOD} /*{'x' * 2**16}*/"),
        (GOOD, f"{GOOD} /*{'ö' * 2**15}*/"),  # of bytes, not of characters
        ("SELECT 439 ORDER BY 1", "SELECT 439ORDER BY 1"),
        # A column without a name is called as it is written.
        ('SELECT "1 + 1" FROM (SELECT 1 + 1)', 'SELECT "1 + 1" FROM (SELECT 1+1)'),
        ("SELECT x.'1+1' FROM (SELECT 1+1) AS x", "SELECT x.'1+1' FROM (SELECT 1 + 1) AS x"),
        ("SELECT 1 FROM (SELECT 1+1) JOIN (SELECT 1+1) USING ('1+1')",
         "SELECT 1 FROM (SELECT 1+1) JOIN (SELECT 1 + 1) USING ('1+1')"),
        ("SELECT 1 FROM (SELECT 1+2) NATURAL JOIN (SELECT 1+2)",
         "SELECT 1 FROM (SELECT 1+2) NATURAL JOIN (SELECT 1 + 2)"),
    ],
)  # fmt: skip
def test_scripts_that_may_be_judged_otherwise_have_other_keys(one: str, other: str) -> None:
    assert key(one) != key(other)
    assert key(one) == key(one)


def test_a_script_beyond_the_allowed_bytes_is_no_repeat_of_a_shorter_one() -> None:
    longer = f"{GOOD} /* {'x' * 100} */"
    assert key(GOOD, len(GOOD) + 50) != key(longer, len(GOOD) + 50)
    assert key(GOOD, len(longer)) == key(longer, len(longer))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("i ON orders (user_id) WHERE product <> 'i'", "j ON orders (user_id) WHERE product <> 'i'", True),
        (""" "a""z" ON orders (user_id) WHERE product <> 'a"z'""",
         """ "a""z" ON orders (user_id) WHERE product <> ''""", False),
        ("[o] ON orders (user_id + 1)", '" ON " /* ON */ ON orders (user_id + 1)', True),
        ("r ON orders (user_id + 1)", "r ON orders (user_id + 2)", False),
    ],
)  # fmt: skip
def test_indexes_are_the_same_where_all_but_their_names_is(one: str, other: str, same: bool) -> None:
    with apsw.Connection(str(database_path("shop")), flags=apsw.SQLITE_OPEN_READONLY) as connection:
        blank = blank_copy(connection)
    authorizer = Authorizer(blank)
    first, second = (
        read_script(blank, authorizer, f"CREATE INDEX {index}; {TASK.query}", Settings()) for index in (one, other)
    )
    assert (first.index_key == second.index_key) is same


def test_comments_and_spaces_make_no_other_script() -> None:
    assert plain_text(" SELECT\t1 -- one\n  + /* two */ 1 ;\n") == plain_text("SELECT 1 + 1")


def test_the_seeds_are_judged_alike_by_all_measures() -> None:
    tasks = load_tasks()[:6]
    for measure in ("time", "interleaved", "steps"):
        with Judge(workers=1, measure=measure) as judge:
            assert [judge.evaluate(task, task.reference).outcome for task in tasks] == ["improved"] * 6
