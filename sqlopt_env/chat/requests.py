"""What is sent: the body of /v1/chat/completions, as far as a server knows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np

from .server import OPENAI

AnswerFormat = Literal["json_schema", "json_object", "text"]
Message: TypeAlias = Mapping[str, str]
Request: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Form:
    """How requests to one server are made. What need not be said is left out."""

    url: str
    answer_format: AnswerFormat
    temperature: float | None
    max_tokens: int
    several: bool
    send_seed: bool

    def requests(
        self,
        model: str,
        messages: Sequence[Message],
        numbers: range,
        schema: Mapping[str, Any] | None,
        seed: int | None,
        temperature: float | None = None,
    ) -> list[tuple[Request, int | None]]:
        """The requests for the answers of these numbers, each with its seed: one for all of them, or one each.

        Only answers from 0 on come of one request, the others are those that it did not bring.
        """
        base = self._base(model, messages, schema, temperature)
        if self.several and numbers.start == 0:
            several = {"n": len(numbers)} if len(numbers) > 1 else {}
            return [({**base, **several, **self._told(seed)}, seed)]
        seeds = [_nth(seed, number) for number in numbers]
        return [({**base, **self._told(own)}, own) for own in seeds]

    def _base(
        self, model: str, messages: Sequence[Message], schema: Mapping[str, Any] | None, temperature: float | None
    ) -> Request:
        # OpenAI's newer models refuse the old name of the limit; other servers do not all know the new one.
        limit = "max_completion_tokens" if self.url.startswith(OPENAI) else "max_tokens"
        texts = [{name: _sendable(text) for name, text in message.items()} for message in messages]
        request: Request = {"model": model, "messages": texts, limit: self.max_tokens}
        if self.temperature is not None:
            request["temperature"] = self.temperature if temperature is None else temperature
        if schema is not None and self.answer_format == "json_schema":
            form = {"name": "answer", "strict": True, "schema": dict(schema)}
            request["response_format"] = {"type": "json_schema", "json_schema": form}
        elif schema is not None and self.answer_format == "json_object":
            request["response_format"] = {"type": "json_object"}
        return request

    def _told(self, seed: int | None) -> Request:
        return {"seed": seed} if seed is not None and self.send_seed else {}


def _sendable(text: str) -> str:
    """The text without lone surrogates, which no UTF-8 can carry."""
    return text.encode("utf-8", "replace").decode()


def _nth(seed: int | None, number: int) -> int | None:
    """The seed of the number-th single request; the first keeps its own, the others' are far from their neighbours'."""
    if seed is None or number == 0:
        return seed
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0] >> 1)
