"""Cheats against the judge: nothing that is another query is paid, whatever the task's own database says."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import apsw
import pytest

from sqlopt_env import Judge, SqlOptError, SQLOptimizeEnv, Task
from sqlopt_env.databases import database_path
from sqlopt_env.equivalence.limits import strange_limit

PAID = ("improved", "equivalent")
COUNT = Task("count", "shop", "SELECT count(*) FROM orders WHERE amount > 100")
TOP = Task("top", "shop", "SELECT id, amount FROM orders ORDER BY amount DESC, id LIMIT 3")
SUM = Task("sum", "shop", "SELECT user_id, sum(amount) FROM orders GROUP BY user_id HAVING sum(amount) > 300")


# Data with habits that the schema does not promise.
HABITS = """
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT, mail TEXT UNIQUE);
CREATE TABLE visits (
  id INTEGER PRIMARY KEY, person INTEGER, day TEXT, until TEXT, cost REAL CHECK (cost >= 0), note TEXT, rank INTEGER
);
CREATE TABLE marks (person INTEGER, mark TEXT, weight INTEGER, PRIMARY KEY (person, mark)) WITHOUT ROWID;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1500)
INSERT INTO people SELECT i, 'name ' || i, 'm' || i || '@x.org' FROM n;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 6000)
INSERT INTO visits
SELECT i, i % 1500 + 1, date('2024-01-01', i / 20 || ' days'), date('2024-01-02', i / 20 || ' days'), 1 + i * 37 % 900,
       'note ' || i % 70, i FROM n;
