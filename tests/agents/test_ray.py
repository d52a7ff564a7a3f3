"""A real Ray cluster: two machines on this one, one of which goes; see ray_cluster.py for what is done there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ray")
pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
ROWS = """
    CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER NOT NULL, b TEXT NOT NULL);
    WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n LIMIT 3000)
    INSERT INTO t (a, b) SELECT i * 7919 % 1000, 'b' || (i % 10) FROM n;
"""
MARK = "SQLOPT_TEST_OF_RAY"  # in the environment of all that the program starts, however indirectly


def marked() -> list[int]:
    """The processes that have the mark in their environment."""

    def has(folder: Path) -> bool:
        try:
            return f"{MARK}={os.getpid()}".encode() in (folder / "environ").read_bytes()
        except OSError:
            return False

    return [int(folder.name) for folder in Path("/proc").iterdir() if folder.name.isdigit() and has(folder)]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("ray")
    import apsw

    with apsw.Connection(str(folder / "own.db")) as connection:
        assert connection.execute(ROWS).get is None
    program = subprocess.run(
        [sys.executable, str(HERE / "ray_cluster.py"), str(folder), str(folder / "own.db")],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, MARK: str(os.getpid())},
    )
    assert program.returncode == 0, program.stderr[-3000:]
    return json.loads(program.stdout.splitlines()[-1])


def test_a_machine_that_goes_in_the_middle_costs_tries_and_no_results(found: dict[str, Any]) -> None:
    assert (found["workers"], found["workers_left"]) == (2, 1)
    assert found["machines"] == 2  # both have worked
    assert found["items"] == list(range(40))  # nothing lost, nothing twice
    assert found["tried_again"] <= 3  # what it was working on


def test_items_are_read_few_ahead(found: dict[str, Any]) -> None:
    assert found["read_at_first"] <= 8


def test_a_poisonous_item_is_reported_and_takes_no_other_with_it(found: dict[str, Any]) -> None:
    assert found["deadly"] == [1, "died 2", 8]
    assert found["endless"] == ["died 1", 1]
    assert found["raising"] == ["raised 1", 2]
    assert found["unpicklable"].startswith("the function cannot be sent to another process")


def test_an_e_step_on_the_cluster_leaves_the_same_trajectories(found: dict[str, Any]) -> None:
    assert (found["e_steps"], found["different"]) == (3, 1)


def test_no_process_is_left_behind(found: dict[str, Any]) -> None:
    deadline = time.monotonic() + 15
    while marked() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not marked()


def test_a_cluster_that_is_not_there_is_told_in_one_sentence() -> None:
    program = "from sqlopt_agents.executors import make_executor; make_executor('ray')"
    run = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "RAY_ADDRESS": "127.0.0.1:1"},
    )
    assert run.returncode == 1
    assert "SqlOptError: the Ray cluster at RAY_ADDRESS=127.0.0.1:1 cannot be reached" in run.stderr
