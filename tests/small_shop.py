"""A small database of our own with four slow queries: training runs on it take a second or two."""

from __future__ import annotations

import json
from collections import deque
from pathlib import Path

import apsw

from sqlopt_env import Task

_SCRIPT = """
CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL, city TEXT NOT NULL);
CREATE TABLE orders (
  id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL REFERENCES users (id), product TEXT NOT NULL, amount INTEGER NOT NULL
);
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200)
INSERT INTO users SELECT i, 'name' || i, 'city' || (i * 7 % 20) FROM n;
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
INSERT INTO orders SELECT i, i * 37 % 200 + 1, 'product' || (i * 11 % 50), i * 13 % 997 FROM n;
"""
QUERIES = {
    "either": "SELECT id, amount FROM orders WHERE product = 'product7' OR product = 'product9'",
    "counts": "SELECT name, (SELECT count(*) FROM orders o WHERE o.user_id = u.id) FROM users u WHERE city = 'city3'",
    "dear": "SELECT id FROM orders WHERE amount * 2 > 1980",
    "buyers": "SELECT DISTINCT u.id, u.name FROM users u JOIN orders o ON o.user_id = u.id WHERE o.amount > 985",
}

INDEXES = {
    "either": "CREATE INDEX i ON orders (product, amount)",
    "counts": "CREATE INDEX i ON orders (user_id)",
    "dear": "CREATE INDEX i ON orders (amount * 2)",
    "buyers": "CREATE INDEX i ON orders (amount)",
}


def small_tasks(folder: Path) -> list[Task]:
    """The tasks, on a database that is made in the folder."""
    path = folder / "small.db"
    if not path.exists():
        connection = apsw.Connection(str(path))
        deque(connection.execute(_SCRIPT), maxlen=0)  # a script runs on only as its rows are read
        connection.close()
    return [Task(id=name, database=str(path), query=query) for name, query in QUERIES.items()]


def small_tasks_file(folder: Path) -> Path:
    """A file of the tasks."""
    path = folder / "tasks.json"
    tasks = [{"id": task.id, "database": task.database, "query": task.query} for task in small_tasks(folder)]
    path.write_text(json.dumps(tasks), encoding="utf-8")
    return path
