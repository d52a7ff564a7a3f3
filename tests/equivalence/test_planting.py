"""A literal that a rewrite brings is found beside its column, and tried on the small databases of the task."""

from __future__ import annotations

from typing import Any

import pytest

from sqlopt_env import Settings
from sqlopt_env.databases.shop import SCHEMA
from sqlopt_env.equivalence.instances.literals import brings_literals
from sqlopt_env.equivalence.instances.novelty import novel_comparisons
from sqlopt_env.equivalence.instances.phrases import made_constants
from sqlopt_env.equivalence.instances.planting import Planting
from sqlopt_env.equivalence.refute import Refuter
from sqlopt_env.sqlite.authorizer import Authorizer
from sqlopt_env.sqlite.connection import memory_connection
from sqlopt_env.sqlite.copies import Copy
from sqlopt_env.sqlite.script import Script, read_script

MAY = "SELECT id, amount FROM orders WHERE strftime('%Y-%m', order_date) = '2024-05'"
RANGE = "SELECT id, amount FROM orders WHERE order_date >= '{}' AND order_date < '{}'"
TWENTIES = "SELECT u.name FROM users u WHERE u.age / 10 = 2"
DECEMBER = (
    "SELECT count(*) FROM (SELECT DISTINCT u.id FROM users u JOIN orders o ON o.user_id = u.id"
    " WHERE u.age / 10 = 2 AND substr(o.order_date, 1, 7) = '2024-12')"
)
COUNTED = (
    "SELECT count(*) FROM users WHERE age BETWEEN {} AND {} AND id IN"
    " (SELECT user_id FROM orders WHERE order_date >= '{}' AND order_date < '{}')"
)


def blank() -> Copy:
    connection = memory_connection()
    connection.execute(SCHEMA)
    return Copy(connection, Settings())


@pytest.fixture(scope="module")
def refuter() -> Refuter:
    return Refuter(blank())


@pytest.fixture(scope="module")
def copy() -> Copy:
    return blank()


def read(copy: Copy, text: str) -> Script:
    return read_script(copy.connection, copy.authorizer, text, Settings())


@pytest.mark.parametrize(
    ("original", "rewrite", "found"),
    [
        (MAY, RANGE.format("2024-05-01", "2024-06-01"), {"order_date": {"2024-05-01", "2024-06-01"}}),
        (TWENTIES, "SELECT u.name FROM users u WHERE u.age BETWEEN 20 AND 29", {"age": {20, 29}}),
        (TWENTIES, "SELECT 1 FROM users WHERE age BETWEEN -3 AND 29 AND city <> 'x'", {"age": {-3, 29}, "city": {"x"}}),
        (TWENTIES, "SELECT name FROM users WHERE NOT age IN (20, 21, -3)", {"age": {20, 21, -3}}),
        (TWENTIES, "SELECT name FROM users WHERE users.age / 10 = 2 AND age > 0", {}),
        (TWENTIES, "SELECT name FROM users WHERE age + 1 > 20", None),
        (TWENTIES, "SELECT name FROM users WHERE age > 20 + id", None),
        (TWENTIES, "SELECT name FROM users WHERE 2 * age > 20", None),
        (TWENTIES, "SELECT name FROM users WHERE id - age > 20", None),
        (TWENTIES, "SELECT name FROM users WHERE length(name) > 20", None),
        (TWENTIES, "SELECT name FROM users WHERE name LIKE 'A%'", None),
        (TWENTIES, "SELECT name FROM users WHERE age = 2 AND 20 < id", None),
        (TWENTIES, "SELECT name FROM users LIMIT 20", None),
        (TWENTIES, "SELECT ntile(100) OVER (ORDER BY id) FROM users", None),
        (TWENTIES, 'SELECT name AS "other" FROM users', None),
        (TWENTIES, "SELECT name FROM users GROUP BY name HAVING count(*) > 20", None),
        (TWENTIES, "SELECT name FROM (SELECT name, count(*) AS age FROM users) WHERE age > 20", None),
        (TWENTIES, "CREATE INDEX i ON users (age) WHERE age > 20; SELECT age FROM users", {"age": {20}}),
    ],
)  # fmt: skip
def test_the_column_of_a_new_literal(
    copy: Copy, original: str, rewrite: str, found: dict[str, set[object]] | None
) -> None:
    assert novel_comparisons(original, read(copy, rewrite)) == found


@pytest.mark.parametrize(
    ("original", "rewrite", "same"),
    [
        (MAY, RANGE.format("2024-05-01", "2024-06-01"), True),
        (MAY, RANGE.format("2024-05-02", "2024-06-01"), False),
        (MAY, RANGE.format("2024-05-01", "2024-05-31"), False),
        (MAY, RANGE.format("2024-05-01", "2024-06-02"), False),
        (MAY, RANGE.format("2023-05-01", "2024-06-01"), False),
        (DECEMBER, COUNTED.format(20, 29, "2024-12-01", "2025-01-01"), True),
        (DECEMBER, COUNTED.format(20, 30, "2024-12-01", "2025-01-01"), False),
        (DECEMBER, COUNTED.format(19, 29, "2024-12-01", "2025-01-01"), False),
        (DECEMBER, COUNTED.format(20, 29, "2024-12-01", "2024-12-31"), False),
        (DECEMBER, COUNTED.format(20, 29, "2024-12-01", "2025-01-02"), False),
        (TWENTIES, "SELECT name FROM users WHERE age IN (20, 21, 22, 23, 24, 25, 26, 27, 28, 29)", True),
        (TWENTIES, "SELECT name FROM users WHERE age IN (20, 21, 22, 23, 24, 26, 27, 28, 29)", False),
        (TWENTIES, "SELECT name FROM users WHERE age > 19.5 AND age < 28.99", False),
    ],
)
@pytest.mark.parametrize("seed", range(3))
def test_a_wrong_literal_is_found(
    refuter: Refuter, copy: Copy, original: str, rewrite: str, same: bool, seed: int
) -> None:
    first, second = read(copy, original), read(copy, rewrite)
    samples = refuter.samples(first, 16, 0, 5.0)
    search = refuter.probe(first, second, samples, 32, seed, 5.0)
    assert (search.witness is None) is same
    assert search == refuter.probe(first, second, samples, 32, seed, 5.0)


