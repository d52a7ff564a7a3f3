"""Attacks on the judge: scripts that want to be paid, to last, to leave something behind, or to get out.

The attacks are data, one TOML file a family. A case has a name, a `script` (or `python`, an expression that builds a
long one), the `outcomes` that are right, a part of its `reason`, and the name of its `task`. In a script, $ORIGINAL is
the task's query and $ANSWER its rows as VALUES.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
import tomllib
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw
import pytest

from sqlopt_env import Evaluation, Judge, Task
from sqlopt_env.databases import database_path
from sqlopt_env.types import OUTCOMES

FOLDER = Path(__file__).parent
CASES = [
    {"family": file.stem, **case}
    for file in sorted(FOLDER.glob("*.toml"))
    for case in tomllib.loads(file.read_text(encoding="utf-8"))["case"]
]
TIMEOUT, GRACE, TRIES = 1.0, 0.5, 3
LONGEST_REASON, LONGEST_WITNESS = 2_000, 20_000
MOST_GROWTH = 20 * 2**20

NEWEST = "SELECT id, product, amount FROM orders WHERE user_id = 439 ORDER BY order_date DESC, id LIMIT 20"
GOOD = f"CREATE INDEX i ON orders (user_id);\n{NEWEST}"
QUERIES = {
    "newest": ("shop", NEWEST),
    "all orders": ("shop", "SELECT id, product, amount FROM orders"),
    "large amounts": ("shop", "SELECT count(*) FROM orders WHERE amount > 100"),
    "true conditions": ("shop", "SELECT count(*) FROM orders WHERE amount > 0 AND order_date >= '2023-01-01'"),
    "orders of old users": (
        "shop",
        "SELECT count(*) FROM orders AS o JOIN users AS u ON u.id = o.user_id WHERE u.signup_date > '1990-01-01'",
    ),
    "different people": ("shop", "SELECT DISTINCT name, email, city FROM users WHERE age > 30"),
    "orders in order": ("shop", "SELECT user_id, id FROM orders WHERE user_id > 0 ORDER BY user_id, id"),
    "notes": ("odd", "SELECT tag, count(*) FROM notes WHERE body LIKE 'note%' GROUP BY tag"),
    "texts": ("odd", "SELECT id, body FROM notes WHERE id < 900"),
    "long notes": ("odd", "SELECT id, body FROM long_notes WHERE id < 900"),
    "words": ("odd", "SELECT text FROM words WHERE words MATCH 'delta'"),
}
ODD = """
CREATE TABLE notes (
  id INTEGER PRIMARY KEY, body TEXT, tag TEXT COLLATE NOCASE, size INTEGER GENERATED ALWAYS AS (length(body)) VIRTUAL
);
CREATE TABLE pairs (k TEXT PRIMARY KEY, v) WITHOUT ROWID;
CREATE TABLE log (what TEXT);
CREATE TABLE secret (password TEXT);
CREATE TABLE counted (id INTEGER PRIMARY KEY AUTOINCREMENT, n INTEGER);
CREATE VIEW long_notes AS SELECT id, body FROM notes WHERE size > 5;
CREATE TRIGGER watch AFTER INSERT ON notes BEGIN INSERT INTO log VALUES (new.body); END;
CREATE VIRTUAL TABLE words USING fts5 (text);
WITH RECURSIVE r(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM r WHERE x < 3000)
INSERT INTO notes (id, body, tag)
SELECT x, CASE x % 5 WHEN 0 THEN NULL WHEN 1 THEN 'a' || char(0) || x WHEN 2 THEN char(8238) || x
          ELSE 'note ' || (x % 40) END, char(97 + x % 7) FROM r;
