"""What the benchmarks of the judge share: the 20 seeds as pairs, on the shop's database at any scale."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from sqlopt_env import Task, load_tasks
from sqlopt_env.databases import DOMAINS, database_path
from sqlopt_env.databases.build import build


@dataclass(frozen=True)
class Pair:
    task: Task
    indexes: tuple[str, ...]
    query: str

    def script(self, number: int) -> str:
        """The answer as a text that no cache has seen: another one for every number."""
        query = self.query.replace("SELECT", f"SELECT /* {number} */", 1)
        return ";\n".join([*self.indexes, query])


@contextmanager
def shop(scale: int) -> Iterator[str]:
    """The name or path of the shop's database with so many times 10,000 users and 50,000 orders."""
    if scale == 1:
        database_path("shop")
        yield "shop"
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"shop-{scale}.db"
        build(DOMAINS["shop"], path, seed=0, scale=scale)
        yield str(path)


def seed_pairs(database: str = "shop") -> list[Pair]:
    pairs = []
    for task in load_tasks():
        *indexes, query = (part.strip() for part in task.reference.split(";") if part.strip())
        pairs.append(Pair(replace(task, database=database), tuple(indexes), query))
    return pairs
