"""The small databases are legal, lie near what the queries ask for, and are the same for the same seed."""

from __future__ import annotations

import tomllib
from collections import Counter
from pathlib import Path

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sqlopt_env import verify
from sqlopt_env.equivalence.arena import Arena
from sqlopt_env.equivalence.distil import distilled
from sqlopt_env.equivalence.instances import Instances, Rows
from sqlopt_env.equivalence.instances.checks import checks_of, columns_of
from sqlopt_env.equivalence.mistakes import mistakes
from sqlopt_env.equivalence.shape import TableShape, read_shape
from sqlopt_env.sqlite.copies import Copy
from sqlopt_env.sqlite.schema import schema_connection
from sqlopt_env.types import Settings

FIXTURES = Path(__file__).parents[1] / "fixtures" / "verdicts"
CHECKED = tomllib.loads((FIXTURES / "rows.toml").read_text(encoding="utf-8"))["schema"]
SCHEMA = """
CREATE TABLE teams (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, town TEXT);
CREATE TABLE players (
  team INTEGER NOT NULL REFERENCES teams (id), shirt INTEGER NOT NULL CHECK (shirt BETWEEN 1 AND 99),
  name TEXT, captain INTEGER REFERENCES teams (id), born TEXT CHECK (born IS date(born)), goals INTEGER DEFAULT 0,
  PRIMARY KEY (team, shirt)
) WITHOUT ROWID;
CREATE TABLE games (
  home INTEGER NOT NULL, guest INTEGER NOT NULL, starts TEXT NOT NULL, ends TEXT NOT NULL, paid REAL,
  CHECK (home <> guest),
  CHECK (ends >= starts), FOREIGN KEY (home) REFERENCES teams (id), FOREIGN KEY (guest) REFERENCES teams (id)
);
CREATE TABLE bookings (
  team INTEGER, shirt INTEGER, minute INTEGER NOT NULL, flag BOOLEAN NOT NULL,
  FOREIGN KEY (team, shirt) REFERENCES players (team, shirt)
);
CREATE TABLE places (id INTEGER PRIMARY KEY, inside INTEGER NOT NULL REFERENCES places (id), label NUMERIC);
"""
QUERIES = (
    "SELECT p.name FROM players p JOIN teams t ON t.id = p.team WHERE p.goals > 17 AND t.town = 'Bonn' AND shirt = 1",
    "SELECT t.name, count(*) FROM teams t LEFT JOIN games g ON g.home = t.id AND g.paid >= 99.5"
    " GROUP BY t.name HAVING count(*) > 2",
    "SELECT minute FROM bookings b WHERE EXISTS (SELECT 1 FROM players p WHERE p.team = b.team AND p.shirt = b.shirt)",
    "SELECT p.id FROM places p JOIN places q ON q.id = p.inside WHERE q.label LIKE '4%'",
)


@pytest.fixture(scope="module")
def arena() -> Arena:
    return Arena(Copy(schema_connection(SCHEMA), Settings()))


def made(query: str, count: int = 40, seed: int = 0) -> list[Rows]:
    instances = Instances(read_shape(schema_connection(SCHEMA)), [query])
    return [instances.make(number, seed) for number in range(count)]


@pytest.mark.parametrize("query", QUERIES)
def test_nearly_all_rows_are_legal_at_once(arena: Arena, query: str) -> None:
    wanted = accepted = 0
    with arena.within(1e9):
        for rows in made(query):
            with arena.holding(rows) as held:
                wanted += sum(map(len, rows.values()))
                accepted += sum(map(len, held.values()))
                assert arena.copy.connection.execute("PRAGMA foreign_key_check").fetchall() == []
    assert wanted > 300
    assert accepted > 0.85 * wanted


@pytest.mark.parametrize("query", QUERIES)
def test_what_a_query_asks_for_is_often_there(arena: Arena, query: str) -> None:
    with arena.within(1e9):
        found = []
        for rows in made(query):
            with arena.holding(rows):
                found.append(len(arena.rows(query)))
    assert sum(map(bool, found)) >= 2
    assert 0 in found
    assert max(found) >= 1


def test_the_first_one_is_empty_and_the_seed_makes_the_others() -> None:
    first = made(QUERIES[0])
    assert not any(first[0].values())
    assert made(QUERIES[0]) == first
    assert made(QUERIES[0], seed=1) != first


