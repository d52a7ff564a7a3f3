"""The caller's side of judging: (task, text) -> Evaluation, by a pool of worker processes.

Whatever a policy writes comes back as an evaluation with an outcome; exceptions are for the caller's own mistakes.
"""

from __future__ import annotations

import os
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import apsw

from .action import parse_action
from .databases import database_path
from .readability import size_change
from .repeats import Repeats
from .sqlite.snapshot import Signature
from .survey import Survey
from .types import (
    Appraisal,
    Brief,
    Demands,
    Evaluation,
    Outcome,
    Rewrite,
    Settings,
    SqlOptError,
    Task,
    Verdict,
    plan_from_dict,
)
from .workers.pool import WorkerPool
from .workers.worker import WorkerDied, WorkerOverran

_TARGET = "sqlopt_env.trial:make_handler"
_TRIES, _TRIES_TO_PREPARE = 3, 6  # on fresh workers, while one dies before it has looked at what a policy wrote
_HOPELESS = 2  # kills of a task's original, after which it is not run again
_REMEMBERED = 1000  # tasks
_SCRIPT = "script"  # the phase in which a worker first looks at what a policy wrote
_NO_ROWS = (
    "the original's rows could not be had: SQLite could not be interrupted and was killed (a larger reference_timeout"
    " allows more)"
)
_AHEAD = 4  # pairs of a worker that wait for it, so that a slow one does not hold up the others


class _Failed(SqlOptError):
    """The workers did not survive the task's query."""


