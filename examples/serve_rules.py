"""The rule policy as an OpenAI-compatible server, so that the whole way of a language model runs without a key.

python examples/serve_rules.py --port 8000 &
sqlopt train --policy openai:rules --policy-option base_url=http://127.0.0.1:8000/v1 --out runs/openai

It reads the task back out of the prompt and answers as a model would: with JSON in text. Files, fine-tuning and batches
are in `served_jobs.py`, failures in `served_faults.py`.
"""

from __future__ import annotations

import argparse
import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
from served_faults import FAULTS, misbehave
from served_jobs import Jobs
from sqlopt_agents.rule_policy import RulePolicy

from sqlopt_env import SqlOptError

_TASK = re.compile(r"\ASchema:\n```sql\n(.*)\n```\n\nSlow query:\n```sql\n(.*)\n```\n\nIts plan", re.DOTALL)
_CHARACTERS = 4  # of a token, roughly


@dataclass(frozen=True)
class Chat:
    """What one answer is made from; `number` tells the n answers of one request apart."""

    model: str
    messages: list[dict[str, str]]
    seed: int
    number: int

    @property
    def asked(self) -> str:
        return self.messages[-1]["content"]


Answerer = Callable[[Chat], str | None]  # None: this prompt is not for me


def rewrites(policy: RulePolicy) -> Answerer:
    """Answers the prompt of `observation_to_messages` with a rewrite of the policy."""
    one_at_a_time = threading.Lock()  # a policy is not made for threads

    def answer(chat: Chat) -> str | None:
        task = _TASK.search(chat.asked)
        if task is None:
            return None
        observation = {"schema": task[1], "query": task[2]}
        with one_at_a_time:
            proposal = policy.propose(observation, 1, np.random.default_rng([chat.seed, chat.number]))[0]
        return json.dumps(
            {
                "optimized_query": proposal.text,
                "explanation": proposal.explanation,
                "optimization_type": proposal.optimization_type,
            }
        )

    return answer


def at_a_loss(chat: Chat) -> str:
    return "I only know how to make slow queries faster."


@dataclass
class Offer:
    """What is served: answerers, tried in order, and the faults of the requests to come, "ok" for none.

    `seen` holds the body of every chat request, `most` the largest number of them in work at one time.
    """

    answerers: Sequence[Answerer] = (at_a_loss,)
    faults: Iterator[str] = field(default_factory=lambda: iter(()))
    seconds: float = 0.0  # that every answer takes at least
    single: bool = False  # as servers that do not know `n`
    jobs: Jobs = field(default_factory=Jobs)
    seen: list[dict[str, Any]] = field(default_factory=list)
    most: int = 0
    _in_work: int = 0
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, body: dict[str, Any]) -> str:
        """Counts a request in, and says which fault it meets."""
        with self._guard:
            self.seen.append(body)
            self._in_work += 1
            self.most = max(self.most, self._in_work)
            return next(self.faults, "ok")

    def end(self) -> None:
        with self._guard:
            self._in_work -= 1

    def complete(self, body: dict[str, Any]) -> dict[str, Any]:
        """A chat completion; raises ValueError for a body that is no request for one."""
        model, messages = body.get("model"), body.get("messages")
        n = 1 if self.single else body.get("n", 1)
        if not isinstance(model, str) or not isinstance(messages, list) or not messages:
            raise ValueError("a chat completion needs a model and messages")
        seed = body["seed"] if "seed" in body else time.monotonic_ns()
        limit = body.get("max_completion_tokens") or body.get("max_tokens") or 2**20
        texts = [self._answer(Chat(model, messages, seed, number)) for number in range(n)]
        prompt = sum(_tokens(message["content"]) for message in messages)
        used = [min(_tokens(text), limit) for text in texts]
        return {
            "id": "chatcmpl-rules",
            "object": "chat.completion",
            "created": int(time.time()),
            "model": model,
            "choices": [
                {
                    "index": number,
                    "message": {"role": "assistant", "content": text[: _CHARACTERS * limit]},
                    "finish_reason": "stop" if _tokens(text) <= limit else "length",
                }
                for number, text in enumerate(texts)
            ],
            "usage": {"prompt_tokens": prompt, "completion_tokens": sum(used), "total_tokens": prompt + sum(used)},
        }

    def _answer(self, chat: Chat) -> str:
        remembered = self.jobs.remembered(chat.model, chat.asked)
        if remembered is not None:
            return remembered
        return next(answer for answerer in self.answerers if (answer := answerer(chat)) is not None)


def _tokens(text: str) -> int:
    return -(-len(text) // _CHARACTERS)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Served

    def do_GET(self) -> None:
        if self.path == "/v1/models":
            self.reply({"object": "list", "data": [{"id": "rules", "object": "model", "owned_by": "sqlopt"}]})
        else:
            self._job(b"")

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        try:
            if self.path == "/v1/chat/completions":
                self._chat(json.loads(raw))
            else:
                self._job(raw)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            self.refuse(400, str(error))

    def _chat(self, body: dict[str, Any]) -> None:
        offer = self.server.offer
        fault = offer.begin(body)
        try:
            time.sleep(offer.seconds)
            if fault == "ok" or misbehave(self, fault):
                self.reply(offer.complete(body))
        finally:
            offer.end()

    def reply(self, value: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self.send(json.dumps(value).encode(), status, headers)

    def refuse(self, status: int, message: str, headers: dict[str, str] | None = None) -> None:
        self.reply({"error": {"message": message, "type": "error", "code": None}}, status, headers)

    def send(self, data: bytes, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Says nothing: a long run would fill the terminal."""

    def _job(self, raw: bytes) -> None:
        answer = self.server.offer.jobs.handle(
            self.command, self.path.removeprefix("/v1"), self.headers.get("Content-Type", ""), raw,
            self.server.offer.complete,
        )  # fmt: skip
        if answer is None:
            self.refuse(404, f"there is no {self.command} {self.path}")
        elif isinstance(answer, bytes):
            self.send(answer)
        else:
            self.reply(answer)


class Served(ThreadingHTTPServer):
    """The server: `serve_forever()`, or in a test in a thread. Port 0 takes a free one; `url` is its base_url."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, offer: Offer, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.offer = offer

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no event."""


def main() -> None:
    parser = argparse.ArgumentParser(description="Serves the rule policy as an OpenAI-compatible server.")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--policy", type=Path, help="a saved rule policy; by default the untrained one")
    parser.add_argument(
        "--faults", default="", help=f"what successive requests meet, round and round: ok, {', '.join(FAULTS)}"
    )
    parser.add_argument("--seconds", type=float, default=0.0, help="that every answer takes at least")
    parser.add_argument("--single", action="store_true", help="give one answer whatever n is")
    options = parser.parse_args()
    faults = [name.strip() for name in options.faults.split(",") if name.strip()]
    if unknown := set(faults) - {"ok", *FAULTS}:
        parser.error(f"unknown fault {', '.join(sorted(unknown))}: choose from ok, {', '.join(FAULTS)}")
    try:
        policy = RulePolicy.load(options.policy) if options.policy else RulePolicy()
    except SqlOptError as error:
        parser.error(str(error))
    offer = Offer([rewrites(policy), at_a_loss], cycle(faults) if faults else iter(()), options.seconds, options.single)
    with Served(offer, options.port) as server:
        print(f"serving the rule policy as the model 'rules' at {server.url}", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print("ended")


if __name__ == "__main__":
    main()