INSERT INTO pairs SELECT 'k' || id, id % 9 FROM notes WHERE id <= 500;
INSERT INTO words SELECT 'alpha beta ' || iif(id % 3, 'gamma', 'delta ' || id) FROM notes WHERE id <= 300;
INSERT INTO secret VALUES ('hunter2');
INSERT INTO counted (n) VALUES (1), (2);
"""


@dataclass
class Arena:
    """Two judges, tasks on private databases in one folder, and what was there before the first attack."""

    folder: Path
    judges: dict[str, Judge]
    tasks: dict[str, Task]
    good: Evaluation
    files: dict[str, str]
    memory: int
    workers: dict[int, str]
    warm: set[tuple[str, str, int]]

    def prepare(self, measure: str, task: Task) -> Judge:
        """The judge that measures so, with a worker that knows the task: to load it is not the attack's time."""
        judge = self.judges[measure]
        if not any((measure, task.id, pid) in self.warm for pid in judge.worker_pids):
            judge.evaluate(task, task.query)
            self.warm |= {(measure, task.id, pid) for pid in judge.worker_pids}
        return judge

    def script(self, case: dict[str, Any]) -> str:
        task = self.tasks[case.get("task", "newest")]
        if "python" in case:
            names = {"query": task.query, "index": "CREATE INDEX i ON orders (user_id);\n"}
            return str(eval(case["python"], {"__builtins__": {"range": range, "str": str}} | names))
        script: str = case["script"].replace("$ORIGINAL", task.query)
        if "$ANSWER" in script:
            script = script.replace("$ANSWER", self._answer(task))
        return script

    @staticmethod
    def _answer(task: Task) -> str:
        rows = apsw.Connection(task.database, flags=apsw.SQLITE_OPEN_READONLY).execute(task.query).fetchall()
        return "VALUES " + ", ".join(f"({', '.join(map(apsw.format_sql_value, row))})" for row in rows)

    def note_workers(self) -> None:
        self.workers |= {pid: _started(pid) for judge in self.judges.values() for pid in judge.worker_pids}


def _files(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def _memory() -> int:
    """Bytes of memory that this process holds; 0 where the system does not say."""
    statm = Path("/proc/self/statm")
    return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") if statm.exists() else 0


def _started(pid: int) -> str:
    """When a process began, or "" where there is none; tells it from another one with its id."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] == "Z" else fields[19]


@pytest.fixture(scope="module")
def arena(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    folder = tmp_path_factory.mktemp("attacked")
    shutil.copyfile(database_path("shop"), folder / "shop.db")
    odd = apsw.Connection(str(folder / "odd.db"))
    deque(odd.execute(ODD), maxlen=0)
    odd.close()
    tasks = {name: Task(name, str(folder / f"{base}.db"), query) for name, (base, query) in QUERIES.items()}
    with (
        pytest.MonkeyPatch.context() as patch,
        Judge(workers=1, timeout=TIMEOUT, measure="steps") as steps,
        Judge(workers=1, timeout=TIMEOUT) as timed,
    ):
        patch.chdir(folder)  # a file that a script writes by a relative path is found here
        good = steps.evaluate(tasks["newest"], GOOD)
        assert good.outcome == "improved"
        yield Arena(folder, {"steps": steps, "time": timed}, tasks, good, _files(folder), _memory(), {}, set())


def timed(judge: Judge, task: Task, script: str) -> tuple[Evaluation, float]:
    start = time.monotonic()
    return judge.evaluate(task, script), time.monotonic() - start


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['family']}: {case['name']}")
def test_an_attack_gets_its_outcome_in_time_and_leaves_nothing_behind(arena: Arena, case: dict[str, Any]) -> None:
    task, measure, script = arena.tasks[case.get("task", "newest")], case.get("measure", "steps"), arena.script(case)
    judge = arena.prepare(measure, task)
    evaluation, seconds = timed(judge, task, script)
    arena.note_workers()

    assert evaluation.outcome in OUTCOMES
    assert evaluation.outcome in case["outcomes"], evaluation.reason[:LONGEST_REASON]
    assert case.get("reason", "") in evaluation.reason
    assert evaluation.reason.strip()
    assert len(evaluation.reason.splitlines()) == 1, evaluation.reason[:LONGEST_REASON]
    assert len(evaluation.reason) <= LONGEST_REASON
    assert evaluation.verdict is None or len(str(evaluation.verdict)) <= LONGEST_WITNESS

    assert _files(arena.folder) == arena.files
    after = arena.judges["steps"].evaluate(arena.tasks["newest"], GOOD)
    assert after == arena.good
    if measure == "time":
        assert judge.evaluate(arena.tasks["newest"], GOOD).outcome == "improved"

    limit = (2 if "CREATE INDEX" in script else 1) * TIMEOUT + GRACE  # a budget for the indexes, one for the query
    for _ in range(TRIES - 1):  # a machine that stands still for a second is not the judge's fault
        if seconds > limit:
            arena.prepare(measure, task)
            seconds = timed(judge, task, script)[1]
    assert seconds <= limit


def test_attacks_do_not_make_the_callers_process_grow(arena: Arena) -> None:
    assert _memory() - arena.memory < MOST_GROWTH


def test_attacks_leave_no_worker_processes_behind(arena: Arena) -> None:
    arena.note_workers()
    for judge in arena.judges.values():
        assert len(judge.worker_pids) <= 1
        judge.close()
    deadline = time.monotonic() + 2
    while alive := [pid for pid, started in arena.workers.items() if started and _started(pid) == started]:
        assert time.monotonic() < deadline, alive
        time.sleep(0.05)
