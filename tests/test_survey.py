"""What a survey says of a database, whatever is in it, and that it leaves the file as it was."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from math import isfinite
from pathlib import Path
from typing import Any

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqlopt_env import Judge, SqlOptError
from sqlopt_env.equivalence.shape import ForeignKey
from sqlopt_env.survey import SAMPLED, Survey

HUNDRED = ", ".join(f"c{i} TEXT" for i in range(100))
MANY = ", ".join(f"c{i} INTEGER" for i in range(1_900))


def sql(path: str | Path, query: str) -> list[tuple[Any, ...]]:
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    found: list[tuple[Any, ...]] = connection.execute(query).fetchall()
    connection.close()
    return found


def test_the_shop(judge: Judge) -> None:
    survey = judge.survey("shop")
    path = judge.database_path("shop")
    users, orders = survey.tables
    assert (users.name, users.rows, users.keys, users.foreign_keys) == ("users", 10_000, (("id",),), ())
    assert (orders.name, orders.rows, orders.keys) == ("orders", 50_000, (("id",),))
    assert orders.foreign_keys == (ForeignKey(("user_id",), "users", ("id",)),)
    kinds = {column.name: (column.kind, column.declared, column.not_null) for column in orders.columns}
    assert kinds == {
        "id": ("INTEGER", "INTEGER", True),
        "user_id": ("INTEGER", "INTEGER", False),
        "product": ("TEXT", "TEXT", True),
        "amount": ("REAL", "REAL", True),
        "order_date": ("TEXT", "TEXT", True),
    }
    assert "-- 50,000 rows\nCREATE TABLE orders" in survey.schema
    assert users.column("CITY") is users.column("city")
    with pytest.raises(KeyError):
        users.column("town")
    for table in survey.tables:
        for column in table.columns:
            name = column.name
            ((distinct, nulls),) = sql(path, f"SELECT count(DISTINCT {name}), avg({name} IS NULL) FROM {table.name}")
            assert column.distinct == distinct
            assert column.nulls == pytest.approx(nulls)
            assert list(column.values) == sorted(column.values)
            assert len(column.values) > SAMPLED * 0.9
            assert set(column.values) <= {value for (value,) in sql(path, f"SELECT {name} FROM {table.name}")}


# Of a database: what it is, its script, a table, a column, and what is known of that.
COLUMNS: list[tuple[str, str, str, str, dict[str, Any]]] = [
    ("quotes", """CREATE TABLE "a ""b's" ("c d" INT); INSERT INTO "a ""b's" VALUES (7)""",
     "a \"b's", "c d", {"values": (7,)}),
    ("keywords", """CREATE TABLE "group" ("select", ""); INSERT INTO "group" VALUES (1, 2)""",
     "group", "select", {"values": (1,)}),
    ("no name", """CREATE TABLE t (""); INSERT INTO t VALUES (2)""", "t", "", {"values": (2,)}),
    ("umlauts", "CREATE TABLE größe (weiß TEXT); INSERT INTO größe VALUES ('ß')", "größe", "weiß", {"values": ("ß",)}),
    ("NULLs", "CREATE TABLE t (a INT); INSERT INTO t VALUES (NULL), (NULL)",
     "t", "a", {"nulls": 1.0, "distinct": 0, "values": ()}),
    ("empty", "CREATE TABLE t (a INT NOT NULL)",
     "t", "a", {"nulls": 0.0, "distinct": 0, "values": (), "not_null": True}),
    ("blobs", "CREATE TABLE t (a); INSERT INTO t VALUES (x'00'), (x'ff')", "t", "a", {"distinct": 2, "values": ()}),
    ("broken texts", "CREATE TABLE t (a TEXT); INSERT INTO t VALUES ('a'), (CAST(x'ff' AS TEXT)),"
     " (CAST(x'edb080' AS TEXT)), ('b'), ('x' || char(0))", "t", "a", {"distinct": 5, "values": ("a", "b")}),
    ("beside broken texts", "CREATE TABLE t (a, b INT); INSERT INTO t VALUES (CAST(x'ff' AS TEXT), 5)",
     "t", "b", {"values": (5,)}),
    ("infinity and NaN", "CREATE TABLE t (a REAL); INSERT INTO t VALUES (9e999), (-9e999), (9e999 - 9e999), (0.5)",
     "t", "a", {"nulls": 0.25, "distinct": 3, "values": (0.5,)}),
    ("of all types", "CREATE TABLE t (a INT); INSERT INTO t VALUES (9223372036854775807), (-9223372036854775808),"
     " (1.5), ('x'), (x'00')", "t", "a", {"distinct": 5, "values": (-(2**63), 2**63 - 1)}),
    ("mostly texts", "CREATE TABLE t (a); INSERT INTO t VALUES ('x'), ('y'), (1)", "t", "a", {"values": ("x", "y")}),
    ("numbers", "CREATE TABLE t (a NUMERIC); INSERT INTO t VALUES (2), (1.5), ('x')", "t", "a", {"values": (1.5, 2)}),
    ("long texts", "CREATE TABLE t (a TEXT);"
     " INSERT INTO t VALUES (printf('%.2000c', 'x')), (printf('%.200c', 'y')), ('z')",
     "t", "a", {"distinct": 3, "values": ("y" * 200, "z")}),
    ("longer than a query may read", "CREATE TABLE t (a TEXT, b BLOB);"
     " INSERT INTO t VALUES (printf('%.3000000c', 'x'), zeroblob(3000000)), ('z', x'00')",
     "t", "a", {"distinct": 2, "values": ("z",)}),
    ("UTF-16le", "PRAGMA encoding = 'UTF-16le'; CREATE TABLE t (a); INSERT INTO t VALUES ('ß'), ('\U0001f600')",
     "t", "a", {"values": ("ß", "\U0001f600")}),
    ("UTF-16be", "PRAGMA encoding = 'UTF-16be'; CREATE TABLE t (a); INSERT INTO t VALUES ('ß')",
     "t", "a", {"values": ("ß",)}),
    ("collation", "CREATE TABLE t (a TEXT COLLATE NOCASE); INSERT INTO t VALUES ('a'), ('A')",
     "t", "a", {"distinct": 1, "collation": "NOCASE", "values": ("A", "a")}),
    ("WITHOUT ROWID", "CREATE TABLE t (a TEXT PRIMARY KEY) WITHOUT ROWID; INSERT INTO t VALUES ('q')",
     "t", "a", {"values": ("q",)}),
    ("STRICT", "CREATE TABLE t (a REAL) STRICT; INSERT INTO t VALUES (2)", "t", "a", {"values": (2.0,)}),
    ("beside generated ones", "CREATE TABLE t (a INT, b AS (a), c AS (a) STORED, d INT); INSERT INTO t VALUES (3, 4)",
     "t", "d", {"values": (4,)}),
    ("auto_vacuum", "PRAGMA auto_vacuum = FULL; CREATE TABLE t (a); INSERT INTO t VALUES (1)",
     "t", "a", {"values": (1,)}),
    ("100 columns", f"CREATE TABLE t ({HUNDRED}); INSERT INTO t (c99) VALUES ('z')", "t", "c99", {"values": ("z",)}),
    ("1,900 columns", f"CREATE TABLE t ({MANY}); INSERT INTO t (c1899) VALUES (5)", "t", "c1899", {"values": (5,)}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("script", "table", "column", "expected"), [case[1:] for case in COLUMNS], ids=[case[0] for case in COLUMNS]
)
def test_what_a_column_holds(
    judge: Judge, database: Callable[..., str], script: str, table: str, column: str, expected: dict[str, Any]
) -> None:
    (found,) = (one for one in judge.survey(database(script)).tables if one.name == table)
    survey = asdict(found.column(column))
    assert {name: repr(survey[name]) for name in expected} == {name: repr(expected[name]) for name in expected}


def test_generated_columns_views_and_virtual_tables_are_left_out(judge: Judge, database: Callable[..., str]) -> None:
    path = database(
        "CREATE TABLE t (a INT, b AS (a + 1), c AS (a + 2) STORED); CREATE VIEW v AS SELECT a FROM t;"
        "CREATE VIEW broken AS SELECT * FROM gone; CREATE VIRTUAL TABLE words USING fts5 (text);"
        "CREATE TABLE counted (id INTEGER PRIMARY KEY AUTOINCREMENT); INSERT INTO counted VALUES (1); ANALYZE;"
    )
    survey = judge.survey(path)
    assert [table.name for table in survey.tables] == ["t", "counted"]
    assert [column.name for column in survey.tables[0].columns] == ["a"]
    assert "CREATE VIEW v" in survey.schema


@pytest.mark.parametrize("script", ["PRAGMA user_version = 1", "CREATE VIEW v AS SELECT 1 AS a", ""])
def test_a_database_may_have_no_tables(judge: Judge, database: Callable[..., str], script: str) -> None:
    path = database(script)
    assert judge.survey(path).tables == ()
    Path(path).write_bytes(b"")  # an empty file is a database too
    assert judge.survey(path) == Survey("", ())


def test_keys_and_foreign_keys(judge: Judge, database: Callable[..., str]) -> None:
    path = database(
        "CREATE TABLE child (x INT, y INT, up INT REFERENCES child (x), gone INT REFERENCES missing,"
        " far INT REFERENCES missing (k), UNIQUE (x), UNIQUE (y, x), FOREIGN KEY (x, y) REFERENCES Parent);"
        "CREATE TABLE Parent (a INT, b INT, c INT, PRIMARY KEY (b, a)); CREATE UNIQUE INDEX part ON Parent (c)"
        " WHERE c > 5; CREATE UNIQUE INDEX half ON Parent (c + 1)"
    )
    tables = {table.name: table for table in judge.survey(path).tables}
    assert {tuple(sorted(key)) for key in tables["Parent"].keys} == {("a", "b")}
    assert set(tables["child"].keys) == {("x",), ("y", "x")}
    assert set(tables["child"].foreign_keys) == {
        ForeignKey(("x", "y"), "parent", ("b", "a")),
        ForeignKey(("up",), "child", ("x",)),
        ForeignKey(("gone",), "missing", ()),
        ForeignKey(("far",), "missing", ("k",)),
    }


def test_a_collation_that_only_its_program_knows(judge: Judge, tmp_path: Path) -> None:
    path = tmp_path / "own.db"
    connection = apsw.Connection(str(path))
    connection.create_collation("own", lambda a, b: (a > b) - (a < b))
    connection.execute("CREATE TABLE t (a TEXT COLLATE own, b INT); INSERT INTO t VALUES ('a', 1), ('A', 1)").fetchall()
    connection.close()
    (table,) = judge.survey(path).tables
    assert [(column.distinct, column.values) for column in table.columns] == [(2, ("A", "a")), (1, (1, 1))]


def test_a_survey_has_its_limits(judge: Judge, database: Callable[..., str]) -> None:
    """A sample of 100 columns of long texts would not fit into one answer of a worker."""
    texts = ", ".join(["'" + "ж" * 190 + "' || x"] * 100)
    path = database(
        f"CREATE TABLE t ({HUNDRED}); WITH RECURSIVE r (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM r WHERE x < 790)"
        f" INSERT INTO t SELECT {texts} FROM r"
    )
    (table,) = judge.survey(path).tables
    assert {column.distinct for column in table.columns} == {790}
    assert {len(column.values) for column in table.columns} == {len(table.columns[0].values)}
    assert 50 < len(table.columns[0].values) < 400


def test_it_is_the_same_at_every_run_and_after_a_trip_through_json(
    judge: Judge, database: Callable[..., str], tmp_path: Path
) -> None:
    path = database(
        "CREATE TABLE t (a INT, b TEXT, c REAL); WITH RECURSIVE r (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM r WHERE"
        " x < 5000) INSERT INTO t SELECT x * 7919 % 1000, 'v' || x % 50, x / 7.0 FROM r; CREATE INDEX i ON t (b, a, c)"
    )
    first = judge.survey(path)
    assert judge.survey(Path(path)) == first
    with Judge(workers=1, measure="steps") as other:
        assert other.survey(path) == first
    assert Survey.from_dict(json.loads(json.dumps(asdict(first)))) == first
    # The same contents without the index and in another file.
    copy = database("ATTACH '" + path + "' AS o; CREATE TABLE t (a INT, b TEXT, c REAL); INSERT INTO t SELECT * FROM"
                    " o.t ORDER BY rowid", "copy.db")  # fmt: skip
    assert judge.survey(copy).tables == first.tables


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_the_file_is_never_changed(judge: Judge, database: Callable[..., str], mode: str) -> None:
    path = database(f"PRAGMA journal_mode = {mode}; CREATE TABLE t (a); INSERT INTO t VALUES (1), (2)")
    folder = Path(path).parent
    before = {entry.name: (entry.stat().st_mtime_ns, entry.read_bytes()) for entry in folder.iterdir()}
    assert judge.survey(path).tables[0].rows == 2
    assert {entry.name: (entry.stat().st_mtime_ns, entry.read_bytes()) for entry in folder.iterdir()} == before
    assert list(before) == ["own.db"]


def test_what_is_only_in_the_write_ahead_log_is_seen(judge: Judge, database: Callable[..., str]) -> None:
    path = database("PRAGMA journal_mode = WAL; CREATE TABLE t (a); INSERT INTO t VALUES (1)")
    writer = apsw.Connection(path)
    for rows in (2, 3):
        writer.execute("INSERT INTO t VALUES (5)")
        assert judge.survey(path).tables[0].rows == rows
    writer.close()


def no_database(folder: Path) -> Path:
    path = folder / "no.db"
    path.write_text("this is not a database, but it is long enough to have a header of a hundred bytes" * 3)
    return path


def torn(folder: Path) -> Path:
    path = folder / "torn.db"
    connection = apsw.Connection(str(path))
    connection.execute("CREATE TABLE t (a TEXT); INSERT INTO t VALUES ('x')").fetchall()
    connection.close()
    pages = bytearray(path.read_bytes())
    pages[4096:] = b"\xff" * len(pages[4096:])
    path.write_bytes(pages)
    return path


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (no_database, "no.db is not an SQLite database"),
        (torn, "database disk image is malformed"),
        (lambda folder: folder, "neither a built-in one .* nor an existing file"),
        (lambda folder: folder / "none.db", "neither a built-in one .* nor an existing file"),
        (lambda folder: "shp", "unknown database 'shp'"),
        (lambda folder: "a\0b", "unknown database"),
    ],
)
def test_what_is_no_database_gets_one_sentence(
    judge: Judge, tmp_path: Path, make: Callable[[Path], Path | str], sentence: str
) -> None:
    with pytest.raises(SqlOptError, match=sentence) as caught:
        judge.survey(make(tmp_path))
    assert "\n" not in str(caught.value)
    assert judge.survey("shop").tables


CELLS = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=True, allow_infinity=True),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    st.binary(max_size=4),
    st.sampled_from(["x" * 200, "ß" * 200, "\U0001f600" * 200, "x" * 201, "\U0001f600" * 201, "a\0b"]),
)
TYPES = st.sampled_from(["", "INTEGER", "REAL", "NUMERIC", "TEXT", "TEXT COLLATE NOCASE", "BLOB", "DATE"])


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(CELLS, CELLS), max_size=12), st.tuples(TYPES, TYPES))
def test_any_contents_are_counted_as_sqlite_counts_them(
    judge: Judge,
    tmp_path_factory: pytest.TempPathFactory,
    rows: Sequence[tuple[Any, Any]],
    types: tuple[str, str],
) -> None:
    path = tmp_path_factory.mktemp("survey") / "own.db"
    connection = apsw.Connection(str(path))
    connection.execute(f"CREATE TABLE t (a {types[0]}, b {types[1]})")
    connection.executemany("INSERT INTO t VALUES (?, ?)", rows)
    connection.close()
    (table,) = judge.survey(path).tables
    assert table.rows == len(rows)
    for column in table.columns:
        ((distinct, nulls),) = sql(path, f"SELECT count(DISTINCT {column.name}), sum({column.name} IS NULL) FROM t")
        assert (column.distinct, round(column.nulls * len(rows))) == (distinct, nulls or 0)
        stored = [value for (value,) in sql(path, f"SELECT {column.name} FROM t")]
        texts = [value for value in stored if isinstance(value, str) and len(value) <= 200 and "\0" not in value]
        numbers = [value for value in stored if isinstance(value, int | float) and isfinite(value)]
        if column.kind == "INTEGER":
            expected: list[Any] = [value for value in numbers if isinstance(value, int)]
        else:
            expected = texts if column.kind == "TEXT" or len(texts) > len(numbers) else numbers
        assert list(column.values) == sorted(expected)
