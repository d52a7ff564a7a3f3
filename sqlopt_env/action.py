"""From the text that a policy wrote to a Rewrite: lenient in what it takes, it judges nothing.

Taken are plain SQL, SQL in a Markdown fence (the last one counts), and the JSON object
`{"optimized_query": ..., "explanation": ..., "optimization_type": ...}`, bare, fenced or inside prose.
"""

from __future__ import annotations

import json
import re
from typing import Any

from .types import Rewrite

_FENCE = re.compile(r"(?<!\S)```[ \t]*(?:([A-Za-z0-9_+-]*)[ \t]*\r?\n)?(.*?)(?:```|\Z)", re.DOTALL)
_LANGUAGES = ("", "sql", "sqlite", "sqlite3", "mysql", "postgres", "postgresql", "pgsql", "tsql")
_THINKING = re.compile(r"\A\s*<think>.*?</think>", re.DOTALL)
_BRACES_TRIED = 20
_LONGEST_READ = 2**20  # characters: what is longer is cut here and refused by the judge for its length


def parse_action(text: str) -> Rewrite:
    """The rewrite that `text` proposes. Any text gives one; an empty script where there is no SQL in it."""
    text = _THINKING.sub("", text[:_LONGEST_READ]).strip().removeprefix("\ufeff")
    answer = _json_answer(text)
    if answer is not None:
        return answer
    fences = [_fenced(language, body) for language, body in _FENCE.findall(text)]
    for language, body in reversed(fences):
        if language == "json" and (answer := _json_answer(body)) is not None:
            return answer
    bodies = [body for language, body in fences if language in _LANGUAGES and body]
    if bodies:
        # Of several, the last is the rewrite; index statements may have had fences of their own before it.
        indexes = [body.rstrip(";") for body in bodies[:-1] if body[:12].upper() == "CREATE INDEX"]
        return Rewrite(";\n".join([*indexes, bodies[-1]]), explanation=_FENCE.sub("", text).strip())
    return _answer_in_prose(text) or Rewrite(text)


def _fenced(language: str, body: str) -> tuple[str, str]:
    """The language in lower case, also of a fence on one line, and what stands in it."""
    body = body.strip()
    first, _, rest = body.partition(" ")
    if not language and first.lower() in _LANGUAGES[1:]:
        language, body = first, rest.strip()
    if not language and body.startswith("{"):
        language = "json"
    return language.lower(), body


def _json_answer(text: str) -> Rewrite | None:
    if not text.startswith("{"):
        return None
    try:
        return _from_object(json.loads(text, strict=False))
    except (ValueError, RecursionError):
        return None


def _answer_in_prose(text: str) -> Rewrite | None:
    """The last JSON object in the text that has an `optimized_query`, sought from the braces before that word."""
    where = text.rfind('"optimized_query"')
    start = where
    for _ in range(_BRACES_TRIED):
        start = text.rfind("{", 0, start) if start > 0 else -1
        if start < 0:
            return None
        try:
            value, _end = json.JSONDecoder(strict=False).raw_decode(text, start)
        except (ValueError, RecursionError):
            continue
        answer = _from_object(value)
        if answer is not None:
            return answer
    return None


def _from_object(value: Any) -> Rewrite | None:
    if not isinstance(value, dict) or not isinstance(value.get("optimized_query"), str):
        return None
    query = value["optimized_query"].strip()
    fenced = _FENCE.findall(query)
    return Rewrite(
        _fenced(*fenced[-1])[1] if fenced else query,
        explanation=_text(value.get("explanation")),
        optimization_type=_text(value.get("optimization_type")),
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