class Judge:
    """Judges rewrites in worker processes. A context manager; usable from several threads, and picklable.

    `workers` is the number of processes, by default one fewer than there are cores, so that timing is not
    disturbed. The other keyword arguments are the fields of `Settings`.

        with Judge() as judge:
            evaluation = judge.evaluate(Task("t", database="shop", query="SELECT ..."), "SELECT ...")
    """

    def __init__(self, *, workers: int | None = None, **settings: Any) -> None:
        if workers is not None and (type(workers) is not int or workers < 1):
            raise SqlOptError(f"workers must be a whole number of at least 1, not {workers!r}")
        self.workers = workers or max(1, (os.cpu_count() or 2) - 1)
        names = asdict(Settings())
        unknown = next((name for name in settings if name not in names), None)
        if unknown is not None:
            raise SqlOptError(f"unknown setting {unknown!r}; the settings are: {', '.join(names)}")
        self.settings = Settings(**settings)
        self._open_pool()

    def _open_pool(self) -> None:
        self._paths: dict[str, Path] = {}
        self._briefs: dict[tuple[Signature, str], dict[str, Any]] = {}
        self._kills: Counter[tuple[Signature, str]] = Counter()  # of originals
        self._repeats = Repeats(self.settings.script_bytes) if self.settings.answer_repeats else None
        self._pool = WorkerPool(self.workers, _TARGET, asdict(self.settings))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __getstate__(self) -> dict[str, Any]:
        return {"workers": self.workers, "settings": self.settings}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._open_pool()

    def close(self) -> None:
        """Ends the worker processes. May be called again."""
        self._pool.close()

    @staticmethod
    def database_path(name: str) -> Path:
        """The SQLite file behind a database's name or path; a built-in one is built if it is missing."""
        return database_path(name)

    @property
    def worker_pids(self) -> list[int]:
        """The worker processes that have been started and not been killed by the judge."""
        return self._pool.pids

    def prepare(self, task: Task) -> Brief:
        """What may be known of a task before any rewrite. Raises SqlOptError for a query that cannot be a task."""
        signature = self._signature(task)
        key = (signature, task.query)
        if key not in self._briefs:
            try:
                request = {"op": "brief", "path": signature.path, "signature": signature, "query": task.query}
                answer = self._answer(request, _TRIES_TO_PREPARE)
            except (WorkerDied, WorkerOverran) as error:
                raise SqlOptError(f"task {task.id}: preparing it failed: {_end(error)}") from error
            if len(self._briefs) >= _REMEMBERED:
                self._briefs.clear()
            self._briefs[key] = self._checked(task, answer)
        answer = self._briefs[key]
        return Brief(
            task=task,
            schema=answer["schema"],
            plan=plan_from_dict(answer["plan"]),
            columns=answer["columns"],
            row_counts=tuple((table, rows) for table, rows in answer["row_counts"]),
            sqlite_version=apsw.sqlite_lib_version(),
        )

    def survey(self, database: str | Path) -> Survey:
        """What is in a database: tables, keys and columns with a sample of their values. Raises SqlOptError."""
        task = Task("the survey", str(database), "")
        return Survey.from_dict(self._asked(task, {"op": "survey"}))

    def appraise(
        self, task: Task, good: str = "", indexes: Sequence[str] = (), demands: Demands | None = None
    ) -> Appraisal:
        """Whether a query is a good task, what it takes, and what its good form does with indexes out of these.

        Where the good form has other rows, the task is unfit. The indexes, CREATE INDEX statements, are built
        together, once for all queries. A light look, for those who choose among many queries:
        it says less than `evaluate`. Raises SqlOptError for a database that cannot be read.
        """
        request = {
            "op": "appraise",
            "query": task.query,
            "good": good,
            "indexes": list(indexes),
            "demands": asdict(demands or Demands()),
        }
        try:
            return Appraisal.from_dict(self._asked(task, request))
        except _Failed as failed:
            return Appraisal("dear", str(failed), 0, 0, 0.0)

    def _asked(self, task: Task, request: dict[str, Any]) -> dict[str, Any]:
        """A worker's answer on the task's database. Raises SqlOptError, and _Failed where workers did not survive."""
        signature = self._signature(task)
        place = {"path": signature.path, "signature": signature, "query": task.query}
        try:
            return self._checked(task, self._answer({**place, **request}, _TRIES))
        except (WorkerDied, WorkerOverran) as error:
            kind = _Failed if "reference" in error.phases else SqlOptError  # while it ran the query, or before
            raise kind(f"task {task.id}: {_end(error)}") from error

    def evaluate(self, task: Task, action: str | Rewrite, *, thorough: bool = False) -> Evaluation:
        """Judges one rewrite of the task's query; with `thorough`, on many more small databases.

        Raises SqlOptError only for a task that is none.
        """
        if not isinstance(action, str | Rewrite):
            raise SqlOptError(f"an action is a text or a Rewrite, not {type(action).__name__}")
        if not isinstance(thorough, bool):
            raise SqlOptError(f"thorough must be True or False, not {thorough!r}")
        rewrite = action if isinstance(action, Rewrite) else parse_action(action)
        signature = self._signature(task)
        if self._repeats is None:
            return self._judged(task, rewrite, signature, thorough)
        key = self._repeats.key(signature, task, rewrite, thorough)
        evaluation = self._repeats.find(key, task, rewrite)
        if evaluation is None:
            evaluation = self._judged(task, rewrite, signature, thorough)
            self._repeats.keep(key, evaluation)
        return evaluation

    def _judged(self, task: Task, rewrite: Rewrite, signature: Signature, thorough: bool) -> Evaluation:
        request = {
            "op": "evaluate",
            "path": signature.path,
            "signature": signature,
            "query": task.query,
            "script": rewrite.script,
            "thorough": thorough,
        }
        key = (signature, task.query)
        if self._kills[key] >= _HOPELESS:
            return self._without_figures(task, rewrite, "unverified", _NO_ROWS)
        try:
            answer = self._checked(task, self._answer(request, _TRIES))
        except WorkerDied as error:
            return self._without_figures(task, rewrite, "crashed", str(error))
        except WorkerOverran as error:
            if error.phase == "reference" and _SCRIPT not in error.phases:
                if len(self._kills) >= _REMEMBERED:
                    self._kills.clear()
                self._kills[key] += 1
            return self._after_overrun(task, rewrite, error)
        return self._evaluation(task, rewrite, answer)

    def _answer(self, request: dict[str, Any], tries: int) -> dict[str, Any]:
        """A worker's answer. One that dies before it has looked at a script has died of something else: another one is
        asked."""
        while True:
            tries -= 1
            try:
                return self._pool.call(request, request["query"])
            except WorkerDied as error:
                if not tries or _SCRIPT in error.phases or self._pool.closed:
                    raise

    def evaluate_all(self, pairs: Iterable[tuple[Task, str | Rewrite]]) -> Iterator[Evaluation]:
        """Evaluations in the order of the pairs, as many at a time as there are workers. Reads few pairs ahead.

        Raises SqlOptError as `evaluate` does, and for what is no pair of a task and an action.
        """
        if not isinstance(pairs, Iterable):
            raise SqlOptError(f"evaluate_all takes pairs of a task and an action, not {type(pairs).__name__}")
        return self._evaluated(pairs)

    def _evaluated(self, pairs: Iterable[Any]) -> Iterator[Evaluation]:
        with ThreadPoolExecutor(self.workers) as threads:
            pending: deque[Future[Evaluation]] = deque()
            try:
                for pair in pairs:
                    if not isinstance(pair, tuple | list) or len(pair) != 2:
                        raise SqlOptError(f"a pair is (task, action), not {type(pair).__name__}")
                    pending.append(threads.submit(self.evaluate, *pair))
                    if len(pending) >= _AHEAD * self.workers:
                        yield pending.popleft().result()
                while pending:
                    yield pending.popleft().result()
            finally:
                for future in pending:
                    future.cancel()

    def _signature(self, task: Task) -> Signature:
        """Of the task's database, as it is now."""
        if not isinstance(task, Task):
            raise SqlOptError(f"a task is a Task, not {type(task).__name__}")
        if not all(isinstance(text, str) for text in (task.id, task.database, task.query)):
            raise SqlOptError("a task's id, database and query must be texts")
        known = self._paths.get(task.database)
        if known is not None:
            with suppress(SqlOptError):  # it has gone since
                return Signature.of(known)
        path = self._paths[task.database] = database_path(task.database)
        return Signature.of(path)

    def _checked(self, task: Task, answer: dict[str, Any]) -> dict[str, Any]:
        if "error" in answer:
            raise SqlOptError(f"task {task.id}: {answer['error']}")
        return answer

    def _evaluation(self, task: Task, rewrite: Rewrite, answer: dict[str, Any]) -> Evaluation:
        values = dict(answer)
        indexes, query = tuple(values.pop("indexes", ())), values.pop("query", "")
        rewrite = replace(rewrite, indexes=indexes, query=query)
        if values.get("verdict") is not None:
            values["verdict"] = Verdict.from_dict(values["verdict"])
        if "counts" in values:
            values["size"] = size_change(task.query, values.pop("counts"), len(indexes))
        if "speedup_interval" in values:
            values["speedup_interval"] = tuple(values["speedup_interval"])
        for name in ("plan_before", "plan_after"):
            if name in values:
                values[name] = plan_from_dict(values[name])
        return self._made(task, rewrite, values)

    def _after_overrun(self, task: Task, rewrite: Rewrite, error: WorkerOverran) -> Evaluation:
        if error.phase in ("start", "load"):
            raise SqlOptError(f"task {task.id}: the worker process did not come to load {task.database} in time")
        if error.phase == "reference" or _SCRIPT not in error.phases:
            return self._without_figures(task, rewrite, "unverified", _NO_ROWS)
        reason = f"killed: its {error.phase} phase took longer than allowed and could not be interrupted"
        if error.phase != _SCRIPT:  # to which the same time is always allowed
            reason += f" (a timeout above {self.settings.timeout:g} s allows more)"
        return self._without_figures(task, rewrite, "timeout", reason)

    def _without_figures(self, task: Task, rewrite: Rewrite, outcome: Outcome, reason: str) -> Evaluation:
        return self._made(task, rewrite, {"outcome": outcome, "reason": reason})

    def _made(self, task: Task, rewrite: Rewrite, values: dict[str, Any]) -> Evaluation:
        return Evaluation(
            task_id=task.id,
            rewrite=rewrite,
            measure=self.settings.measure,
            sqlite_version=apsw.sqlite_lib_version(),
            **values,
        )


def _end(error: WorkerDied | WorkerOverran) -> str:
    if isinstance(error, WorkerDied):
        return f"{error}, {_TRIES_TO_PREPARE} times one after the other"
    return f"the worker took too long ({error.phase})"
