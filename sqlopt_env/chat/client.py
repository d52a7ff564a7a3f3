"""One client for every OpenAI-compatible server: limited in what it may cost, logged, and never paid twice.

`openai` does the talking and is imported at the first request. Retries, money and the log are kept here, because an
attempt whose answer was lost may have to be paid all the same.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from copy import copy
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, get_args

from ..types import SqlOptError
from .batch import Batches
from .dispatch import Dispatcher
from .request_log import RequestLog
from .requests import AnswerFormat, Form, Message, Request
from .server import Server
from .spending import Account, Price, Spent, price_of

if TYPE_CHECKING:
    from openai import OpenAI


class ChatClient:
    """Asks one model of one server; may be shared by threads.

    model: as the server names it.
    base_url: the server's address, up to and including `/v1`; by default OPENAI_BASE_URL, else OpenAI's own.
    api_key: by default OPENAI_API_KEY; a server given by `base_url` may need none. It is never logged.
    answer_format: how the server is told to keep to a JSON schema: `json_schema` (it forces the schema), `json_object`
        (some JSON object), `text` (not at all; the prompt has to say it).
    temperature: None sends none, for models that take none.
    max_tokens: of one answer, thinking included.
    timeout: seconds without a sign of the server; then an attempt counts as lost.
    retries: after a failed first attempt. A server's Retry-After is obeyed, up to two minutes.
    concurrency: requests in flight at one time, over all threads.
    max_cost: dollars that may be spent, those that the log says were spent before included.
    prices: dollars for a million tokens in and out by model name, or a JSON file of them; before the shipped ones.
    log: a JSON Lines file. Answers to equal requests are taken from it, in their order, and not paid again.
    several: whether the server gives n answers to one request; otherwise n requests are sent.
    send_seed: whether the server takes `seed`; where not, seeds still tell requests apart in the log.

    Raises SqlOptError at once for a missing key, for settings out of range, and for `max_cost` with an unknown price.
    """

    def __init__(
        self,
        model: str,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        answer_format: AnswerFormat = "json_schema",
        temperature: float | None = 1.0,
        max_tokens: int = 2048,
        timeout: float = 120.0,
        retries: int = 4,
        concurrency: int = 8,
        max_cost: float | None = None,
        prices: Mapping[str, Sequence[float]] | Path | None = None,
        log: Path | None = None,
        several: bool = True,
        send_seed: bool = True,
    ) -> None:
        _check(answer_format, temperature, max_tokens, timeout, retries, concurrency, max_cost)
        self._prices = prices
        self._account = Account(max_cost)
        self._price = self._price_of(model)
        self.model = model
        self.concurrency = concurrency
        base_url = base_url or os.environ.get("OPENAI_BASE_URL") or None
        self._server = Server(base_url, api_key or os.environ.get("OPENAI_API_KEY"), timeout, retries)
        self._form = Form(self._server.url, answer_format, temperature, max_tokens, several, send_seed)
        self._log = RequestLog(log, self._account)
        self._dispatcher = Dispatcher(self._server, self._account, self._log, retries=retries, concurrency=concurrency)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def with_model(self, model: str) -> Self:
        """The same client for another model of the server: one log, one account, one limit of requests in flight."""
        other = copy(self)
        other.model = model
        other._price = other._price_of(model)
        return other

    def log_to(self, path: Path) -> None:
        """Chooses the log, where none was chosen and nothing has been asked yet; otherwise it does nothing."""
        if self._log.path is None and not self._account.spent.requests:
            self._log.path = path

    def close(self) -> None:
        """Closes the log and the connections; whoever waits for an answer gets ServerFailed at once."""
        self._dispatcher.close()
        self._log.close()
        self._server.close()

    def ask(
        self,
        messages: Sequence[Message],
        *,
        n: int = 1,
        schema: Mapping[str, Any] | None = None,
        seed: int | None = None,
        temperature: float | None = None,
    ) -> list[str]:
        """`n` answers, as texts; an answer without text is an empty one.

        With `schema` (strict: every object with `additionalProperties: false` and all properties required) the server
        is told to keep to it as far as `answer_format` says. An answer may break it all the same: parse leniently.
        The messages must ask for JSON themselves. Equal seeds give equal requests. `temperature` is the client's where
        none is given, and left out where the client has none.

        Raises ServerFailed after the last retry and CostReached before `max_cost` could be passed.
        """
        if n < 1:
            raise SqlOptError(f"n must be at least 1, not {n}")
        self._log.open()
        answers: list[str] = []
        # A server that does not know n gives one answer; the others are asked for one by one, with seeds of their own.
        while len(answers) < n:
            numbers = range(len(answers), n)
            answers += self._answered(self._form.requests(self.model, messages, numbers, schema, seed, temperature))
        return answers[:n]

    def ask_in_batch(
        self,
        asked: Sequence[tuple[Sequence[Message], int, int | None]],
        *,
        schema: Mapping[str, Any] | None = None,
        poll: tuple[float, float] = (2.0, 60.0),
    ) -> list[list[str]]:
        """The answers to many questions (messages, n, seed) by one file of the Batch API, at half the price.

        It may take a day. The `log` that it needs holds the batch, so that a run that was killed waits for the same
        one; what the batch leaves open is asked as by `ask`. `poll`: the first and the longest pause in seconds between
        two looks. Raises what `ask` raises, ServerFailed also where the server has no batches.
        """
        self._log.open()
        requests = [
            request
            for messages, n, seed in asked
            for request in self._form.requests(self.model, messages, range(n), schema, seed)
        ]
        batches = Batches(self._server, self._account, self._log, self._dispatcher, self._price, poll)
        batches.fetch(requests)
        return [self.ask(messages, n=n, schema=schema, seed=seed) for messages, n, seed in asked]

    @property
    def spent(self) -> Spent:
        """Requests, tokens and dollars, with those that the log held."""
        self._log.open()
        return self._account.spent

    @property
    def raw(self) -> OpenAI:
        """The client of the `openai` package with this server and key, for files, fine-tuning and batches."""
        return self._server.client()

    def _answered(self, requests: Sequence[tuple[Request, int | None]]) -> list[str]:
        """The answers to requests, in their order."""
        futures = [self._dispatcher.submit(request, seed, self._price) for request, seed in requests]
        try:
            return [answer for future in futures for answer in future.result()]
        except BaseException:
            for future in futures:
                future.cancel()
            raise

    def _price_of(self, model: str) -> Price | None:
        price = price_of(model, self._prices)
        if price is None and self._account.max_cost is not None:
            raise SqlOptError(
                f"max_cost needs a price, and none is known for {model!r}: give prices, a mapping or JSON file from its"
                " name to two numbers, dollars for a million tokens in and out; or leave max_cost out"
            )
        return price


def _check(
    answer_format: str,
    temperature: float | None,
    max_tokens: int,
    timeout: float,
    retries: int,
    concurrency: int,
    max_cost: float | None,
) -> None:
    if answer_format not in get_args(AnswerFormat):
        raise SqlOptError(f"answer_format must be one of {', '.join(get_args(AnswerFormat))}, not {answer_format!r}")
    for name, value, least, most in (
        ("temperature", temperature, 0.0, 2.0),
        ("timeout", timeout, 0.001, 86_400.0),
        ("max_cost", max_cost, 0.0, 1e9),
    ):
        if value is not None and not (type(value) in (int, float) and least <= value <= most):
            raise SqlOptError(f"{name} must be a number from {least:g} to {most:g}, not {value!r}")
    for name, count, smallest, largest in (
        ("max_tokens", max_tokens, 1, 10**7),
        ("retries", retries, 0, 100),
        ("concurrency", concurrency, 1, 1000),
    ):
        if not (type(count) is int and smallest <= count <= largest):
            raise SqlOptError(f"{name} must be a whole number from {smallest:,} to {largest:,}, not {count!r}")
