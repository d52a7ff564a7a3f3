"""From the text that a policy wrote to a Rewrite: lenient in what it takes, it judges nothing.

Taken are plain SQL, SQL in a Markdown fence (the last one counts), and the JSON object
`{"optimized_query": ..., "explanation": ..., "optimization_type": ...}`, bare, fenced or inside prose.
"""

from __future__ import annotations

import json
import re
from typing import Any

from .types import Rewrite

_FENCE = re.compile(r"```[ \t]*([A-Za-z0-9_+-]*)[ \t]*\r?\n(.*?)(?:```|\Z)", re.DOTALL)
_THINKING = re.compile(r"\A\s*<think>.*?</think>", re.DOTALL)
_LONGEST_READ = 2**20  # characters: what is longer is cut here and refused by the judge for its length


def parse_action(text: str) -> Rewrite:
    """The rewrite that `text` proposes. Any text gives one; an empty script where there is no SQL in it."""
    text = _THINKING.sub("", text[:_LONGEST_READ]).strip().removeprefix("\ufeff")
    answer = _json_answer(text)
    if answer is not None:
        return answer
    fences = _FENCE.findall(text)
    for language, body in reversed(fences):
        answer = _json_answer(body.strip())
        if answer is not None:
            return answer
        if language.lower() in ("", "sql", "sqlite", "sqlite3"):
            return Rewrite(body.strip(), explanation=_FENCE.sub("", text).strip())
    return _answer_in_prose(text) or Rewrite(text)


def _json_answer(text: str) -> Rewrite | None:
    if not text.startswith("{"):
        return None
    try:
        return _from_object(json.loads(text, strict=False))
    except (ValueError, RecursionError):
        return None


def _answer_in_prose(text: str) -> Rewrite | None:
    """The first JSON object in the text that has an `optimized_query`."""
    where = text.find('"optimized_query"')
    start = text.rfind("{", 0, where) if where >= 0 else -1
    if start < 0:
        return None
    try:
        value, _ = json.JSONDecoder(strict=False).raw_decode(text, start)
    except (ValueError, RecursionError):
        return None
    return _from_object(value)


def _from_object(value: Any) -> Rewrite | None:
    if not isinstance(value, dict) or not isinstance(value.get("optimized_query"), str):
        return None
    query = value["optimized_query"].strip()
    fenced = _FENCE.findall(query)
    return Rewrite(
        fenced[-1][1].strip() if fenced else query,
        explanation=_text(value.get("explanation")),
        optimization_type=_text(value.get("optimization_type")),
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
