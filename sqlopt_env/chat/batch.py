"""Many requests in one file through the Batch API: at half the price, answered within a day.

A batch that was begun stands in the request log before it is waited for; a run that was killed goes on waiting for it.
Its answers go into the log, where the requests find them.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..types import SqlOptError
from .dispatch import Dispatcher
from .errors import ServerFailed
from .request_log import RequestLog, key_of
from .requests import Request
from .server import Lost, Reply, Server, read_reply, token_bound
from .spending import Account, Price

if TYPE_CHECKING:
    from openai.types import Batch

BATCH_SHARE = 0.5  # of the price
MOST_REQUESTS = 50_000  # in a file
_ENDS = ("completed", "failed", "expired", "cancelled")


@dataclass(frozen=True, slots=True)
class Batches:
    """What is needed to run batches of one client; `poll` is the first and the longest pause between two looks."""

    server: Server
    account: Account
    log: RequestLog
    dispatcher: Dispatcher
    price: Price | None
    poll: tuple[float, float] = (2.0, 60.0)

    def fetch(self, asked: Sequence[tuple[Request, int | None]]) -> None:
        """Puts the answers to requests, each with its seed, into the log, unless it holds them already.

        What a batch leaves unanswered stays missing: one that expired answers some. Raises SqlOptError without a log
        and for too many requests, ServerFailed where the server has no batches or fails, and CostReached.
        """
        if self.log.path is None:
            raise SqlOptError("batches need a request log to be found again: give log=FILE")
        requests = {key_of(request, seed): request for request, seed in asked}
        keys = [key_of(request, seed) for request, seed in asked]
        missing = self.log.missing(keys)
        if not missing:
            return
        if missing.total() > MOST_REQUESTS:
            raise SqlOptError(
                f"a batch takes at most {MOST_REQUESTS:,} requests, not {missing.total():,}: ask in parts"
            )
        name = "batch " + hashlib.sha256("".join(keys).encode()).hexdigest()[:26]
        batch_id, bound = self.log.batch(name) or ("", self._most(requests, missing))
        if batch_id:
            self.account.pay(-bound)  # counted while nobody waited for it, as an attempt that was cut off
        self.account.reserve(bound)
        try:
            start = time.perf_counter()
            batch = self._ended(batch_id or self._begin(name, requests, missing, bound))
            self._take_over(batch, requests, missing, time.perf_counter() - start)
            self.log.lost(name, f"the batch {batch.id} is {batch.status}", 0.0)
        except BaseException:
            if self.log.batch(name):
                self.account.pay(bound)
            raise
        finally:
            self.account.release(bound)
        if batch.status == "failed":
            raise self._failed(batch)

    def _most(self, requests: Mapping[str, Request], missing: Counter[str]) -> float:
        if self.price is None:
            return 0.0
        return BATCH_SHARE * sum(self.price.of(*token_bound(requests[key])) * n for key, n in missing.items())

    def _begin(self, name: str, requests: Mapping[str, Request], missing: Counter[str], bound: float) -> str:
        lines = [
            {"custom_id": f"{key}-{number}", "method": "POST", "url": "/v1/chat/completions", "body": requests[key]}
            for key, count in missing.items()
            for number in range(count)
        ]
        content = "".join(json.dumps(line) + "\n" for line in lines).encode()
        with self._sentences():
            client = self.server.client()
            file = client.files.create(file=("sqlopt.jsonl", content), purpose="batch")
            batch = client.batches.create(
                input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
            )
        self.log.sent(name, bound, batch.id)
        return batch.id

    def _ended(self, batch_id: str) -> Batch:
        pause, longest = self.poll
        while True:
            with self._sentences():
                batch = self.server.client().batches.retrieve(batch_id)
            if batch.status in _ENDS:
                return batch
            self.dispatcher.pause(pause)
            pause = min(2 * pause, longest)

    def _failed(self, batch: Batch) -> ServerFailed:
        errors = batch.errors.data if batch.errors and batch.errors.data else []
        reason = self.server.words("; ".join(error.message or "" for error in errors) or "no reason was given")
        return ServerFailed(f"the batch {batch.id} of the server {self.server.url} failed: {reason}")

    def _take_over(self, batch: Batch, requests: Mapping[str, Request], missing: Counter[str], seconds: float) -> None:
        """The batch's answers, as far as they are missing: of equal requests the last, for a kill leaves the first."""
        found: defaultdict[str, list[tuple[int, Reply]]] = defaultdict(list)
        for key, number, reply in self._results(batch):
            found[key].append((number, reply))
        open_ones = [
            (key, reply) for key, count in missing.items() for _, reply in sorted(found[key], key=_number)[-count:]
        ]
        for key, reply in open_ones:
            dollars = None
            if self.price is not None:
                dollars = BATCH_SHARE * self.price.of(*reply.tokens(token_bound(requests[key])))
            self.account.pay(dollars, reply.prompt_tokens or 0, reply.completion_tokens or 0, requests=1)
            self.log.answered(key, requests[key], reply, dollars, seconds, 1)
            self.log.hold(key, reply)

    def _results(self, batch: Batch) -> Iterator[tuple[str, int, Reply]]:
        if batch.output_file_id is None:
            return
        with self._sentences():
            content = self.server.client().files.content(batch.output_file_id).content
        for line in content.splitlines():
            try:
                result = json.loads(line)
                key, _, number = result["custom_id"].rpartition("-")
                yield key, int(number), read_reply(result["response"]["body"])
            except (Lost, ValueError, KeyError, TypeError, AttributeError, RecursionError):
                continue  # the request stays missing

    @contextmanager
    def _sentences(self) -> Iterator[None]:
        from openai import OpenAIError

        try:
            yield
        except OpenAIError as error:
            lost = self.server.lost(error)
            raise ServerFailed(f"the server {self.server.url} failed on a batch: {lost}") from None


def _number(result: tuple[int, Reply]) -> int:
    return result[0]