INSERT INTO marks SELECT id, column1, 1 + id % 9 FROM people, (VALUES ('x'), ('y'));
"""
PARTNERS = "SELECT count(*) FROM visits AS v JOIN people AS p ON p.id = v.person"
SOME = "SELECT p.id FROM people AS p WHERE EXISTS (SELECT 1 FROM visits AS v WHERE v.person = p.id)"


def known_by_heart(task: Task) -> str:
    rows = apsw.Connection(str(database_path("shop"))).execute(task.query).fetchall()
    return "VALUES " + ", ".join("(" + ", ".join(str(apsw.format_sql_value(v)) for v in row) + ")" for row in rows)


@pytest.mark.parametrize("thorough", [False, True])
@pytest.mark.parametrize("task", [COUNT, TOP], ids=lambda task: task.id)
@pytest.mark.parametrize(
    "form",
    [
        "{answer}",
        "SELECT * FROM ({answer}) WHERE (SELECT count(*) FROM orders) > 1000"
        " UNION ALL SELECT * FROM ({query}) WHERE (SELECT count(*) FROM orders) <= 1000",
        "SELECT * FROM ({answer}) WHERE EXISTS (SELECT 1 FROM orders LIMIT 1 OFFSET 5000)"
        " UNION ALL SELECT * FROM ({query}) WHERE NOT EXISTS (SELECT 1 FROM orders LIMIT 1 OFFSET 5000)",
        "SELECT * FROM ({answer}) WHERE (SELECT max(id) FROM orders) / 49000 = 1"
        " UNION ALL SELECT * FROM ({query}) WHERE (SELECT max(id) FROM orders) / 49000 <> 1",
        "SELECT * FROM ({answer}) WHERE (SELECT max(id) * 7 FROM orders) = 422142"
        " UNION ALL SELECT * FROM ({query}) WHERE (SELECT max(id) * 7 FROM orders) <> 422142",
        "SELECT * FROM ({answer}) WHERE (SELECT id || product || amount FROM orders WHERE id = 60306) LIKE '60306%14.5'"
        " UNION ALL SELECT * FROM ({query})"
        " WHERE NOT coalesce((SELECT id || product || amount FROM orders WHERE id = 60306) LIKE '60306%14.5', 0)",
        "SELECT * FROM ({answer}) WHERE (SELECT total(amount) FROM orders) > 1e6"
        " UNION ALL SELECT * FROM ({query}) WHERE (SELECT total(amount) FROM orders) <= 1e6",
    ],
)
def test_an_answer_known_by_heart_is_never_paid(steps_judge: Judge, task: Task, form: str, thorough: bool) -> None:
    script = form.format(answer=known_by_heart(task), query=task.query)
    evaluation = steps_judge.evaluate(task, script, thorough=thorough)
    assert evaluation.outcome == "refuted", evaluation.reason


@pytest.fixture(scope="module")
def habits(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = str(tmp_path_factory.mktemp("habits") / "habits.db")
    deque(apsw.Connection(path).execute(HABITS), maxlen=0)
    return path


@pytest.mark.parametrize(
    ("query", "habit"),
    [
        ("SELECT count(note) FROM visits", "SELECT count(*) FROM visits"),  # never NULL
        ("SELECT count(mail) FROM people", "SELECT count(*) FROM people"),
        ("SELECT count(DISTINCT name) FROM people", "SELECT count(name) FROM people"),  # never twice
        ("SELECT DISTINCT rank, note FROM visits", "SELECT rank, note FROM visits"),
        ("SELECT rank, sum(cost) FROM visits GROUP BY rank", "SELECT rank, cost FROM visits"),
        ("SELECT person FROM visits GROUP BY person HAVING count(*) > 1", "SELECT DISTINCT person FROM visits"),
        ("SELECT person, count(*) FROM visits GROUP BY person", "SELECT DISTINCT person, 1 + 1 + 1 + 1 FROM visits"),
        (PARTNERS, "SELECT count(person) FROM visits"),  # never without a partner
        (SOME, "SELECT id FROM people"),
        ("SELECT count(*) FROM marks AS m JOIN people AS p ON p.id = m.person", "SELECT count(*) FROM marks"),
        ("SELECT person FROM marks GROUP BY person HAVING count(*) = 2", "SELECT DISTINCT person FROM marks"),
        ("SELECT sum(weight) FROM marks WHERE weight < 10", "SELECT sum(weight) FROM marks"),  # never beyond
        ("SELECT count(*) FROM visits WHERE cost > 0", "SELECT count(cost) FROM visits"),
        ("SELECT sum(abs(rank)) FROM visits", "SELECT sum(rank) FROM visits"),
        ("SELECT max(rank) FROM visits WHERE note <> ''", "SELECT max(rank) FROM visits"),
        ("SELECT count(*) FROM visits WHERE day LIKE '2024-%'", "SELECT count(day) FROM visits"),
        ("SELECT count(*) FROM visits WHERE id > 0", "SELECT count(*) FROM visits"),
        ("SELECT count(*) FROM visits WHERE until > day", "SELECT count(until) FROM visits"),  # always in step
        ("SELECT id, row_number() OVER (ORDER BY rank, id) FROM visits", "SELECT id, id FROM visits"),
        ("SELECT max(day) FROM visits", "SELECT day FROM visits ORDER BY id DESC LIMIT 1"),
        ("SELECT count(*) FROM visits", "SELECT max(id) FROM visits"),
        (
            "SELECT count(*) FROM visits WHERE lower(note) = 'note 7'",
            "SELECT count(*) FROM visits WHERE note = 'note 7'",
        ),
        ("SELECT sum(round(cost)) FROM visits", "SELECT sum(cost) FROM visits"),
    ],
)
@pytest.mark.parametrize("guard", ["LIMIT 1 OFFSET 3000", f"LIMIT 1 OFFSET 1 << ({'1 + ' * 10}1)", "WHERE id = 4711"])
def test_what_the_data_happen_to_fulfil_is_no_condition_to_drop(
    steps_judge: Judge, habits: str, query: str, habit: str, guard: str
) -> None:
    large = f"coalesce((SELECT 1 FROM visits {guard}), 0)"
    script = f"SELECT * FROM ({habit}) WHERE {large} UNION ALL SELECT * FROM ({query}) WHERE NOT {large}"
    evaluation = steps_judge.evaluate(Task("habit", habits, query), script, thorough=True)
    assert evaluation.outcome == "refuted", evaluation.reason


def test_a_verdict_before_keeping_names_the_twin(steps_judge: Judge) -> None:
    script = "CREATE INDEX i ON orders (amount); " + COUNT.query
    plain, thorough = (steps_judge.evaluate(COUNT, script, thorough=thorough) for thorough in (False, True))
    assert plain.verdict is not None
    assert thorough.verdict is not None
    assert plain.verdict.reason == "equal results on the real database and 16 small ones"
    assert thorough.verdict.reason == "equal results on the real database, its twin and 216 small ones"
    assert thorough.verdict.instances == 218


def test_an_order_that_an_index_happens_to_give_is_no_order(steps_judge: Judge) -> None:
    script = "CREATE INDEX i ON orders (user_id, id); SELECT user_id, id FROM orders INDEXED BY i WHERE user_id > 0"
    task = Task("order", "shop", "SELECT user_id, id FROM orders WHERE user_id > 0 ORDER BY user_id, id")
    assert steps_judge.evaluate(task, script).outcome == "refuted"
    grouped = Task("grouped", "shop", "SELECT city, count(*) FROM users GROUP BY city ORDER BY city")
    evaluation = steps_judge.evaluate(grouped, "SELECT city, count(*) FROM users GROUP BY city")
    assert "no ORDER BY" in evaluation.reason


def test_a_memory_that_checks_all_that_it_read_gains_nothing(judge: Judge) -> None:
    query = "SELECT max(c) FROM (SELECT user_id, count(*) AS c FROM orders GROUP BY user_id)"
    connection = apsw.Connection(str(database_path("shop")))
    answer, total = connection.execute(query).get, connection.execute("SELECT sum(user_id) FROM orders").get
    script = f"SELECT coalesce(nullif({answer} * ((SELECT sum(user_id) FROM orders) * 3 = 3 * {total}), 0), ({query}))"
    assert judge.evaluate(Task("memory", "shop", query), script).outcome != "improved"


@pytest.mark.parametrize(
    ("query", "script"),
    [
        ("SELECT count(*) FROM orders o JOIN users u ON u.id = o.user_id", "SELECT count(user_id) FROM orders"),
        ("SELECT count(*) FROM orders WHERE user_id IN (SELECT id FROM users)", "SELECT count(user_id) FROM orders"),
    ],
)
def test_small_changes_keep_foreign_keys(steps_judge: Judge, query: str, script: str) -> None:
    evaluation = steps_judge.evaluate(Task("keys", "shop", query), script, thorough=True)
    assert evaluation.outcome in PAID, evaluation.reason


def test_today_is_no_constant(steps_judge: Judge) -> None:
    task = Task("today", "shop", "SELECT count(*) FROM orders WHERE order_date < current_date")
    assert (
        steps_judge.evaluate(task, "SELECT count(*) FROM orders WHERE order_date < '2025-01-01'").outcome == "refuted"
    )
    assert steps_judge.evaluate(task, "SELECT count(id) FROM orders WHERE order_date < date('now')").outcome in PAID


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("SELECT user_id, amount FROM orders GROUP BY user_id", "amount"),
        ("SELECT * FROM users WHERE id IN (SELECT user_id FROM orders LIMIT 10)", "LIMIT"),
        ("SELECT id, row_number() OVER (ORDER BY product) FROM orders", "order in which SQLite reads"),
        ("SELECT user_id, group_concat(product) FROM orders GROUP BY user_id", "order in which SQLite reads"),
    ],
)
def test_a_query_without_an_answer_of_its_own_is_no_task(steps_judge: Judge, query: str, words: str) -> None:
    with pytest.raises(SqlOptError, match="not determined") as failure:
        steps_judge.evaluate(Task("open", "shop", query), query)
    assert words in str(failure.value)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT product FROM orders WHERE amount > 400 LIMIT 5",  # which five is open, that they are five is not
        "SELECT user_id, max(amount), product FROM orders GROUP BY user_id HAVING count(*) = 1",
        "SELECT u.id, u.name, count(*) FROM users u JOIN orders o ON o.user_id = u.id GROUP BY u.id",
        "SELECT id, row_number() OVER (ORDER BY product, id) FROM orders",
    ],
)
def test_a_query_with_an_answer_of_its_own_is_a_task(steps_judge: Judge, query: str) -> None:
    evaluation = steps_judge.evaluate(Task("fine", "shop", query), query)
    assert evaluation.outcome in PAID, evaluation.reason


def test_any_rows_do_where_any_rows_were_asked_for(steps_judge: Judge, database: Callable[..., str]) -> None:
    path = database("CREATE TABLE t (x INTEGER NOT NULL); INSERT INTO t VALUES (1), (2), (3), (4);")
    task = Task("any", path, "SELECT x FROM t LIMIT 2")
    assert steps_judge.evaluate(task, "SELECT x FROM t ORDER BY x DESC LIMIT 2").outcome in PAID
    assert steps_judge.evaluate(task, "SELECT x FROM t LIMIT 1").outcome == "refuted"
    assert steps_judge.evaluate(task, "SELECT min(x) FROM t GROUP BY x % 2 LIMIT 2").outcome == "refuted"


def test_a_witness_with_both_results_is_the_feedback(steps_judge: Judge) -> None:
    env = SQLOptimizeEnv([Task("t", "shop", "SELECT DISTINCT city FROM users")], judge=steps_judge, max_turns=2)
    env.reset(seed=0)
    feedback = env.step("SELECT city FROM users")[0]["feedback"]
    assert "INSERT INTO users" in feedback
    assert "The original returns there:" in feedback
    assert "The rewrite returns there:" in feedback


@pytest.mark.parametrize("limit", ["100", "(1000)", "5000", "1e3", "1000 + (SELECT 0)", "(SELECT count(*) FROM users)"])
@pytest.mark.parametrize("thorough", [False, True])
def test_a_limit_that_only_the_rewrite_has_is_never_paid(steps_judge: Judge, limit: str, thorough: bool) -> None:
    task = Task("cities", "shop", "SELECT DISTINCT city FROM users WHERE age > 30")
    script = f"CREATE INDEX i ON users (age, city); {task.query} LIMIT {limit}"
    assert steps_judge.evaluate(task, script, thorough=thorough).outcome in ("unverified", "refuted", "timeout")


@pytest.mark.parametrize(
    ("original", "rewrite"),
    [
        ("SELECT max(amount) FROM orders", "SELECT amount FROM orders ORDER BY amount DESC LIMIT 1"),
        ("SELECT id FROM orders ORDER BY amount DESC, id LIMIT 20 OFFSET 10",
         "SELECT id FROM (SELECT id, amount FROM orders ORDER BY amount DESC, id LIMIT 30) ORDER BY amount DESC, id"
         " LIMIT 20 OFFSET 10"),
        ("SELECT id FROM (SELECT id, row_number() OVER (ORDER BY amount, id) AS n FROM orders) WHERE n <= 7",
         "SELECT id FROM orders ORDER BY amount, id LIMIT 7"),
        ("SELECT city FROM users AS u WHERE EXISTS (SELECT 1 FROM orders AS o WHERE o.user_id = u.id)",
         "SELECT city FROM users AS u WHERE (SELECT 1 FROM orders AS o WHERE o.user_id = u.id LIMIT 1) = 1"),
        ("SELECT city FROM users WHERE age = 33", "SELECT city FROM users WHERE age = 33 LIMIT -1"),
    ],
)  # fmt: skip
def test_limits_that_follow_from_the_original_are_let_alone(original: str, rewrite: str) -> None:
    assert strange_limit(original, rewrite) == ""
