"""A worker can open, reach and signal nothing, by either of its walls."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from sqlopt_env.workers.jail import landlock_version, walls
from sqlopt_env.workers.pool import WorkerPool
from sqlopt_env.workers.worker import WorkerDied


def attempts(pool: WorkerPool, folder: Path, *, against_landlock: bool) -> dict[str, str]:
    (folder / "file").write_text("content")
    with socket.create_server(("127.0.0.1", 0)) as server:
        request = {"folder": str(folder), "port": server.getsockname()[1], "pid": os.getpid()}
        found: dict[str, str] = pool.call({"do": "escape", "raise": against_landlock, **request})["found"]
    assert (folder / "file").read_text() == "content"
    return found


def test_nothing_can_be_opened(either_pool: Callable[..., WorkerPool], tmp_path: Path) -> None:
    met = attempts(either_pool(), tmp_path, against_landlock=False)
    for name in ("read", "write", "list", "socket", "connect", "bind", "pipe"):
        assert met[name] in ("no descriptor", "PermissionError"), name


@pytest.mark.skipif(landlock_version() < 6, reason="needs Landlock of Linux 6.12")
def test_landlock_alone_holds_too(either_pool: Callable[..., WorkerPool], tmp_path: Path) -> None:
    met = attempts(either_pool(), tmp_path, against_landlock=True)
    allowed = {"socket", "pipe", "fork and execute"}  # which lead nowhere; what came of the last is not told
    assert {name for name, what in met.items() if what not in ("PermissionError", "ImportError")} <= allowed
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file"]


def test_what_came_from_a_template_is_jailed_too(make_pool: Callable[..., WorkerPool], tmp_path: Path) -> None:
    pool = make_pool()
    pool.call({"keep": True})
    with pytest.raises(WorkerDied):
        pool.call({"do": "die"})
    assert pool.call({})["count"] == 2
    met = attempts(pool, tmp_path, against_landlock=False)
    assert met["read"] in ("no descriptor", "PermissionError")
    assert met["unlink"] == ("PermissionError" if landlock_version() else "done")


def test_limits_are_set(either_pool: Callable[..., WorkerPool]) -> None:
    found = either_pool().call({"do": "limits"})["found"]
    assert (found["CORE"], found["FSIZE"], found["NOFILE"]) == (0, 0, 0)
    assert 7 + 2 <= found["CPU"] <= 7 + 2 + 2
    assert found["descriptors"] <= 8
    assert found["threads"] == 1 or found["threads"] == 2  # the fallback watches its caller


def test_a_worker_ends_itself_when_nobody_kills_it(
    make_pool: Callable[..., WorkerPool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sqlopt_env.workers.worker.GRACE", 30.0)
    with pytest.raises(WorkerDied):
        make_pool().call({"do": "spin", "seconds": 0.1})


def test_the_walls_are_named() -> None:
    assert walls()[0] == "no new descriptors"
    assert len(walls()) == 1 + (landlock_version() >= 1) + (landlock_version() >= 4) + (landlock_version() >= 6)
