"""What many tests share: one judge, the shop's database, and small databases of their own."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

import apsw
import pytest

from sqlopt_env import Judge

# Files whose tests hold limits of time, or kill processes while they work: they run one after the other, with no other
# test beside them. `make test` runs all others on two cores first.
ALONE = (
    "attacks/", "workers/", "agents/test_ray.py", "cli/test_train.py", "test_chaos.py", "test_fuzz.py",
    "test_hardship.py", "test_judge.py", "test_measures.py", "test_workers.py",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        place = item.path.relative_to(here).as_posix() if item.path.is_relative_to(here) else ""
        if place.startswith(ALONE):
            item.add_marker(pytest.mark.alone)


@pytest.fixture(scope="session")
def judge() -> Iterator[Judge]:
    with Judge(workers=1) as judge:
        yield judge


@pytest.fixture(scope="session")
def steps_judge() -> Iterator[Judge]:
    """Counts steps instead of time: the same figures at every run."""
    with Judge(workers=1, measure="steps") as judge:
        yield judge


@pytest.fixture
def database(tmp_path: Path) -> Callable[..., str]:
    """Makes an SQLite file from a script and gives its path."""

    def make(script: str, name: str = "own.db") -> str:
        path = tmp_path / name
        connection = apsw.Connection(str(path))
        deque(connection.execute(script), maxlen=0)  # a script runs on only as its rows are read
        connection.close()
        return str(path)

    return make
