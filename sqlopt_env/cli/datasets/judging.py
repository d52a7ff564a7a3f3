"""Judges the examples of a dataset again, and keeps what was found in a log, from which a killed check goes on."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from threading import Event
from types import TracebackType
from typing import Any, Self

from ...jsonlines import JsonLines, read_lines
from ...judge import Judge
from ...observation import observe
from ...reward import SUCCESS
from ...types import Evaluation, SqlOptError, Task
from .faults import Finding
from .files import Example
from .identity import key
from .seen import unlike

REFUTED, SLOWER, UNVERIFIED = "refuted", "slower than told", "not verified"
UNSEEN, TOO_FAST = "other schema or plan than the policy sees", "told too fast"
TRIES = 2  # measurements of an example that falls short of what it should be, by noise or not
FAR = 10.0  # so many times the measured speedup is no noise

_FORMAT = "sqlopt data check 2"


@dataclass(frozen=True, slots=True)
class Judged:
    """What the judge said of an example this time."""

    outcome: str
    reason: str
    effective_speedup: float | None
    unseen: str = ""  # how the schema or the plan that it tells differ from those that a policy sees

    @classmethod
    def of(cls, evaluation: Evaluation, unseen: str = "") -> Self:
        return cls(evaluation.outcome, evaluation.reason, evaluation.effective_speedup, unseen)

    @property
    def holds(self) -> bool:
        return self.outcome == "improved" and (self.effective_speedup or 0.0) >= SUCCESS


def settled(judged: Sequence[Judged]) -> Judged:
    """What counts of one or two judgements, one after the other: the one that holds, else the last; a refutation
    always."""
    if judged[-1].outcome == "refuted":
        return judged[-1]
    return max(
        (each for each in judged if each.holds), key=lambda each: each.effective_speedup or 0.0, default=judged[-1]
    )


def findings_of(judged: Sequence[Judged], told: float | None) -> list[Finding]:
    """What is wrong with an example. `told` is its effective speedup, where that can be compared."""
    last, found = settled(judged), list[Finding]()
    if last.outcome == "refuted":
        found.append(Finding(REFUTED, last.reason))
    elif last.outcome not in ("improved", "equivalent"):
        found.append(Finding(UNVERIFIED, f"{last.outcome}: {last.reason}"))
    elif not last.holds:
        found.append(Finding(SLOWER, f"it is {last.effective_speedup or 0.0:.2f} times as fast, below {SUCCESS}"))
    elif _is_far(last, told):
        found.append(
            Finding(TOO_FAST, f"it is told to be {told:.6g} times as fast, and is {last.effective_speedup:.2f}")
        )
    return [*found, *([Finding(UNSEEN, last.unseen)] if last.unseen else [])]


def _is_far(judged: Judged, told: float | None) -> bool:
    return told is not None and told > FAR * (judged.effective_speedup or 0.0)


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
                judged = Judged(*(record[field.name] for field in fields(Judged)))
                self._judged[record["key"]].append(judged)
            except (KeyError, TypeError) as error:
                raise SqlOptError(f"{self.path}, line {number}: not of a check's log ({error})") from None
        return True


def judge_again(
    examples: Sequence[Example],
    fastest_told: Sequence[float | None],
    judge: Judge,
    log: CheckLog,
    told: Callable[[], None] = lambda: None,
) -> list[list[Judged]]:
    """What the judge says of each example now, thoroughly: once, or where that does not hold, or falls far short of the
    effective speedup that was told, a second time.

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
            found[place] = _judged(examples[place], fastest_told[place], judge, log, stop)
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


def _judged(example: Example, told: float | None, judge: Judge, log: CheckLog, stop: Event) -> list[Judged]:
    found = log.judged(example)
    task = Task(example["id"], example["database"], example["slow_query"])
    while not found or (len(found) < TRIES and _may_be_noise(found[-1], told)):
        try:
            unseen = found[-1].unseen if found else unlike(example, observe(judge.prepare(task)))
            judged = Judged.of(judge.evaluate(task, example["fast_query"], thorough=True), unseen)
        except SqlOptError as error:
            return [*found, Judged("unusable", str(error), None)]
        if stop.is_set():  # its worker was ended, which says nothing of the example
            return found
        log.add(example, judged)
        found.append(judged)
    return found


def _may_be_noise(judged: Judged, told: float | None) -> bool:
    return judged.outcome != "refuted" and (not judged.holds or _is_far(judged, told))