def test_columns_hold_what_they_are_declared_for() -> None:
    kinds = {
        "players": (int, int, str, int, str, int),
        "bookings": (int, int, int, int),
        "games": (int, int, str, str, float),
    }
    for rows in made(QUERIES[0]) + made(QUERIES[1]):
        for table, types in kinds.items():
            for row in rows[table]:
                assert all(v is None or type(v) is kind for v, kind in zip(row, types, strict=True)), row
        assert {row[3] for row in rows["bookings"]} <= {0, 1}


def test_a_limit_is_gone_beyond(arena: Arena) -> None:
    query = "SELECT name FROM teams ORDER BY name LIMIT 100"
    with arena.within(1e9):
        sizes = []
        for rows in made(query):
            with arena.holding(rows):
                sizes.append(arena.rows("SELECT count(*) FROM teams")[0][0])
    assert max(size for size in sizes if isinstance(size, int)) > 100


@pytest.mark.parametrize("query", QUERIES)
def test_mistakes_are_other_queries(query: str) -> None:
    connection = schema_connection(SCHEMA)
    mutants = mistakes(query, 20)
    assert 4 <= len(mutants) <= 20
    assert len(set(mutants)) == len(mutants)
    sound = 0
    for mutant in mutants:
        try:
            connection.execute(mutant).fetchall()
            sound += 1
        except apsw.SQLError:
            continue
    assert sound > len(mutants) / 2


@given(st.lists(st.frozensets(st.integers(0, 12)), max_size=20), st.integers(0, 25))
def test_few_instances_tell_what_all_of_them_tell(told: list[frozenset[int]], count: int) -> None:
    chosen = distilled(told, [len(mistakes) for mistakes in told], count)
    assert len(chosen) == len(set(chosen)) == min(count, len(told))
    if count >= 13:  # one instance for each mistake is enough
        assert frozenset().union(*(told[i] for i in chosen)) == frozenset().union(*told)


NOTES = """
CREATE TABLE notes (
  id INTEGER PRIMARY KEY, hash BLOB, note TEXT, at TEXT, seconds INTEGER, word TEXT, other INTEGER
);
CREATE TABLE words (word TEXT, other INTEGER);
"""


@pytest.mark.parametrize(
    "query",
    [
        "SELECT id FROM notes WHERE hash = x'0011223344556677'",
        "SELECT id FROM notes WHERE seconds > 60 * 60 * 24 AND seconds < 1999 * 1999",
        "SELECT id FROM notes WHERE note = 'zz' || 'top'",
        "SELECT id FROM notes WHERE note = char(90, 101)",
        'SELECT id FROM notes WHERE note = "Zebra"',
        "SELECT id FROM notes WHERE note = 777.5",
        "SELECT id FROM notes WHERE at = date('now', '-30 days')",
        "SELECT id FROM notes WHERE at < current_date AND at > date('now', '-1 month')",
        "SELECT id FROM notes WHERE note = '50!%' ESCAPE '!'".replace("=", "LIKE"),
        "SELECT notes.id FROM notes NATURAL JOIN words",
    ],
)
def test_constants_of_every_kind_are_met_and_missed(query: str) -> None:
    arena = Arena(Copy(schema_connection(NOTES), Settings()))
    instances = Instances(arena.tables, [query])
    whole = query.partition(" WHERE")[0]
    met = missed = False
    with arena.within(1e9):
        for number in range(64):
            with arena.holding(instances.make(number, 0)):
                rows = len(arena.rows(query))
                met, missed = met or rows > 0, missed or rows < len(arena.rows(whole)) or " WHERE" not in query
    assert met
    assert missed


@pytest.mark.parametrize("length", [8, 16])
def test_texts_share_a_long_beginning(length: int) -> None:
    arena = Arena(Copy(schema_connection(NOTES), Settings()))
    instances = Instances(arena.tables, ["SELECT count(DISTINCT note) FROM notes", "SELECT id FROM notes ORDER BY at"])
    shared = dict.fromkeys(("note", "at"), 0)
    with arena.within(1e9):
        for number in range(100):
            with arena.holding(instances.make(number, 0)):
                for column in shared:
                    few = f"count(DISTINCT substr({column}, 1, {length})) < count(DISTINCT {column})"
                    shared[column] += arena.rows(f"SELECT {few} FROM notes") == [(1,)]
    assert min(shared.values()) >= 5, shared


