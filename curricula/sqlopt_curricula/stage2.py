"""Stage 2 teaches generalisation: slow queries that nobody wrote, each of them new.

They are written when they are asked for, batch by batch, a few for each database in turn (generator/).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Self, get_args

import apsw
import numpy as np

from sqlopt_env.databases import TRAINING, held_out_name
from sqlopt_env.judge import Judge
from sqlopt_env.tasks import seed_examples
from sqlopt_env.types import Demands, SqlOptError, Task

from .diversity import Fold, fold_of_seed
from .generator.generate import GIVE_UP, Generator, Known, Slot
from .generator.log import GenerationLog
from .generator.slow_query import SlowQuery
from .states import checked, count_of

Split = Literal["train", "validation"]
BATCH = 4  # queries of each database


class Stage2:
    """A curriculum of new queries: none comes twice, and none is a seed's.

    The queries of a seed are of one fold of tree shapes, those of its `validation` split of the other one (see
    diversity.py): the two splits of a seed share no fingerprint, nor do neighbouring seeds' training queries, and none
    has one of a held-out task. Every draw follows from a hash of the seed, the split, the database and its number.

    `databases` are names of built-in ones or files. With `file`, what is written is kept there with a log beside it,
    from which a later Stage2 with the same arguments takes it, so that a resumed run writes nothing twice. `batch` is
    how many queries of each database are written at once, by `workers` processes, which `close` ends.

    Raises SqlOptError for a held-out database, and where the databases yield no new query any more.
    """

    def __init__(
        self,
        seed: int = 0,
        *,
        split: Split = "train",
        databases: Sequence[str] = tuple(TRAINING),
        demands: Demands | None = None,
        file: Path | None = None,
        batch: int = BATCH,
        workers: int = 2,
    ) -> None:
        if type(seed) is not int or seed < 0:
            raise SqlOptError(f"seed must be a whole number of at least 0, not {seed!r}")
        if split not in get_args(Split):
            raise SqlOptError(f"split must be one of {', '.join(get_args(Split))}, not {split!r}")
        if type(batch) is not int or batch < 1:
            raise SqlOptError(f"batch must be a whole number of at least 1, not {batch!r}")
        if isinstance(databases, str) or not databases:
            raise SqlOptError(f"databases must be a list of names or files, not {databases!r}")
        stems = [_stem(name) for name in databases]
        if twice := next((stem for stem in stems if stems.count(stem) > 1), None):
            raise SqlOptError(f"two databases are called {twice}: their queries could not be told apart")
        for name in databases:
            if held := held_out_name(name):
                raise SqlOptError(
                    f"the domain {held} is held out: it tells what was learnt, and nothing is trained on it"
                )
        self._seed, self._split, self._databases = seed, split, tuple(databases)
        self._demands, self._batch, self._workers = demands or Demands(), batch, workers
        self._queries: list[SlowQuery] = []  # in the order in which they are handed out
        self._by_id: dict[str, SlowQuery] = {}
        self._batches = 0
        self._drawn = 0
        self._slots: dict[str, list[Slot]] = {name: [] for name in self._databases}
        self._generators: dict[str, Generator] = {}
        self._known = Known()
        for example in seed_examples():
            self._known.add(example["slow_query"])
        self._stack = ExitStack()
        self._log = None if file is None else self._stack.enter_context(GenerationLog(file, self._settings()))
        if self._log is not None:
            self._take_over(self._log)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the processes that write, and closes the file. No more queries can be written then."""
        self._stack.close()

    def next_task(self) -> Task:
        while len(self._queries) <= self._drawn:
            self._write_batch()
        self._drawn += 1
        return self._queries[self._drawn - 1].task

    def query(self, task_id: str) -> SlowQuery:
        """What is known of a task that was written: its shape, cost, difficulty and best answer."""
        if task_id not in self._by_id:
            raise SqlOptError(f"stage 2 has not handed out a task {task_id!r}")
        return self._by_id[task_id]

    def record(self, task: Task, *, success: bool, reward: float) -> None:
        """What comes next does not depend on it."""

    def state(self) -> dict[str, Any]:
        """Without the queries: a curriculum without a file writes them again when it is asked for more."""
        return {**self._agreed(), "drawn": self._drawn}

    def restore(self, state: Mapping[str, Any]) -> None:
        self._drawn = count_of(checked(state, self._agreed()), "drawn")

    def __getstate__(self) -> dict[str, Any]:
        """For a copy, here or in another process: it has no file, and writes its queries again."""
        names = ("seed", "split", "databases", "demands", "batch", "workers")
        return {"arguments": {name: getattr(self, f"_{name}") for name in names}, "drawn": self._drawn}

    def __setstate__(self, state: dict[str, Any]) -> None:
        type(self).__init__(self, **state["arguments"])
        self._drawn = state["drawn"]

    def _agreed(self) -> dict[str, Any]:
        return {
            "curriculum": "Stage2", "seed": self._seed, "split": self._split, "batch": self._batch,
            "databases": [_stem(name) for name in self._databases], "demands": asdict(self._demands),
        }  # fmt: skip

    def _settings(self) -> dict[str, Any]:
        """What must agree for queries of a file to be taken."""
        return {**self._agreed(), "sqlite": apsw.sqlite_lib_version()}

    @property
    def _fold(self) -> Fold:
        return fold_of_seed(self._seed + (self._split == "validation"))

    @property
    def _entropy(self) -> int:
        """The generator's seed: that of the validation split is another one, far away."""
        if self._split == "train":
            return self._seed
        return int(np.random.SeedSequence([self._seed, 1]).generate_state(1)[0])

    def _take_over(self, log: GenerationLog) -> None:
        """What the file holds becomes known; whole batches are not written again, a broken one is gone on with.

        Raises SqlOptError where a line of it is missing.
        """
        for name, slots in log.slots.items():
            if name not in self._slots or [slot.number for slot in slots] != list(range(len(slots))):
                raise SqlOptError(f"{log.log} is not as it was written: lines of {name} are missing or strange")
            self._slots[name] = list(slots)
            for slot in slots:
                if slot.query:
                    self._known.add(slot.query.task.query)

    def _write_batch(self) -> None:
        """The next queries of every database, in an order of their own."""
        wanted, self._batches = (self._batches + 1) * self._batch, self._batches + 1
        written: list[SlowQuery] = []
        for name in self._databases:
            for slot in self._missing(name, wanted):
                self._slots[name].append(slot)
                if self._log is not None:
                    self._log.append(name, slot)
            found = self._slots[name][wanted - self._batch : wanted]
            written += [self._named(slot.query, name, slot.number) for slot in found if slot.query]
        if not written and all(map(self._is_exhausted, self._databases)):
            raise SqlOptError(
                f"no new slow query is found any more on {', '.join(self._databases)}, after {len(self._queries)}"
            )
        rng = np.random.default_rng(np.random.SeedSequence([self._entropy, self._batches]))
        for number in rng.permutation(len(written)):
            query = written[int(number)]
            self._queries.append(query)
            self._by_id[query.task.id] = query

    def _missing(self, name: str, wanted: int) -> Iterator[Slot]:
        closed = len(self._slots[name])
        if closed >= wanted or self._is_exhausted(name):
            return
        if name not in self._generators:
            self._generators[name] = Generator(
                self._judge, name, self._entropy, fold=self._fold, known=self._known, demands=self._demands
            )
        yield from self._generators[name].slots(wanted, closed)

    def _is_exhausted(self, name: str) -> bool:
        """Whether its last slots stayed empty."""
        last = self._slots[name][-GIVE_UP:]
        return len(last) == GIVE_UP and not any(slot.query for slot in last)

    @cached_property
    def _judge(self) -> Judge:
        """The one that measures what is written; started when it is first needed."""
        return self._stack.enter_context(Judge(workers=self._workers, measure="steps"))

    def _named(self, query: SlowQuery, database: str, slot: int) -> SlowQuery:
        """Under an id that no other seed or split has."""
        split = "" if self._split == "train" else f"{self._split}-"
        return replace(query, task=replace(query.task, id=f"stage2-{self._seed}-{split}{_stem(database)}-{slot:04d}"))


def _stem(database: str) -> str:
    """What a database is called in the ids of its tasks."""
    return database if database in TRAINING else Path(database).stem
