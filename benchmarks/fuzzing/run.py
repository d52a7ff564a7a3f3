"""Judges actions side by side, notes what is wrong with each answer, and what the caller holds before and after."""

from __future__ import annotations

import os
import time
from collections import Counter, deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from rich.console import Console
from rich.progress import track

from sqlopt_env import Evaluation, Judge, Rewrite

from .actions import Action
from .checks import problems
from .corpus import Corpus
from .paid import differences

TIMEOUT = 0.5
LONGEST = 2 * TIMEOUT + 1.0  # seconds of wall time
HANGING = 60.0
_PAID = ("improved", "equivalent")


@dataclass(frozen=True)
class Fault:
    what: str  # "raised", "hung", "late", "answer", "paid", "leaked"
    generator: str
    task: str
    text: str
    detail: str


@dataclass(frozen=True)
class Held:
    memory: int  # bytes
    descriptors: int
    processes: int  # below this one


@dataclass
class Report:
    actions: int
    before: Held
    after: Held
    left: Held  # when the judge is closed
    rate: float = 0.0
    outcomes: dict[str, dict[str, int]] = field(default_factory=dict)  # of a generator
    slowest: list[tuple[float, str, str]] = field(default_factory=list)
    paid: int = 0
    checked: int = 0
    faults: list[Fault] = field(default_factory=list)


def run(corpus: Corpus, actions: list[Action], workers: int, databases: int, seed: int) -> Report:
    """All that there is to know of these actions."""
    report = Report(len(actions), held(), held(), held())
    paid: dict[str, dict[Rewrite, Action]] = {}  # of a task
    late: list[Action] = []
    counters: dict[str, Counter[str]] = {}
    with Judge(workers=workers, measure="steps", timeout=TIMEOUT) as judge:
        _warm(judge, corpus, workers)
        report.before, start = held(), time.perf_counter()
        for action, evaluation, seconds in _answers(judge, actions, workers):
            if isinstance(evaluation, Exception):
                what = "hung" if isinstance(evaluation, TimeoutError) else "raised"
                report.faults.append(_fault(what, action, f"{type(evaluation).__name__}: {evaluation}"))
                if what == "hung":
                    break
                continue
            counters.setdefault(action.generator, Counter())[evaluation.outcome] += 1
            report.faults += [_fault("answer", action, problem) for problem in problems(action.task, evaluation)]
            report.slowest = sorted([*report.slowest, (seconds, action.task.id, action.text[:1000])], reverse=True)[:20]
            if seconds > LONGEST:
                late.append(action)
            if evaluation.outcome in _PAID:
                report.paid += 1
                rewrite = Rewrite("", indexes=evaluation.rewrite.indexes, query=evaluation.rewrite.query)
                paid.setdefault(action.task.id, {}).setdefault(rewrite, action)
        report.rate = len(actions) / (time.perf_counter() - start)
        report.after = held()
    report.left = held()
    report.outcomes = {generator: dict(counter) for generator, counter in counters.items()}
    report.faults += [*_still_late(corpus, late), *_wrongly_paid(corpus, paid, databases, seed), *_leaks(report)]
    report.checked = sum(map(len, paid.values()))
    return report


def _warm(judge: Judge, corpus: Corpus, workers: int) -> None:
    """Every worker has every task ready: to prepare one is not an action's time."""
    pairs = [
        (task, script) for task in corpus.tasks.values() for script in corpus.answers[task.id] for _ in range(workers)
    ]
    deque(judge.evaluate_all(pairs), maxlen=0)


def _answers(
    judge: Judge, actions: list[Action], workers: int
) -> Iterator[tuple[Action, Evaluation | Exception, float]]:
    """In the order of the actions, with the seconds that each took. As many threads as workers: no action waits."""

    def judged(action: Action) -> tuple[Evaluation | Exception, float]:
        start = time.perf_counter()
        try:
            return judge.evaluate(action.task, action.text), time.perf_counter() - start
        except Exception as error:
            return error, 0.0

    with ThreadPoolExecutor(workers) as threads:
        futures: deque[Future[tuple[Evaluation | Exception, float]]] = deque()
        ahead = iter(actions)
        for action in track(actions, "judging", console=Console(stderr=True), transient=True):
            futures += [threads.submit(judged, each) for each in islice(ahead, 4 * workers - len(futures))]
            try:
                yield action, *futures.popleft().result(HANGING)
            except TimeoutError as error:
                judge.close()  # so that the threads end
                yield action, error, HANGING


def _still_late(corpus: Corpus, late: list[Action]) -> Iterator[Fault]:
    """Those that take too long alone, too, by a worker that has their task ready: a kill before them costs that."""
    for action in late:
        with Judge(workers=1, measure="steps", timeout=TIMEOUT) as judge:
            for script in corpus.answers[action.task.id]:
                judge.evaluate(action.task, script)
            start = time.perf_counter()
            evaluation = judge.evaluate(action.task, action.text)
            seconds = time.perf_counter() - start
        if seconds > LONGEST:
            yield _fault("late", action, f"{seconds:.2f} s: {evaluation.outcome}, {evaluation.reason}")


def _wrongly_paid(corpus: Corpus, paid: dict[str, dict[Rewrite, Action]], databases: int, seed: int) -> Iterator[Fault]:
    """What plain SQLite says of all that was paid."""
    for name in track(list(paid), "comparing", console=Console(stderr=True), transient=True):
        for difference in differences(corpus.tasks[name], list(paid[name]), databases, seed):
            yield _fault("paid", paid[name][difference.rewrite], f"{difference.how}\non {difference.where}")


def _leaks(report: Report) -> Iterator[Fault]:
    for name, grown in (
        ("memory", report.after.memory - report.before.memory > 40 * 2**20),
        ("descriptors", report.after.descriptors > report.before.descriptors + 8),
        ("processes", report.after.processes > report.before.processes + 4),
        ("processes after closing", report.left.processes > 0),
    ):
        if grown:
            yield Fault("leaked", "", "", "", f"{name}: {report.before}, {report.after}, {report.left}")


def _fault(what: str, action: Action, detail: str) -> Fault:
    return Fault(what, action.generator, action.task.id, action.text, detail)


def held() -> Held:
    """What this process holds now; zeros where the system does not say."""
    if not Path("/proc/self/statm").exists():
        return Held(0, 0, 0)
    memory = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return Held(memory, len(os.listdir("/proc/self/fd")), len(descendants(os.getpid())))


def descendants(pid: int) -> list[int]:
    """The running processes below a process, by the children of each."""
    below: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[0] != "Z":
            below.setdefault(int(fields[1]), []).append(int(folder.name))
    found, seek = [], [pid]
    while seek:
        children = below.get(seek.pop(), [])
        found += children
        seek += children
    return found
