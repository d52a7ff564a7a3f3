"""The request log: every request with its answers and what they cost, and the way back to them after a kill.

A line is found by the hash of everything that was asked. Equal requests take the lines in their order, so that a run
that is resumed meets its own answers again.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ..jsonlines import JsonLines, read_lines
from ..types import SqlOptError
from .server import Reply
from .spending import Account


def key_of(request: Mapping[str, Any], seed: int | None) -> str:
    """The hash of a request; the seed counts also where the server is not told it."""
    text = json.dumps([request, seed], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


class RequestLog:
    """A JSON Lines file, opened at the first use. Without a path nothing is written, and nothing is found.

    Each attempt has a line when it is sent (`key`, `sent`: the dollars that it can cost at most) and one when it ends:
    `key`, `request`, `answers`, `usage`, `dollars`, `seconds` and `attempts`, or `key`, `lost` (why) and `dollars`. An
    attempt without an end was cut off by a kill, and counts as if it had cost the most. A batch is one attempt, with
    its id in the line `sent`; its answers have lines of their own.
    """

    def __init__(self, path: Path | None, account: Account) -> None:
        self.path = path
        self._account = account
        self._lines: JsonLines | None = None
        self._guard = threading.Lock()
        self._known: defaultdict[str, deque[Reply]] = defaultdict(deque)
        self._batches: dict[str, tuple[str, float]] = {}  # those without an end

    def open(self) -> None:
        """Reads what the file holds, and counts it as spent. Raises SqlOptError for another file, or one in use."""
        with self._guard:
            if self.path is None or self._lines is not None:
                return
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self._lines = JsonLines(self.path)
                self._take_over(list(read_lines(self.path, _checked, "a line of a request log")))
            except OSError as error:
                raise SqlOptError(f"the request log {self.path} cannot be written: {error.strerror}") from None
            except SqlOptError:
                self._close()
                raise

    def close(self) -> None:
        with self._guard:
            self._close()

    def take(self, key: str) -> Reply | None:
        """The next of the answers to this request that are held and not taken yet."""
        with self._guard:
            known = self._known[key]
            return known.popleft() if known else None

    def missing(self, keys: Iterable[str]) -> Counter[str]:
        """How often each request would find no answer."""
        with self._guard:
            return Counter(keys) - Counter({key: len(known) for key, known in self._known.items()})

    def batch(self, key: str) -> tuple[str, float] | None:
        """The id of a batch that was begun and has no end, and the most that it can cost."""
        return self._batches.get(key)

    def sent(self, key: str, bound: float, batch: str = "") -> None:
        if batch:
            self._batches[key] = batch, bound
        self._append({"key": key, "sent": bound, **({"batch": batch} if batch else {})})

    def answered(
        self, key: str, request: Mapping[str, Any], reply: Reply, dollars: float | None, seconds: float, attempts: int
    ) -> None:
        self._append(
            {
                "key": key,
                "request": dict(request),
                "answers": list(reply.answers),
                "usage": {"prompt_tokens": reply.prompt_tokens, "completion_tokens": reply.completion_tokens},
                "dollars": dollars,
                "seconds": round(seconds, 3),
                "attempts": attempts,
            }
        )

    def hold(self, key: str, reply: Reply) -> None:
        """Lets a request that is yet to come find this answer."""
        with self._guard:
            self._known[key].append(reply)

    def lost(self, key: str, reason: str, dollars: float) -> None:
        self._batches.pop(key, None)
        self._append({"key": key, "lost": reason, "dollars": dollars})

    def _take_over(self, lines: list[dict[str, Any]]) -> None:
        unfinished: dict[str, list[float]] = defaultdict(list)
        for line in lines:
            key = line["key"]
            if "sent" in line:
                unfinished[key].append(line["sent"])
                if "batch" in line:
                    self._batches[key] = str(line["batch"]), line["sent"]
                continue
            if unfinished[key]:
                unfinished[key].pop()
            self._batches.pop(key, None)
            if "lost" in line:
                self._account.pay(line["dollars"])
                continue
            reply = Reply(tuple(line["answers"]), line["usage"]["prompt_tokens"], line["usage"]["completion_tokens"])
            self._known[key].append(reply)
            self._account.pay(line["dollars"], reply.prompt_tokens or 0, reply.completion_tokens or 0, requests=1)
        for bounds in unfinished.values():
            self._account.pay(sum(bounds))

    def _append(self, record: dict[str, Any]) -> None:
        lines = self._lines
        if lines is not None:
            lines.append(record)

    def _close(self) -> None:
        if self._lines is not None:
            self._lines.close()
            self._lines = None


def _checked(line: dict[str, Any]) -> dict[str, Any]:
    """The line, if it is one of a request log; what read_lines turns into a sentence otherwise."""
    if not isinstance(line["key"], str):
        raise TypeError("key")
    answers: list[Any] = []
    counts: list[Any] = []
    if "sent" in line:
        dollars = line["sent"]
    elif "lost" in line:
        dollars = line["dollars"]
    else:
        dollars, answers = line["dollars"] or 0.0, line["answers"]
        counts = [line["usage"][name] or 0 for name in ("prompt_tokens", "completion_tokens")]
    if not isinstance(dollars, int | float) or not all(isinstance(count, int) for count in counts):
        raise TypeError("dollars and tokens must be numbers")
    if not isinstance(answers, list) or not all(isinstance(answer, str) for answer in answers):
        raise TypeError("answers must be texts")
    return line
