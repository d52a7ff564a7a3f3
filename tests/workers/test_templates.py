"""Where workers come from, what outlives them, and that nothing outlives its caller."""

from __future__ import annotations

import json
import os
import random
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from sqlopt_env.workers.pool import WorkerPool
from sqlopt_env.workers.worker import WorkerDied, WorkerOverran
from sqlopt_env.workers.zygote import Nursery, can_fork

pytestmark = pytest.mark.skipif(not can_fork(), reason="needs Linux with pidfds")
MakePool = Callable[..., WorkerPool]


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def descendants(pid: int) -> set[int]:
    """All processes below this one, also zombies."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, ValueError):
                continue
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {pid}


def settles(condition: Callable[[], bool], seconds: float = 10.0) -> bool:
    """Does it come true, and stay so for a moment? A template forks and ends a little after its caller goes on."""
    deadline, times = time.monotonic() + seconds, 0
    while times < 4 and time.monotonic() < deadline:
        times = times + 1 if condition() else 0
        time.sleep(0.01)
    return times == 4


def zygote_of(pool: WorkerPool) -> int:
    nursery = pool._nursery
    assert isinstance(nursery, Nursery)
    assert nursery.zygote is not None
    return nursery.zygote.pid


def template_of(pool: WorkerPool) -> int:
    """The process below the zygote that is no worker."""
    below = descendants(zygote_of(pool)) - set(pool.pids)
    (pid,) = below
    return pid


def test_what_was_kept_outlives_the_worker(make_pool: MakePool) -> None:
    pool = make_pool()
    assert pool.call({"keep": True})["count"] == 1
    assert pool.call({})["count"] == 2
    with pytest.raises(WorkerDied):
        pool.call({"do": "die"})
    assert pool.call({})["count"] == 2  # the second was not kept
    assert pool.call({"keep": True})["count"] == 3
    with pytest.raises(WorkerOverran):
        pool.call({"do": "spin", "seconds": 0.05})
    assert pool.call({})["count"] == 4


def test_a_worker_killed_between_two_requests_has_left_its_template(make_pool: MakePool) -> None:
    pool = make_pool()
    for generation in range(1, 40):  # more than Landlock would stack, or a recursion bear
        assert pool.call({"keep": True})["count"] == generation
        assert settles(lambda: len(descendants(zygote_of(pool))) == 2)  # the worker, and the template that it has left
        os.kill(pool.pids[0], signal.SIGKILL)
        assert settles(lambda: len(descendants(zygote_of(pool))) == 1)


def test_a_new_worker_comes_quickly_with_all_that_was_prepared(make_pool: MakePool) -> None:
    pool = make_pool(ballast=200 * 2**20)
    pool.call({"keep": True})
    times = []
    for _ in range(9):
        with pytest.raises(WorkerDied):
            pool.call({"do": "die"})
        start = time.perf_counter()
        pool._places[0].worker = pool._nursery.spawn(pool._places[0].template)[0]
        times.append(time.perf_counter() - start)
        pool._places[0].of_template = False
    assert statistics.median(times) < 0.05  # 0.003 when nothing else runs


def test_a_template_that_is_gone_or_silent_is_done_without(make_pool: MakePool) -> None:
    pool = make_pool()
    for end in (signal.SIGKILL, signal.SIGSTOP):
        assert pool.call({"keep": True})["count"] == 1
        assert settles(lambda: len(descendants(zygote_of(pool))) == 2)
        template = template_of(pool)
        os.kill(template, end)
        with pytest.raises(WorkerDied):
            pool.call({"do": "die"})
        assert pool.call({})["count"] == 1
        os.kill(pool.pids[0], signal.SIGKILL)
        if end == signal.SIGSTOP:
            os.kill(template, signal.SIGCONT)
        assert settles(lambda: not descendants(zygote_of(pool)))


def test_a_template_whose_workers_die_at_once_is_done_without(make_pool: MakePool) -> None:
    pool = make_pool()
    assert pool.call({"keep": True})["count"] == 1
    for _ in range(2):  # the first is the worker that has left it
        with pytest.raises(WorkerDied):
            pool.call({"do": "die"})
    assert pool.call({})["count"] == 1


def test_a_zygote_that_is_gone_is_replaced(make_pool: MakePool) -> None:
    pool = make_pool(2)
    pool.call({})
    first = zygote_of(pool)
    os.kill(first, signal.SIGKILL)
    assert pool.call({})["count"] == 2  # its worker goes on
    with pytest.raises(WorkerDied):
        pool.call({"do": "die"})
    with ThreadPoolExecutor(4) as threads:  # who all find out at once
        answers = list(threads.map(lambda i: pool.call({"echo": i, "do": "sleep", "for": 0.05}), range(8)))
    assert [answer["echo"] for answer in answers] == list(range(8))
    assert zygote_of(pool) != first


@pytest.mark.parametrize("busy", [False, True])
def test_all_processes_end_with_their_caller(busy: bool) -> None:
    program = (
        "import sys, threading, time, json, os\n"
        "sys.path.insert(0, sys.argv[1])\n"
        "from sqlopt_env.workers.pool import WorkerPool\n"
        "pool = WorkerPool(2, 'worker_handlers:make_counter', {})\n"
        "threads = [threading.Thread(target=pool.call, args=({'keep': True, 'do': 'sleep', 'for': 0.2},))"
        " for _ in range(2)]\n"
        "[thread.start() for thread in threads]; [thread.join() for thread in threads]\n"
        "if sys.argv[2] == 'True':\n"
        "    threading.Thread(target=pool.call, args=({'do': 'spin', 'seconds': 60},), daemon=True).start()\n"
        "time.sleep(0.3)\n"
        "print(json.dumps([pool._nursery.zygote.pid, *pool.pids]), flush=True)\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program, str(Path(__file__).parent), str(busy)], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    with parent.stdout:
        pids = set(json.loads(parent.stdout.readline()))
    below = descendants(parent.pid)
    assert pids < below
    assert len(below) == 5  # a zygote, two workers, two templates
    parent.kill()
    parent.wait()
    assert settles(lambda: not [pid for pid in below if _is_running(pid)])


def _is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_nothing_is_left_after_many_kills(make_pool: MakePool) -> None:
    pool = make_pool()
    pool.call({"keep": True})
    assert settles(lambda: len(descendants(zygote_of(pool))) == 2)  # the worker, and the template that it has left
    before, processes = descriptors(), len(descendants(os.getpid()))
    for i in range(200):
        os.kill(pool.pids[0], signal.SIGKILL)
        try:
            pool.call({"keep": i % 3 == 0})
        except WorkerDied:
            pool.call({"keep": True})
    pool.call({"keep": True})
    assert settles(lambda: len(descendants(os.getpid())) == processes)
    assert descriptors() == before
    zygote = zygote_of(pool)
    pool.close()
    assert settles(lambda: not _is_running(zygote))
    assert settles(lambda: len(descendants(os.getpid())) == processes - 3)


def test_every_call_gets_its_own_answer_whoever_dies(make_pool: MakePool) -> None:
    pool = make_pool(3)
    stop, chance = threading.Event(), random.Random(3)
    got: list[tuple[int, Any]] = []

    def kill() -> None:
        while not stop.wait(0.01):
            pids = pool.pids
            if pids:
                try:
                    os.kill(chance.choice(pids), signal.SIGKILL)
                except ProcessLookupError:
                    continue

    def ask(i: int) -> None:
        try:
            answer = pool.call({"echo": [i, "x" * (i % 7 * 10_000)], "keep": i % 5 == 0}, affinity=str(i % 4))["echo"]
        except WorkerDied:
            answer = None
        got.append((i, answer))

    killer = threading.Thread(target=kill)
    killer.start()
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(ask, range(1500)))
    stop.set()
    killer.join()
    assert sorted(i for i, _ in got) == list(range(1500))
    assert all(answer is None or answer == [i, "x" * (i % 7 * 10_000)] for i, answer in got)
    assert sum(answer is not None for _, answer in got) > 500


def test_a_worker_that_knows_is_preferred(make_pool: MakePool) -> None:
    pool = make_pool(3)
    pids = {key: pool.call({}, affinity=key)["pid"] for key in "abc"}
    assert len(set(pids.values())) == 3
    for key in "cabbac":
        assert pool.call({}, affinity=key)["pid"] == pids[key]
    assert pool.call({}, affinity="d")["pid"] == pids["b"]  # not used for longest
    assert pool.call({})["pid"] == pids["b"]  # without a wish: the one used last


def test_a_fork_of_the_caller_holds_nothing_of_its_workers(make_pool: MakePool) -> None:
    pool = make_pool()
    pool.call({"keep": True})
    before = pool.pids
    child = os.fork()
    if child == 0:
        right = pool.pids == [] and pool.call({})["count"] == 1 and pool.pids != before
        pool.close()
        os._exit(0 if right else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert pool.pids == before
    assert pool.call({})["count"] == 2
