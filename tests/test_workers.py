"""The judge's processes: killed, forked, shared by threads, pickled and closed."""

from __future__ import annotations

import copy
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from sqlopt_env import Judge, SqlOptError, Task

TASK = Task(
    id="newest",
    database="shop",
    query="SELECT id, product, amount FROM orders WHERE user_id = 439 ORDER BY order_date DESC, id LIMIT 20",
)
# One opcode that lasts long: nothing but a kill ends it.
ENDLESS = (
    "SELECT length(trim(replace(hex(zeroblob(500000)), '00', 'c'), replace(hex(zeroblob(50000)), '00', 'b') || 'c')),"
    " 2, 3 FROM orders"
)
GOOD = "CREATE INDEX i ON orders (user_id);" + TASK.query


@pytest.fixture(autouse=True, params=["forked", "fallback"])
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Workers that are forked from templates, and those of systems without pidfds."""
    kind: str = request.param
    if kind == "fallback":
        monkeypatch.setattr("sqlopt_env.workers.pool.can_fork", lambda: False)
    return kind


def test_a_killed_worker_costs_one_candidate() -> None:
    with Judge(workers=1) as judge:
        assert judge.evaluate(TASK, GOOD).outcome == "improved"
        killer = threading.Timer(0.5, lambda: os.kill(judge.worker_pids[0], signal.SIGKILL))
        killer.start()
        crashed = judge.evaluate(TASK, ENDLESS)
        killer.join()
        assert crashed.outcome == "crashed"
        assert judge.evaluate(TASK, GOOD).outcome == "improved"


def test_a_worker_killed_between_two_candidates_costs_none() -> None:
    with Judge(workers=1) as judge:
        judge.evaluate(TASK, GOOD)
        os.kill(judge.worker_pids[0], signal.SIGKILL)
        time.sleep(0.1)
        assert judge.evaluate(TASK, GOOD).outcome == "improved"


def test_several_threads_get_their_own_answers() -> None:
    actions = [f"SELECT {'1, ' * i} 2" for i in range(9, 24)]
    with Judge(workers=2) as judge:
        reasons = [e.reason for e in judge.evaluate_all([(TASK, action) for action in actions])]
        assert len(judge.worker_pids) == 2
    for i, reason in enumerate(reasons, 9):
        assert reason == f"the rewrite returns {i + 1} columns, the original 3"


def test_workers_die_with_their_judge() -> None:
    judge = Judge(workers=1)
    judge.evaluate(TASK, GOOD)
    (pid,) = judge.worker_pids
    judge.close()
    judge.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with pytest.raises(SqlOptError, match="closed"):
        judge.evaluate(TASK, GOOD)


def test_workers_die_when_their_parent_is_killed(kind: str) -> None:
    program = (
        "import sys, time, sqlopt_env.workers.pool\nfrom sqlopt_env import Judge, Task\n"
        f"sqlopt_env.workers.pool.can_fork = lambda: {kind == 'forked'}\n"
        "judge = Judge(workers=1)\njudge.prepare(Task('t', 'shop', 'SELECT 1'))\n"
        "print(judge.worker_pids[0], flush=True)\ntime.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and _is_running(pid):
        time.sleep(0.02)
    assert not _is_running(pid)


def _is_running(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def test_a_fork_gets_workers_of_its_own_and_leaves_the_parents_alone() -> None:
    with Judge(workers=1) as judge:
        judge.evaluate(TASK, GOOD)
        before = judge.worker_pids
        child = os.fork()
        if child == 0:
            right = judge.evaluate(TASK, GOOD).outcome == "improved" and judge.worker_pids != before
            judge.close()
            os._exit(0 if right else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert judge.evaluate(TASK, GOOD).outcome == "improved"
        assert judge.worker_pids == before


def test_a_judge_can_be_pickled_and_copied() -> None:
    with Judge(workers=1, measure="steps") as judge, pickle.loads(pickle.dumps(judge)) as other:
        assert other.settings == judge.settings
        assert other.evaluate(TASK, GOOD) == judge.evaluate(TASK, GOOD)
        copy.deepcopy(judge).close()


def test_closing_while_others_wait_starts_no_new_worker() -> None:
    judge = Judge(workers=1)
    judge.prepare(TASK)
    ends: list[str] = []

    def evaluate() -> None:
        try:
            ends.append(judge.evaluate(TASK, ENDLESS).outcome)
        except SqlOptError as error:
            ends.append(str(error))

    threads = [threading.Thread(target=evaluate) for _ in range(3)]
    for thread in threads:
        thread.start()
    time.sleep(0.3)
    judge.close()
    for thread in threads:
        thread.join()
    assert sorted(ends) == ["crashed", "the judge was closed", "the judge was closed"]
    assert judge.worker_pids == []
