"""What can go wrong with a server, for `serve_rules.py --faults` and the tests: each by its name."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

SLOW = 2.0  # seconds


def _limited(handler: Any) -> bool:
    handler.refuse(429, "too many requests", {"Retry-After": "1"})
    return False


def _limited_shortly(handler: Any) -> bool:
    handler.refuse(429, "too many requests", {"retry-after-ms": "50"})
    return False


def _limited_for_hours(handler: Any) -> bool:
    handler.refuse(429, "come back tomorrow", {"Retry-After": "36000"})
    return False


def _without_credit(handler: Any) -> bool:
    error = {"message": "You exceeded your current quota", "type": "insufficient_quota", "code": "insufficient_quota"}
    handler.reply({"error": error}, 429)
    return False


def _broken(handler: Any) -> bool:
    handler.refuse(500, "the server had an error", {"retry-after-ms": "20"})
    return False


def _refused_prompt(handler: Any) -> bool:
    handler.refuse(400, "This model's maximum context length is 8192 tokens.")
    return False


def _refused_key(handler: Any) -> bool:
    handler.refuse(
        401, f"Incorrect API key provided: {handler.headers.get('Authorization', '').removeprefix('Bearer ')}"
    )
    return False


def _half_json(handler: Any) -> bool:
    handler.send(b'{"choices": [{"message": {"content": "SELECT')
    return False


def _wrong_schema(handler: Any) -> bool:
    handler.reply({"choices": [{"text": "the completions of another age"}]})
    return False


def _error_for_answer(handler: Any) -> bool:
    handler.reply({"error": {"message": "the model is overloaded", "code": 529}})
    return False


def _no_choices(handler: Any) -> bool:
    handler.reply({"choices": []})
    return False


def _silent(handler: Any) -> bool:
    message = {"role": "assistant", "content": None, "refusal": "I would rather not"}
    handler.reply({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})
    return False


def _prose(handler: Any) -> bool:
    message = {"role": "assistant", "content": 'Sure! {"optimized_query": "SELECT 1 -- and so on'}
    handler.reply({"choices": [{"index": 0, "message": message, "finish_reason": "length"}]})
    return False


def _cut(handler: Any) -> bool:
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    handler.wfile.write(json.dumps({"choices": []}).encode())
    handler.wfile.flush()
    handler.close_connection = True
    return False


def _hung_up(handler: Any) -> bool:
    handler.close_connection = True
    return False


def _slow(handler: Any) -> bool:
    time.sleep(SLOW)
    return True


FAULTS: dict[str, Callable[[Any], bool]] = {
    "429": _limited,
    "429-short": _limited_shortly,
    "429-hours": _limited_for_hours,
    "quota": _without_credit,
    "500": _broken,
    "400": _refused_prompt,
    "401": _refused_key,
    "json": _half_json,
    "schema": _wrong_schema,
    "error": _error_for_answer,
    "empty": _no_choices,
    "silent": _silent,
    "prose": _prose,
    "cut": _cut,
    "hangup": _hung_up,
    "slow": _slow,
}


def misbehave(handler: Any, fault: str) -> bool:
    """Answers the request wrongly; True where a right answer is still to come."""
    return FAULTS[fault](handler)