@pytest.mark.parametrize(
    "condition",
    [
        "amount < 88888",
        "(amount <> 7777.77 OR amount IS NULL)",
        "amount NOT BETWEEN 8887 AND 8889",
        "product <> 'Zebra'",
        'product <> "Zebra"',
        "product <> char(90, 101)",
        "order_date < '2031-01-01'",
        "amount <> 439 * 439",
        "id < 439 * 439 * 20",
        "coalesce(nullif(product, 'Zebra'), '') <> ''",
    ],
)
@pytest.mark.parametrize(
    ("query", "more"),
    [
        ("SELECT id, product FROM orders WHERE user_id = 439 ORDER BY order_date DESC, id LIMIT 20", "user_id = 439"),
        ("SELECT product FROM orders WHERE user_id IN (7, 8, 9, 439)", "user_id IN (7, 8, 9, 439)"),
        ("SELECT o.id FROM orders o JOIN users u ON u.id = o.user_id WHERE u.id = 439", "u.id = 439"),
    ],
    ids=("key", "keys", "join"),
)
def test_a_key_that_is_a_literal_is_kept(refuter: Refuter, copy: Copy, query: str, more: str, condition: str) -> None:
    prefix = "o." if "u.id" in query and condition.startswith("id") else ""
    first, second = read(copy, query), read(copy, query.replace(more, f"{more} AND {prefix}{condition}"))
    assert brings_literals(query, second)
    samples = refuter.samples(first, 16, 0, 5.0)
    assert refuter.probe(first, second, samples, 32, 1, 5.0).witness is not None


@pytest.mark.parametrize(
    ("statement", "made"),
    [
        ("SELECT 439 * 439 FROM t", {"439 * 439"}),
        ("SELECT (439) * -(2) FROM t", {"439 * 2", "- 2"}),
        ("SELECT 1 FROM t WHERE s = char(90, 101)", {"char(90 , 101 )"}),
        ("SELECT count(1), ntile(4) OVER () FROM t WHERE n IN (7, 8) AND round(x, 2) > 3 AND m - 5 > n - 1", set()),
        ("SELECT 1 FROM t WHERE n > -5 AND n < ~7", {"- 5", "~ 7"}),
        ("SELECT 1 FROM t WHERE n = CAST('5' AS INTEGER)", {"cast 5"}),
        ("SELECT 1 FROM t WHERE d < current_date", {"CURRENT_DATE"}),
        ("SELECT 1 FROM t WHERE s = 'zz' || 'top'", {"zz || top"}),
    ],
)
def test_constants_that_are_made_of_others(statement: str, made: set[str]) -> None:
    assert made_constants(statement) == made


def test_what_is_made_of_the_originals_own_literals_is_brought(copy: Copy) -> None:
    original = "SELECT name FROM users WHERE age = 39 AND id > -7"
    assert not brings_literals(original, read(copy, "SELECT name FROM users WHERE id > -7 AND 39 = age"))
    for condition in ("age = 39 * 39", "age = -39", "age = char(39)", "name < current_date", "age = 39 AND id > ~7"):
        assert brings_literals(original, read(copy, f"SELECT name FROM users WHERE {condition}")), condition


def test_rows_of_a_copy_belong_together(refuter: Refuter, copy: Copy) -> None:
    script = read(copy, DECEMBER)
    planting = Planting(refuter.tables, {"users", "orders"}, {"order_date": {"2024-12-31"}})
    grown = 0
    for number, sample in enumerate(refuter.samples(script, 16, 0, 5.0)):
        rows = planting.grown(sample.rows, number, 0)
        assert rows == planting.grown(sample.rows, number, 0)
        joined = joins(rows)
        assert joined >= joins(sample.rows)
        grown += joined > joins(sample.rows)
    assert grown > 5


def joins(rows: dict[str, list[tuple[object, ...]]]) -> int:
    """Orders whose user is there: `user_id` is the second column of orders, `id` the first one of users."""
    users = {row[0] for row in rows["users"]}
    return sum(row[1] in users for row in rows["orders"])


def test_statements_are_compiled_once_in_each_direction(
    refuter: Refuter, copy: Copy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite does not read its schema again for each of the small databases because there are new indexes."""
    asked = 0
    answer = Authorizer.__call__

    def counted(*arguments: Any) -> int:
        nonlocal asked
        asked += 1
        return answer(*arguments)

    original = read(copy, DECEMBER)
    rewrite = read(copy, "CREATE INDEX i ON orders (order_date, user_id);" + COUNTED.format(20, 29, "2024-12", "2025"))
    samples = refuter.samples(original, 16, 0, 5.0)
    monkeypatch.setattr(Authorizer, "__call__", counted)
    assert refuter.compare(original, rewrite, samples, 5.0).agreed == 16
    first, asked = asked, 0
    assert refuter.compare(original, rewrite, [samples[0], samples[-1]], 5.0).agreed == 2
    assert asked <= first < 2 * asked
