"""One attempt at one request: what goes over the wire, and what can go wrong there, each in one sentence."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import mktime_tz, parsedate_tz
from time import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ..types import SqlOptError

if TYPE_CHECKING:
    from openai import APIStatusError, OpenAI, OpenAIError

OPENAI = "https://api.openai.com/v1"
LONGEST_WAIT = 120.0  # seconds that a Retry-After may ask for
_AGAIN = (408, 409, 429)  # and all from 500: statuses after which another attempt may help
_REFUSED = (400, 413, 422)
_LONGEST_REASON = 200  # characters of a server's own words


@dataclass(frozen=True, slots=True)
class Reply:
    """Answers and what the server says that they took; None where it does not say."""

    answers: tuple[str, ...]
    prompt_tokens: int | None = None
    completion_tokens: int | None = None

    def tokens(self, most: tuple[int, int]) -> tuple[int, int]:
        """Prompt and completion tokens; the most that they can be where the server does not say."""
        known = (self.prompt_tokens, self.completion_tokens)
        prompt, completion = (bound if count is None else count for count, bound in zip(known, most, strict=True))
        return prompt, completion


class Lost(Exception):
    """An attempt without an answer. `again`: another may help, after `wait` seconds where the server says so; `paid`:
    the server may have done the work; `refused`: it is this request that it did not take."""

    def __init__(
        self, reason: str, *, again: bool, paid: bool, wait: float | None = None, refused: bool = False
    ) -> None:
        super().__init__(reason)
        self.again, self.paid, self.wait, self.refused = again, paid, wait, refused


class Server:
    """A server's address, its key, and the client of the `openai` package, made when it is first needed."""

    def __init__(self, base_url: str | None, api_key: str | None, timeout: float, retries: int) -> None:
        if base_url is not None and not base_url.startswith(("http://", "https://")):
            raise SqlOptError(f"base_url must begin with http:// or https://, not {base_url!r}")
        if base_url is not None and "@" in urlsplit(base_url).netloc:
            raise SqlOptError(
                "base_url must not hold a name and password: give api_key, which is never written anywhere"
            )
        if not api_key and base_url is None:
            raise SqlOptError(
                "there is no key for OpenAI: set OPENAI_API_KEY, or give base_url for a server that needs none"
            )
        self.url = base_url or OPENAI
        self._key = (api_key or "none").strip()
        if not self._key.isascii() or not self._key.isprintable():
            raise SqlOptError("the key holds characters that no key has: look at OPENAI_API_KEY or api_key")
        self._timeout = timeout
        self._retries = retries
        self._client: OpenAI | None = None

    def client(self) -> OpenAI:
        if self._client is None:
            try:
                from openai import OpenAI, Timeout
            except ImportError as error:
                raise SqlOptError(f"language models need openai: pip install openai ({error})") from None
            self._client = OpenAI(
                base_url=self.url,
                api_key=self._key,
                timeout=Timeout(self._timeout, connect=min(self._timeout, 10.0)),
                max_retries=self._retries,
            )
        return self._client

    def close(self) -> None:
        if self._client is not None:
            self._client.close()

    def send(self, request: Mapping[str, Any]) -> Reply:
        """One attempt. Raises Lost."""
        from openai import OpenAIError

        create: Callable[..., Any] = self.client().with_options(max_retries=0).chat.completions.with_raw_response.create
        try:
            data = json.loads(create(**request).http_response.content)
        except OpenAIError as error:
            raise self.lost(error) from None
        except (ValueError, RecursionError):
            raise Lost("an answer that is no JSON", again=True, paid=True) from None
        if isinstance(data, dict) and isinstance(data.get("error"), dict):
            said = self.words(f"an error in place of an answer: {data['error'].get('message')}")
            raise Lost(said, again=True, paid=True)
        return read_reply(data)

    def lost(self, error: OpenAIError) -> Lost:
        """What an error of the `openai` package means."""
        from openai import APIConnectionError, APIStatusError, APITimeoutError

        if isinstance(error, APITimeoutError):
            return Lost(f"no answer within {self._timeout:g} seconds", again=True, paid=True)
        if isinstance(error, APIConnectionError):
            refused = type(error.__cause__).__name__ == "ConnectError"
            what = "no connection" if refused else "the connection was cut"
            return Lost(self.words(f"{what}: {error.__cause__ or error}"), again=True, paid=not refused)
        if isinstance(error, APIStatusError):
            return self._status(error)
        return Lost(self.words(str(error)), again=True, paid=True)

    def words(self, text: str) -> str:
        """A server's words in one short line, without the key."""
        line = " ".join(text.split())
        if len(self._key) > 4:
            line = line.replace(self._key, "***")
        return line if len(line) <= _LONGEST_REASON else line[: _LONGEST_REASON - 3] + "..."

    def _status(self, error: APIStatusError) -> Lost:
        status, body = error.status_code, error.body
        said = body.get("message", "") if isinstance(body, dict) else ""
        said = said or error.response.text
        reason = self.words(f"status {status}: {said}" if said else f"status {status}")
        if status == 404 and not self.url.rstrip("/").endswith("/v1"):
            reason += " (most servers' base_url ends in /v1)"
        wait = _wait(error.response.headers)
        again = status in _AGAIN or status >= 500
        if isinstance(body, dict) and body.get("code") == "insufficient_quota":
            again = False
        if again and wait is not None and wait > LONGEST_WAIT:
            again, reason = False, f"{reason}; it asks to wait {wait:.0f} seconds"
        return Lost(reason, again=again, paid=False, wait=wait, refused=status in _REFUSED)


def token_bound(request: Mapping[str, Any]) -> tuple[int, int]:
    """The most tokens that a request and its answers can take: a token is at least one byte of UTF-8.

    Sixteen are added for each message, and for the request, where templates put words of their own.
    """
    words = sum(len(message["content"].encode("utf-8", "replace")) for message in request["messages"])
    words += len(json.dumps(request["response_format"])) if "response_format" in request else 0
    limit = request.get("max_completion_tokens") or request["max_tokens"]
    return words + 16 * (len(request["messages"]) + 1), request.get("n", 1) * limit


def read_reply(data: Any) -> Reply:
    """The body of a chat completion. Raises Lost for anything else."""
    try:
        answers = tuple(_text(choice["message"]) for choice in data["choices"])
        usage = data.get("usage") or {}
        tokens = [usage.get(name) for name in ("prompt_tokens", "completion_tokens")]
    except (KeyError, TypeError, AttributeError):
        raise Lost("an answer that is no chat completion", again=True, paid=True) from None
    if not answers:
        raise Lost("an answer without choices", again=True, paid=True)
    prompt, completion = (value if isinstance(value, int) and value >= 0 else None for value in tokens)
    return Reply(answers, prompt, completion)


def _text(message: dict[str, Any]) -> str:
    content = message["content"]
    if content is None:
        return ""
    if not isinstance(content, str):
        raise TypeError(content)
    return content


def _wait(headers: Mapping[str, str]) -> float | None:
    """Seconds that the server asks to wait, from `retry-after-ms` or `Retry-After` (seconds or a date)."""
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            seconds = float(headers.get(name, "")) / unit
        except ValueError:
            continue
        return max(seconds, 0.0) if seconds == seconds else None
    date = parsedate_tz(headers.get("retry-after", ""))
    return max(mktime_tz(date) - time(), 0.0) if date else None
