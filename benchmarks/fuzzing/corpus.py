"""What the fuzz begins with: tasks on the shop and on an odd database, and every query and attack in the tests."""

from __future__ import annotations

import tomllib
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import apsw

from sqlopt_env import Task, load_tasks
from sqlopt_env.databases import database_path

_TESTS = Path(__file__).parents[2] / "tests"
ATTACKED = "newest"  # the task that most attacks are made for
_LONG = {"range": range, "str": str}  # what an attack's `python` may use

# Names that need quotes, a collation, generated columns, keys in descending order, any type in one column, a hierarchy.
_ODD = """
CREATE TABLE "select" (
  "from" INTEGER PRIMARY KEY, "a b" TEXT COLLATE NOCASE, "ünï" , "x""y" REAL,
  twice INTEGER GENERATED ALWAYS AS ("from" * 2) VIRTUAL, small TEXT GENERATED ALWAYS AS (lower("a b")) STORED
);
CREATE TABLE pairs (k TEXT, n INTEGER, v BLOB, PRIMARY KEY (k, n DESC)) WITHOUT ROWID;
CREATE TABLE sales (id INTEGER PRIMARY KEY, price REAL NOT NULL CHECK (price >= 0), day TEXT, what ANY) STRICT;
CREATE TABLE tree (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES tree, name TEXT UNIQUE);
CREATE INDEX cheap ON sales (price) WHERE price < 10;
CREATE VIEW roots AS SELECT id, name FROM tree WHERE parent IS NULL;
WITH RECURSIVE r (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r WHERE i < 1500)
INSERT INTO "select" ("from", "a b", "ünï", "x""y")
SELECT i, CASE i % 6 WHEN 0 THEN NULL WHEN 1 THEN 'Ab' || i % 9 ELSE 'aB' || i % 40 END,
  CASE i % 5 WHEN 0 THEN NULL WHEN 1 THEN i WHEN 2 THEN i / 3.0 WHEN 3 THEN 'é' || i ELSE x'00ff' END, i % 37 / 8.0
FROM r;
INSERT INTO pairs SELECT 'k' || "from" % 50, "from", CASE "from" % 4 WHEN 0 THEN x'61' WHEN 1 THEN 'a' ELSE "from" END
FROM "select" WHERE "from" <= 600;
INSERT INTO sales SELECT "from", "from" % 97 / 4.0,
  iif("from" % 11, date('2024-01-01', "from" % 366 || ' days'), NULL), "ünï" FROM "select" WHERE "from" <= 1000;
INSERT INTO tree SELECT "from", iif("from" % 20 = 1, NULL, max(1, "from" / 3)), 'n' || "from"
FROM "select" WHERE "from" <= 400
"""
_ODD_TASKS = {
    "odd-groups": 'SELECT small, count(*), max("x""y") FROM "select" WHERE "from" > 10 GROUP BY small',
    "odd-pairs": "SELECT k, n, v FROM pairs WHERE v > 20 ORDER BY k, n",
    "odd-types": """SELECT day, sum(price) FROM sales WHERE typeof(what) = 'text' GROUP BY day""",
    "odd-tree": "SELECT t.name, (SELECT count(*) FROM tree c WHERE c.parent = t.id) FROM tree t WHERE t.id < 90",
    "odd-nocase": """SELECT count(*) FROM "select" s JOIN pairs p ON p.n = s.twice WHERE s."a b" LIKE 'AB%'""",
    "odd-up": "WITH RECURSIVE up (id, depth) AS (SELECT id, 0 FROM roots UNION ALL SELECT t.id, depth + 1 FROM up"
    " JOIN tree t ON t.parent = up.id WHERE depth < 9) SELECT depth, count(*) FROM up GROUP BY depth",
}
_SHOP_TASKS = {
    "newest": "SELECT id, product, amount FROM orders WHERE user_id = 439 ORDER BY order_date DESC, id LIMIT 20",
    "count": "SELECT count(*) FROM orders WHERE amount > 100",
    "cities": "SELECT DISTINCT city FROM users WHERE age > 30",
    "people": "SELECT u.name, u.city, o.amount FROM users u LEFT JOIN orders o ON o.user_id = u.id WHERE u.age = 33",
}


@dataclass(frozen=True)
class Corpus:
    """Tasks by their ids, and scripts that SQLite or the judge has been shown before."""

    tasks: dict[str, Task]
    answers: dict[str, list[str]]  # of a task: scripts that are right, or as good as right
    queries: list[str]  # of the fixtures, for any task
    attacks: list[str]


def read_corpus(folder: Path, most_tasks: int) -> Corpus:
    """Builds the odd database in the folder; everything is in one order at every run."""
    odd = folder / "odd.db"
    with apsw.Connection(str(odd)) as connection:
        deque(connection.execute(_ODD), maxlen=0)
    tasks = [
        *load_tasks(),
        *(Task(name, "shop", query) for name, query in _SHOP_TASKS.items()),
        *(Task(name, str(odd), query) for name, query in _ODD_TASKS.items()),
    ]
    step = max(1, len(tasks) // most_tasks)
    tasks = [task for place, task in enumerate(tasks) if place % step == 0 or task.id == ATTACKED]
    answers = {task.id: [task.query, *([task.reference] if task.reference else [])] for task in tasks}
    queries = [text for file in sorted((_TESTS / "fixtures").rglob("*.toml")) for text in _queries(_toml(file))]
    attacks = [text for file in sorted((_TESTS / "attacks").glob("*.toml")) for text in _attacks(_toml(file))]
    plain = [replace(task, reference="") for task in tasks]
    return Corpus({task.id: task for task in plain}, answers, list(dict.fromkeys(queries)), attacks)


def _toml(file: Path) -> dict[str, Any]:
    return tomllib.loads(file.read_text(encoding="utf-8"))


def _queries(value: Any) -> Iterator[str]:
    if isinstance(value, str) and "SELECT" in value and "CREATE TABLE" not in value:
        yield value
    elif isinstance(value, dict | list):
        for member in value.values() if isinstance(value, dict) else value:
            yield from _queries(member)


def _attacks(data: dict[str, Any]) -> Iterator[str]:
    """With the task that most of them are made for in the place of their own."""
    query = _SHOP_TASKS[ATTACKED]
    connection = apsw.Connection(str(database_path("shop")), flags=apsw.SQLITE_OPEN_READONLY)
    rows = connection.execute(query).fetchall()
    known = "VALUES " + ", ".join(f"({', '.join(map(apsw.format_sql_value, row))})" for row in rows)
    for case in data["case"]:
        if "python" in case:
            names = {"query": query, "index": "CREATE INDEX i ON orders (user_id);\n"}
            yield str(eval(case["python"], {"__builtins__": _LONG} | names))
        else:
            yield case["script"].replace("$ORIGINAL", query).replace("$ANSWER", known)
