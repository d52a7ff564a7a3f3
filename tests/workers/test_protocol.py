"""What a worker may do to its caller: nothing. Broken, giant, late and forged messages; both kinds of worker."""

from __future__ import annotations

import os
import signal
import struct
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sqlopt_env import SqlOptError
from sqlopt_env.sqlite.snapshot import Signature
from sqlopt_env.workers.pool import WorkerPool
from sqlopt_env.workers.worker import GRACE, WorkerDied, WorkerOverran


def framed(text: bytes) -> str:
    return (struct.pack("!Q", len(text)) + text).hex()


BROKEN = {
    "half a message": {"bytes": framed(b'{"answer": {}}')[:-8], "end": True},
    "half a length": {"bytes": "0000", "end": True},
    "a promise of too much": {"bytes": struct.pack("!Q", 2**40).hex()},
    "no JSON": {"bytes": framed(b"{")},
    "no Unicode": {"bytes": framed(b'"\xff"')},
    "no object": {"bytes": framed(b"[]")},
    "an object of nothing": {"bytes": framed(b"{}")},
    "deep nesting": {"bytes": framed(b"[" * 10**5)},
    "an answer that is none": {"bytes": framed(b'{"answer": 3, "number": 2, "template": false}')},
    "an answer to another request": {"bytes": framed(b'{"answer": {}, "number": 1, "template": false}')},
    "an answer without a number": {"bytes": framed(b'{"answer": {}}')},
    "a phase for ever": {"bytes": framed(b'{"phase": "x", "allow": Infinity}')},
    "a phase that is no number": {"bytes": framed(b'{"phase": "x", "allow": NaN}')},
    "a phase of a text": {"bytes": framed(b'{"phase": "x", "allow": "1"}')},
    "another file": {"bytes": framed(b'{"want": "/etc/passwd"}')},
    "a look at another file": {"bytes": framed(b'{"look": "/etc/passwd"}')},
    "a file that is no text": {"bytes": framed(b'{"want": []}')},
}


def test_what_is_no_message_costs_the_worker_alone(either_pool: Callable[..., WorkerPool]) -> None:
    pool = either_pool()
    for name, broken in BROKEN.items():
        assert pool.call({"echo": name})["echo"] == name
        with pytest.raises(WorkerDied):
            pool.call({"do": "raw", **broken})
    assert pool.call({"echo": "well"})["echo"] == "well"


def test_half_a_message_of_a_worker_that_lives_is_an_overrun(either_pool: Callable[..., WorkerPool]) -> None:
    pool = either_pool()
    with pytest.raises(WorkerOverran, match="work"):
        pool.call({"do": "raw", "bytes": framed(b'{"answer": {}}')[:-8], "seconds": 0.1})
    assert pool.call({"echo": 1})["echo"] == 1


def test_large_answers_come_whole_and_giant_ones_not_at_all(make_pool: Callable[..., WorkerPool]) -> None:
    pool = make_pool()
    assert len(pool.call({"do": "big", "size": 20_000_000})["found"]) == 20_000_000
    with pytest.raises(WorkerDied):
        pool.call({"do": "big", "size": 2**26})
    with pytest.raises(WorkerDied):
        pool.call({"echo": "x" * 2**26})
    assert pool.call({"echo": "x" * 10**7})["echo"] == "x" * 10**7


@pytest.mark.parametrize("do", ["sleep", "spin"])
def test_a_phase_ends_when_its_time_and_a_grace_are_over(either_pool: Callable[..., WorkerPool], do: str) -> None:
    pool = either_pool()
    pool.call({})
    start = time.monotonic()
    with pytest.raises(WorkerOverran, match="work"):
        pool.call({"do": do, "seconds": 0.2})
    assert 0.2 + GRACE <= time.monotonic() - start < 0.2 + GRACE + 0.5


def test_a_worker_that_reads_nothing_cannot_stop_its_caller(
    make_pool: Callable[..., WorkerPool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sqlopt_env.workers.worker.REPLY_SECONDS", 0.3)
    pool = make_pool()
    pool.call({})
    os.kill(pool.pids[0], signal.SIGSTOP)
    with pytest.raises(WorkerOverran, match="start"):
        pool.call({"echo": "x" * 10**7})
    assert pool.call({"echo": 2})["echo"] == 2


def test_a_death_and_a_kill_tell_what_had_begun(either_pool: Callable[..., WorkerPool]) -> None:
    pool = either_pool()
    with pytest.raises(WorkerDied) as death:
        pool.call({"do": "die"})
    assert death.value.phases == {"work"}
    with pytest.raises(WorkerOverran) as kill:
        pool.call({"do": "say", "message": {"phase": "more", "allow": 0.1}})
    assert kill.value.phase == "more"
    assert kill.value.phases == {"work", "more"}
    with pytest.raises(WorkerDied) as death:
        pool.call({"echo": object})
    assert death.value.phases == set()


def test_a_target_that_cannot_be_made_is_a_worker_that_died(either_pool: Callable[..., WorkerPool]) -> None:
    pool = either_pool(1, "worker_handlers:make_nothing")
    for _ in range(2):
        with pytest.raises(WorkerDied):
            pool.call({})


def test_ctrl_c_kills_the_worker_that_it_interrupts(either_pool: Callable[..., WorkerPool]) -> None:
    pool = either_pool()
    pool.call({})
    (pid,) = pool.pids
    interrupt = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
    interrupt.start()
    with pytest.raises(KeyboardInterrupt):
        pool.call({"do": "sleep"})
    interrupt.join()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert pool.call({"echo": 3})["echo"] == 3


def test_a_database_comes_by_descriptor(
    either_pool: Callable[..., WorkerPool], database: Callable[..., str], tmp_path: Path
) -> None:
    pool = either_pool()
    path = database("PRAGMA journal_mode = WAL; CREATE TABLE t (a); INSERT INTO t VALUES (1)")
    before: Any = None
    for _ in range(5):
        same, size, head, descriptors = pool.call({"do": "database", "path": path})["found"]
        assert same
        assert size == Signature.of(Path(path)).size
        assert head == "SQLite format 3"
        assert descriptors == (before or descriptors)  # the image was closed
        before = descriptors
    empty = tmp_path / "empty.db"
    empty.touch()
    assert pool.call({"do": "database", "path": str(empty)})["found"][1] == 0


def test_a_worker_is_told_why_there_is_no_database(make_pool: Callable[..., WorkerPool], tmp_path: Path) -> None:
    pool = make_pool(1, "sqlopt_env.trial:make_handler")
    text = tmp_path / "text.db"
    text.write_text("no database, but long enough to have a header of a hundred bytes" * 9)
    for path, sentence in (
        (text, "is not an SQLite database"),
        (tmp_path, "there is no database file"),
        (tmp_path / "none", "cannot be read: No such file"),
    ):
        known = [str(path), 100, 0, 0, 0]  # its signature a moment ago
        answer = pool.call({"op": "brief", "path": str(path), "signature": known, "query": "SELECT 1"})
        assert sentence in answer["error"]


def test_a_closed_pool_says_so(either_pool: Callable[..., WorkerPool]) -> None:
    pool = either_pool()
    pool.call({})
    pool.close()
    assert pool.pids == []
    with pytest.raises(SqlOptError, match="closed"):
        pool.call({})
