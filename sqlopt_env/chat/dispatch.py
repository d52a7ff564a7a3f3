"""From a request to its answers: looked up in the log, or sent with as many attempts as it takes, within the budget."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from queue import SimpleQueue
from typing import TypeAlias

from .errors import ServerFailed
from .request_log import RequestLog, key_of
from .requests import Request
from .server import Lost, Reply, Server, token_bound
from .spending import Account, Price

FIRST_WAIT, LONGEST_BACKOFF = 0.5, 8.0  # seconds before the second attempt, doubled for each further one

Answers: TypeAlias = tuple[str, ...]
_Job: TypeAlias = tuple[Request, str, Price | None, "Future[Answers]"]


class Dispatcher:
    """At most `concurrency` requests at one time, each in a daemon thread, so that Ctrl-C waits for no server.

    A request keeps its place while it waits for another attempt: a server that asks for patience gets it.
    """

    def __init__(self, server: Server, account: Account, log: RequestLog, *, retries: int, concurrency: int) -> None:
        self._server = server
        self._account = account
        self._log = log
        self._retries = retries
        self._concurrency = concurrency
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._guard = threading.Lock()
        self._unfinished: set[Future[Answers]] = set()
        self._threads = 0
        self._closed = threading.Event()

    def submit(self, request: Request, seed: int | None, price: Price | None) -> Future[Answers]:
        """The answers to come. The log is looked up now, so that equal requests meet its lines in their order."""
        future: Future[Answers] = Future()
        key = key_of(request, seed)
        known = self._log.take(key)
        if known is not None:
            future.set_result(known.answers)
            return future
        with self._guard:
            if self._closed.is_set():
                raise self._ended()
            self._unfinished.add(future)
            if self._threads < min(self._concurrency, len(self._unfinished)):
                self._threads += 1
                threading.Thread(target=self._work, name="chat", daemon=True).start()
        self._jobs.put((request, key, price, future))
        return future

    def pause(self, seconds: float) -> None:
        """Waits. Raises ServerFailed when the client is closed meanwhile."""
        if self._closed.wait(seconds):
            raise self._ended()

    def close(self) -> None:
        """Ends all waiting at once, with ServerFailed."""
        with self._guard:
            self._closed.set()
            unfinished = list(self._unfinished)
            for _ in range(self._threads):
                self._jobs.put(None)
        for future in unfinished:
            with suppress(InvalidStateError):
                future.set_exception(self._ended())

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            request, key, price, future = job
            with suppress(InvalidStateError):  # where close() has answered for it
                if not future.cancelled() and not future.done():
                    try:
                        answers = self._answer(request, key, price)
                    except BaseException as error:
                        future.set_exception(error)
                    else:
                        future.set_result(answers)
            with self._guard:
                self._unfinished.discard(future)

    def _answer(self, request: Request, key: str, price: Price | None) -> Answers:
        start = time.perf_counter()
        for attempt in range(1, self._retries + 2):
            try:
                reply, dollars = self._attempt(request, key, price)
            except Lost as lost:
                if not lost.again or attempt > self._retries:
                    raise self._failed(request, lost, attempt) from None
                backoff = min(FIRST_WAIT * 2 ** (attempt - 1), LONGEST_BACKOFF)
                self.pause(backoff if lost.wait is None else lost.wait)
            else:
                self._log.answered(key, request, reply, dollars, time.perf_counter() - start, attempt)
                return reply.answers
        raise AssertionError("the last attempt returns or raises")

    def _attempt(self, request: Request, key: str, price: Price | None) -> tuple[Reply, float | None]:
        """One attempt; what it costs is counted before its reservation ends."""
        most = token_bound(request)
        bound = price.of(*most) if price else 0.0
        self._account.reserve(bound)
        try:
            self._log.sent(key, bound)
            reply = self._server.send(request)
            dollars = price.of(*reply.tokens(most)) if price else None
            self._account.pay(dollars, reply.prompt_tokens or 0, reply.completion_tokens or 0, requests=1)
            return reply, dollars
        except Lost as lost:
            paid = bound if lost.paid else 0.0
            self._account.pay(paid)
            self._log.lost(key, str(lost), paid)
            raise
        finally:
            self._account.release(bound)

    def _failed(self, request: Request, lost: Lost, attempts: int) -> ServerFailed:
        times = "" if attempts == 1 else f" {attempts} times"
        return ServerFailed(
            f"the server {self._server.url} failed{times} on model {request['model']}: {lost}", refused=lost.refused
        )

    def _ended(self) -> ServerFailed:
        return ServerFailed(f"the client of {self._server.url} was closed while a request was waiting for its answer")
