"""Judges the examples of a dataset again, and keeps what was found in a log, from which a killed check goes on."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Event
from types import TracebackType
from typing import Any, Self

from ...jsonlines import JsonLines, read_lines
from ...judge import Judge
from ...reward import SUCCESS
from ...types import Evaluation, SqlOptError, Task
from .faults import Finding
from .files import Example
from .identity import key

REFUTED, SLOWER, UNVERIFIED = "refuted", "slower than told", "not verified"
TRIES = 2  # measurements of an example that falls below its threshold, by noise or not

_FORMAT = "sqlopt data check 1"


@dataclass(frozen=True, slots=True)
class Judged:
    """What the judge said of an example this time."""

    outcome: str
    reason: str
    effective_speedup: float | None

    @classmethod
    def of(cls, evaluation: Evaluation) -> Self:
        return cls(evaluation.outcome, evaluation.reason, evaluation.effective_speedup)

    @property
    def holds(self) -> bool:
        return self.outcome == "improved" and (self.effective_speedup or 0.0) >= SUCCESS

    @property
    def finding(self) -> Finding | None:
        """What is wrong with the example; None where it holds."""
        if self.holds:
            return None
        if self.outcome == "refuted":
            return Finding(REFUTED, self.reason)
        if self.outcome in ("improved", "equivalent"):
            return Finding(SLOWER, f"it is {self.effective_speedup or 0.0:.2f} times as fast, below {SUCCESS}")
        return Finding(UNVERIFIED, f"{self.outcome}: {self.reason}")


class CheckLog:
    """Open for writing while it is entered; what it holds of an earlier check goes on to count.

    `settings` is all that decides a judgement. Raises SqlOptError for a file that is no such log or of other settings.
    """

    def __init__(self, path: Path, settings: Mapping[str, Any]) -> None:
        self.path = path
        self._judged: dict[str, list[Judged]] = defaultdict(list)
        header = {"format": _FORMAT, "settings": json.loads(json.dumps(settings))}
        try:
            self._lines = JsonLines(path)
        except OSError as error:
            raise SqlOptError(f"the log {path} cannot be written: {error.strerror}") from None
        try:
            if not self._read_back(header):
                self._lines.append(header)
        except BaseException:
            self._lines.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lines.close()

    def judged(self, example: Example) -> list[Judged]:
        """Of an example, one after the other."""
        return list(self._judged[key(example)])

    def add(self, example: Example, judged: Judged) -> None:
        self._lines.append({"key": key(example), "id": example["id"], **asdict(judged)})
        self._judged[key(example)].append(judged)

    def _read_back(self, header: dict[str, Any]) -> bool:
        """Whether there is a log already."""
        records = read_lines(self.path, dict, "of a check's log")
        first = next(records, None)
        if first is None:
            return False
        if first != header:
            then = first.get("settings") if first.get("format") == _FORMAT else None
            now = header["settings"]
            differ = [name for name in now if then.get(name) != now[name]] if isinstance(then, dict) else []
            what = f"differs in {', '.join(differ)}" if differ else "is of another version"
            raise SqlOptError(f"{self.path} holds a check that {what}: end it as it was begun, or remove the file")
        for number, record in enumerate(records, 2):
            try:
                judged = Judged(record["outcome"], record["reason"], record["effective_speedup"])
                self._judged[record["key"]].append(judged)
            except (KeyError, TypeError) as error:
                raise SqlOptError(f"{self.path}, line {number}: not of a check's log ({error})") from None
        return True


def judge_again(
    examples: Sequence[Example], judge: Judge, log: CheckLog, told: Callable[[], None] = lambda: None
) -> list[list[Judged]]:
    """What the judge says of each example now, thoroughly: once, or where that does not hold, a second time.

    The examples of one query are judged one after the other, so that its preparation serves them all, as many queries
    at a time as the judge has workers. What the log holds is taken from there. `told` hears of every example.
    A database or a query that cannot be judged is the outcome "unusable", which is not logged.
    """
    groups: dict[tuple[str, str], list[int]] = defaultdict(list)
    for place, example in enumerate(examples):
        groups[example["database"], example["slow_query"]].append(place)
    found: list[list[Judged]] = [[] for _ in examples]
    stop = Event()

    def run(places: Sequence[int]) -> None:
        for place in places:
            if stop.is_set():
                return
            found[place] = _judged(examples[place], judge, log, stop)
            told()

    threads = ThreadPoolExecutor(judge.workers)
    try:
        futures: list[Future[None]] = [threads.submit(run, groups[group]) for group in sorted(groups)]
        wait(futures, return_when=FIRST_EXCEPTION)
        for future in futures:
            if future.done():
                future.result()
    except BaseException:
        stop.set()
        judge.close()  # ends what is being judged, so that Ctrl-C does not wait for it
        raise
    finally:
        threads.shutdown(wait=True, cancel_futures=True)
    return found


def _judged(example: Example, judge: Judge, log: CheckLog, stop: Event) -> list[Judged]:
    found = log.judged(example)
    task = Task(example["id"], example["database"], example["slow_query"])
    while not found or (len(found) < TRIES and not found[-1].holds and found[-1].outcome != "refuted"):
        try:
            judged = Judged.of(judge.evaluate(task, example["fast_query"], thorough=True))
        except SqlOptError as error:
            return [*found, Judged("unusable", str(error), None)]
        if stop.is_set():  # its worker was ended, which says nothing of the example
            return found
        log.add(example, judged)
        found.append(judged)
    return found
