"""Small changes to a database are few, legal, the same for the same seed, and still move the answer."""

from __future__ import annotations

from collections import deque

import apsw
import pytest

from sqlopt_env import Settings
from sqlopt_env.databases import database_path
from sqlopt_env.equivalence.refute import Refuter
from sqlopt_env.equivalence.shape import read_shape
from sqlopt_env.equivalence.twin.disturbance import Disturbance, apply, disturbance, narrowed
from sqlopt_env.equivalence.twin.handles import Step
from sqlopt_env.sqlite.connection import blank_copy, memory_connection, open_copy
from sqlopt_env.sqlite.copies import Copy
from sqlopt_env.sqlite.script import read_script

READS = {("orders", "amount"), ("orders", "order_date"), ("orders", "user_id"), ("users", "city"), ("users", "id")}
QUERY = "SELECT city, sum(amount) FROM orders JOIN users ON users.id = user_id WHERE user_id < 60 GROUP BY city"


@pytest.fixture(scope="module")
def shop() -> apsw.Connection:
    return open_copy(database_path("shop"))


@pytest.fixture(scope="module")
def large(shop: apsw.Connection) -> Disturbance:
    return disturbance(shop, read_shape(shop), READS, 1000, 0)


def answer_after(connection: apsw.Connection, steps: list[Step], query: str) -> list[object]:
    connection.execute("SAVEPOINT attempt")
    try:
        apply(connection, steps)
        return list(connection.execute(query).fetchall())
    finally:
        connection.execute("ROLLBACK TO attempt; RELEASE attempt")


def rows_of(steps: list[Step]) -> int:
    return sum(len(arguments) for _, arguments in steps)


def test_each_row_is_changed_at_once_and_in_order(large: Disturbance) -> None:
    assert all(arguments == sorted(arguments, key=lambda row: int(str(row[-1]))) for _, arguments in large.changes)
    changed = [(statement.split()[3], row[-1]) for statement, arguments in large.changes for row in arguments]
    assert len(set(changed)) == len(changed)


def test_making_it_leaves_the_database_as_it_was_and_is_repeatable(shop: apsw.Connection, large: Disturbance) -> None:
    before = shop.execute(QUERY).fetchall()
    assert disturbance(shop, read_shape(shop), READS, 1000, 0) == large
    assert disturbance(shop, read_shape(shop), READS, 1000, 1) != large
    assert shop.execute(QUERY).fetchall() == before


def test_few_rows_that_move_the_answer_are_kept(shop: apsw.Connection, large: Disturbance) -> None:
    before, runs = shop.execute(QUERY).fetchall(), 0

    def moves(steps: list[Step]) -> bool:
        nonlocal runs
        runs += 1
        return answer_after(shop, steps, QUERY) != before

    small = narrowed(large, moves)
    assert runs <= 12
    assert 0 < rows_of(small.changes) <= 200 < rows_of(large.changes)
    assert moves(small.changes)
    assert small.losses == large.losses


def test_all_are_kept_where_no_half_moves_the_answer(large: Disturbance) -> None:
    assert narrowed(large, lambda steps: False) == large


def test_the_runs_are_counted(large: Disturbance) -> None:
    runs = []
    small = narrowed(large, lambda steps: bool(runs.append(0)) or True, most_runs=2)
    assert len(runs) == 2
    assert rows_of(small.changes) == pytest.approx(rows_of(large.changes) / 4, abs=8)


def test_a_refused_value_does_not_keep_back_the_others_of_its_row() -> None:
    connection = memory_connection()
    connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER CHECK (a % 10 = id % 10), b TEXT)")
    connection.executemany("INSERT INTO t VALUES (?, ?, ?)", [(i, i, f"text {i}") for i in range(200)])
    reads = {("t", "a"), ("t", "b")}
    plan = disturbance(connection, read_shape(connection), reads, 100, 0)
    before: dict[object, object] = dict(connection.execute("SELECT id, b FROM t").fetchall())  # type: ignore[arg-type]
    apply(connection, plan.changes)
    changed = [i for i, b in connection.execute("SELECT id, b FROM t") if before[i] != b]
    assert len(changed) > 90
    assert connection.changes() == 1  # the last one was not ignored
    assert connection.execute("SELECT count(*) FROM t WHERE a % 10 <> id % 10").get == 0