@pytest.mark.parametrize("schema", CHECKED, ids=lambda schema: schema["name"])
def test_rows_that_checks_let_in_are_on_most_instances(schema: dict[str, str]) -> None:
    arena = Arena(Copy(schema_connection(schema["script"]), Settings()))
    instances = Instances(arena.tables, [f"SELECT * FROM {arena.tables[-1].name}"])
    filled: Counter[str] = Counter()
    several: set[str] = set()
    with arena.within(1e9):
        for number in range(60):
            with arena.holding(instances.make(number, 0)) as held:
                filled.update(name for name, rows in held.items() if rows)
                several |= {name for name, rows in held.items() if len(rows) > 1}
    assert all(filled[table.name] > 30 for table in arena.tables), filled
    assert several == {table.name for table in arena.tables} - {"single"}


@pytest.mark.parametrize(
    ("check", "parts"),
    [
        ("a > 1 AND b < 2", ["a > 1", "b < 2"]),
        ("a BETWEEN 1 AND 2 AND c BETWEEN 3 AND 4", ["a BETWEEN 1 AND 2", "c BETWEEN 3 AND 4"]),
        ("((a AND (b AND c)))", ["a", "b", "c"]),
        ("(a) AND (b OR c)", ["a", "b OR c"]),
        ("a AND b OR c", ["a AND b OR c"]),
        ('a AND "end" > 2 AND b', ["a", '"end" > 2', "b"]),
        ("a > 1 AND end > 2 OR b", ["a > 1 AND end > 2 OR b"]),
        ("CASE WHEN a AND b THEN 1 ELSE 0 END AND c", ["CASE WHEN a AND b THEN 1 ELSE 0 END", "c"]),
        ("(a = 1) = (b = ' AND ')", ["(a = 1) = (b = ' AND ')"]),
    ],
)
def test_a_check_falls_into_its_parts(check: str, parts: list[str]) -> None:
    table = TableShape("t", (), (), checks=(check,))
    assert [part.strip() for part in checks_of(table)] == parts


def test_what_a_generated_column_is_made_from_counts() -> None:
    schema = "CREATE TABLE t (a INT, b INT, c AS (a + b) UNIQUE, d INT CHECK (c > d))"
    (table,) = read_shape(schema_connection(schema))
    assert table.formulas == (("c", "a + b"),)
    assert columns_of(table.checks[0], table) == {"a", "b", "d"}


TURNS = [  # conditions that differ in one value of the column alone, far from every literal
    ("k - 1000 >= 1786", "k - 1000 > 1786"), ("k * 2 >= 956", "k * 2 > 956"), ("n + 6 >= 4000", "n + 6 > 4000"),
    ("r * 2 >= 95.5", "r * 2 > 95.5"), ("k + 3 BETWEEN 1786 AND 9000", "k + 3 BETWEEN 1787 AND 9000"),
    ("k * 2 = 956", "k * 2 = 958"), ("k + 11 = 9033", "k + 11 = 9034"), ("k / 10 = 377", "k / 10 = 378"),
    ("k * 2 IN (224934, 1032354)", "k * 2 IN (224934, 1032356)"), ("100 - k > 7000", "100 - k >= 7000"),
    ("(k + 5) * 3 >= 3000", "(k + 5) * 3 > 3000"), ("-k >= -4321", "-k > -4321"), ("5000 <= k + 1", "5000 < k + 1"),
    ("k % 100 = 37", "k % 100 = 38"), ("k - 700 = 1786 AND n IS NOT NULL", "k - 700 = 1786"),
]  # fmt: skip


@pytest.mark.parametrize(("original", "rewrite"), TURNS, ids=lambda text: str(text))
def test_instances_hold_the_values_at_which_arithmetic_turns(original: str, rewrite: str) -> None:
    schema = "CREATE TABLE t (id INTEGER PRIMARY KEY, r REAL, k INTEGER NOT NULL, n INTEGER)"
    verdict = verify(schema, f"SELECT id FROM t WHERE {original}", f"SELECT id FROM t WHERE {rewrite}")
    assert verdict.status == "refuted", verdict.reason
