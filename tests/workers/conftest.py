"""Pools of workers that run `worker_handlers`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sqlopt_env.workers.pool import WorkerPool

MakePool = Callable[..., WorkerPool]


@pytest.fixture
def make_pool(monkeypatch: pytest.MonkeyPatch) -> Iterator[MakePool]:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    pools: list[WorkerPool] = []

    def make(size: int = 1, target: str = "worker_handlers:make_counter", **options: Any) -> WorkerPool:
        pools.append(WorkerPool(size, target, options))
        return pools[-1]

    yield make
    for pool in pools:
        pool.close()


@pytest.fixture(params=["forked", "fallback"])
def either_pool(request: pytest.FixtureRequest, make_pool: MakePool, monkeypatch: pytest.MonkeyPatch) -> MakePool:
    """The same with workers that are forked, and with those of systems without pidfds."""
    if request.param == "fallback":
        monkeypatch.setattr("sqlopt_env.workers.pool.can_fork", lambda: False)
    return make_pool