LIBRARY = """
CREATE TABLE authors (id INTEGER PRIMARY KEY, mail TEXT UNIQUE, born INTEGER NOT NULL CHECK (born > 1800));
CREATE TABLE books (
  id INTEGER PRIMARY KEY, author INTEGER NOT NULL REFERENCES authors, after INTEGER REFERENCES books, title TEXT
);
CREATE TABLE tags (book INTEGER, tag TEXT, weight INTEGER, PRIMARY KEY (book, tag)) WITHOUT ROWID;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 900)
INSERT INTO authors SELECT i, 'm' || i, 1900 + i % 90 FROM n;
INSERT INTO books SELECT id, 1 + id * 7 % 900, nullif(id - 1, 0), 'title ' || id FROM authors;
INSERT INTO tags SELECT id, column1, id % 9 FROM books, (VALUES ('x'), ('y'));
"""
JOINED = (
    "SELECT b.title, a.mail, sum(t.weight) FROM books AS b JOIN authors AS a ON a.id = b.author"
    " JOIN books AS c ON c.id = b.after JOIN tags AS t ON t.book = b.id"
    " WHERE a.born > 1950 AND b.id < 500 AND c.title <> '' GROUP BY b.title, a.mail"
)


@pytest.mark.parametrize("seed", range(4))
def test_what_samples_hold_is_planted_legally(seed: int) -> None:
    real = memory_connection()
    deque(real.execute(LIBRARY), maxlen=0)
    copies = [Copy(blank_copy(real), Settings()) for _ in range(2)]
    script = read_script(copies[0].connection, copies[0].authorizer, JOINED, Settings())
    samples = [sample.rows for sample in Refuter(copies[1]).samples(script, 16, seed, 5.0)]
    plan = disturbance(real, read_shape(real), script.reads, 60, seed, JOINED, samples)
    keys = "SELECT 'b', id FROM books UNION ALL SELECT 'a', id FROM authors ORDER BY 1, 2"
    before, answer = real.execute(keys).fetchall(), real.execute(JOINED).fetchall()

    apply(real, [*plan.changes, *plan.planted])
    assert real.execute(keys).fetchall() == before
    assert real.execute(JOINED).fetchall() != answer
    assert real.execute("SELECT count(*) FROM authors WHERE mail IS NULL").get > 0
    assert real.execute("SELECT count(*) FROM tags WHERE weight IS NULL OR weight NOT BETWEEN 0 AND 8").get > 0
    apply(real, plan.losses)
    assert any(statement.startswith("INSERT") for statement, _ in plan.losses)
    assert real.execute("PRAGMA foreign_key_check").fetchall() == []
    assert real.execute("PRAGMA integrity_check").get == "ok"


DOCUMENTS = """
CREATE TABLE d (id INTEGER PRIMARY KEY, j TEXT NOT NULL, u TEXT, k INTEGER);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 900)
INSERT INTO d SELECT i, CASE i % 3 WHEN 0 THEN 'null' WHEN 1 THEN '"text"' ELSE json_object('a', i % 50) END,
  json_array(i), i % 7 FROM n;
"""


@pytest.mark.parametrize("seed", range(3))
def test_documents_stay_documents(seed: int) -> None:
    real = memory_connection()
    deque(real.execute(DOCUMENTS), maxlen=0)
    query = "SELECT id FROM d WHERE j ->> '$.a' > 5 AND u <> 'x' AND k > 3"
    reads = {("d", column) for column in ("id", "j", "u", "k")}
    samples = [{"d": [(i, text, text, 3 * i) for i, text in enumerate(("", "abc", "{", "NaN", '{"a": 7}'), 1)]}]
    plan = disturbance(real, read_shape(real), reads, 60, seed, query, samples)
    before = real.execute(query).fetchall()
    apply(real, [*plan.changes, *plan.planted, *plan.losses])
    assert real.execute("SELECT count(*) FROM d WHERE NOT (json_valid(j) AND json_valid(u))").get == 0
    assert real.execute("SELECT count(*) FROM d WHERE j = '{\"a\": 7}'").get > 0
    assert real.execute("SELECT count(*) FROM d WHERE k > 7").get > 0
    assert any(statement.startswith("INSERT") for statement, _ in plan.losses)
    assert real.execute(query).fetchall() != before


def test_conditions_that_fail_on_what_is_planted_stop_nothing() -> None:
    real = memory_connection()
    real.execute("CREATE TABLE d (id INTEGER PRIMARY KEY, j TEXT, k INTEGER)")
    real.executemany("INSERT INTO d VALUES (?, ?, ?)", [(i, str(i % 9), i % 5) for i in range(300)])
    query = "SELECT id FROM d WHERE json_extract(j, '$') = 5 ORDER BY k"
    samples = [{"d": [(i, "no document", i) for i in range(5)]}]
    plan = disturbance(real, read_shape(real), {("d", "id"), ("d", "j"), ("d", "k")}, 60, 0, query, samples)
    assert plan.planted
