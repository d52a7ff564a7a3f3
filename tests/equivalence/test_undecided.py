"""What no small database decides both ways must be said by both queries."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sqlopt_env import Judge, Settings, Task
from sqlopt_env.databases.shop import SCHEMA
from sqlopt_env.equivalence.parsing import parsed
from sqlopt_env.equivalence.refute import Refuter
from sqlopt_env.equivalence.undecided import normalised, said_conditions
from sqlopt_env.sqlite.connection import memory_connection
from sqlopt_env.sqlite.copies import Copy
from sqlopt_env.sqlite.script import read_script

PAID = ("improved", "equivalent")


@pytest.fixture(scope="module")
def blank() -> Copy:
    connection = memory_connection()
    connection.execute(SCHEMA)
    return Copy(connection, Settings())


@pytest.mark.parametrize(
    ("query", "conditions"),
    [
        ("SELECT id FROM users AS u WHERE length(u.name) < 500 AND age > 30", ["LENGTH(name) < 500"]),
        ("SELECT user_id FROM orders GROUP BY user_id HAVING count(*) < 2000", ["COUNT(*) < 2000"]),
        ("SELECT id FROM users WHERE (SELECT count(*) FROM orders AS o) < 50000",
         ["(SELECT COUNT(*) FROM orders) < 50000"]),
        ("SELECT id FROM users WHERE 'WXYZ' = substr(name, 3, 4)", ["SUBSTRING(name, 3, 4) = 'WXYZ'"]),
        ("SELECT id FROM users WHERE age * age = 1522756", ["age * age = 1522756"]),
        ("SELECT sum(length(name) = 83) FROM users", ["LENGTH(name) = 83"]),
        ("SELECT id FROM orders WHERE amount > 10 AND amount > 5", []),  # one implies the other
        ("SELECT id FROM users WHERE name IS NOT NULL AND 1 = 1", []),
        ("SELECT id FROM orders WHERE user_id IN (SELECT id FROM users) AND user_id IS NOT NULL", []),
        ("SELECT u.id FROM users u JOIN orders o ON o.user_id = u.id WHERE u.city = 'Bonn' OR o.amount > 10", []),
        ("SELECT CASE age WHEN 7 THEN 1 END FROM users ORDER BY nullif(city, 'Bonn'), id", []),
    ],
)  # fmt: skip
def test_conditions_that_no_small_database_decides(blank: Copy, query: str, conditions: list[str]) -> None:
    script = read_script(blank.connection, blank.authorizer, query, Settings())
    refuter = Refuter(blank.duplicate())
    wanted = tuple(normalised(parsed(f"SELECT {text}").expressions[0]) for text in conditions)  # type: ignore[union-attr]
    assert refuter.study(script, 16, 0, 5.0)[1] == wanted
    assert set(wanted) <= said_conditions(query)
    refuter.close()


LONG = "SELECT product, count(*) FROM orders AS o WHERE length(o.product) < 100 GROUP BY product"
LAST = "SELECT id FROM orders WHERE user_id = 439 ORDER BY order_date DESC, id LIMIT 20"
NEVER = "SELECT id FROM users WHERE substr(name, 3, 4) = 'WXYZ'"
YEAR = "SELECT id, amount FROM orders WHERE strftime('%Y', order_date) = '2024'"


@pytest.mark.parametrize("thorough", [False, True])
@pytest.mark.parametrize(
    ("query", "rewrite", "words"),
    [
        (LONG, "SELECT product, count(*) FROM orders GROUP BY product", "the rewrite does not say it"),
        (LONG, "SELECT product, count(*) FROM orders WHERE 100 > length(product) GROUP BY product", ""),
        (LONG, LONG.replace("AS o", "  AS o"), ""),
        ("SELECT user_id, count(*) FROM orders GROUP BY user_id HAVING count(*) < 2000",
         "SELECT user_id, count(*) FROM orders GROUP BY user_id", "COUNT(*) < 2000"),
        (LAST, LAST.replace("439 ", "439 AND length(product) < 100 "), "its condition LENGTH(product) < 100"),
        (LAST, LAST.replace("439 ", "439 AND (SELECT count(*) FROM users) < 90000 "), "its condition"),
        (NEVER, "SELECT id FROM users WHERE 0", "nothing tells it from a constant"),
        (NEVER, "CREATE INDEX i ON users (substr(name, 3, 4)); " + NEVER, ""),
        (YEAR, "SELECT id, amount FROM orders WHERE order_date >= '2024-01-01' AND order_date < '2025-01-01'", ""),
        ("SELECT id FROM users WHERE age >= 20 AND age <= 30", "SELECT id FROM users WHERE age BETWEEN 20 AND 30", ""),
        ("SELECT id FROM orders WHERE product LIKE 'abc%'",
         "SELECT id FROM orders WHERE product LIKE 'abc%' AND product IS NOT NULL", ""),
        ("SELECT id FROM users WHERE age = 20 OR age = 25", "SELECT id FROM users WHERE age IN (20, 25)", ""),
    ],
)  # fmt: skip
def test_both_must_say_it(steps_judge: Judge, query: str, rewrite: str, words: str, thorough: bool) -> None:
    evaluation = steps_judge.evaluate(Task("blind", "shop", query), rewrite, thorough=thorough)
    if not words:
        assert evaluation.outcome in PAID, evaluation.reason
        return
    assert evaluation.outcome == "unverified", evaluation.reason
    assert words in evaluation.reason
    assert evaluation.verdict is not None
    assert evaluation.verdict.status == "unknown"


RIDDLES = """
CREATE TABLE riddles (word TEXT NOT NULL CHECK (ifnull(unicode(word), 0) * length(word) = 2021), answer TEXT);
INSERT INTO riddles VALUES (replace(hex(zeroblob(21)), '0', '/') || '/', 'none'), ('+' || hex(zeroblob(23)), 'some');
"""
RIDDLE = "SELECT answer FROM riddles"


@pytest.mark.parametrize("thorough", [False, True])
@pytest.mark.parametrize(
    ("rewrite", "words"),
    [
        ("CREATE INDEX i ON riddles (answer); SELECT answer FROM riddles", ""),
        ("SELECT r.answer FROM (SELECT * FROM riddles) r", ""),  # proved
        ("SELECT answer FROM riddles WHERE length(word) % 2", "EXISTS (SELECT * FROM riddles) holds"),
    ],
)
def test_a_table_that_no_small_database_fills_is_in_doubt(
    steps_judge: Judge, database: Callable[..., str], rewrite: str, words: str, thorough: bool
) -> None:
    evaluation = steps_judge.evaluate(Task("riddles", database(RIDDLES), RIDDLE), rewrite, thorough=thorough)
    assert (evaluation.outcome == "unverified") is bool(words), evaluation.reason
    assert words in evaluation.reason
