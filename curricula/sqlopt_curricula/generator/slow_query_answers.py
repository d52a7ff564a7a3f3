"""From the text that a language model wrote to the queries in it: lenient in what it takes, it judges nothing.

Taken are the JSON object that was asked for, bare, fenced, inside prose or cut off in the middle; a list of queries;
fenced SQL; and a bare query.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlopt_env.sqlite.words import words

_LONGEST_READ = 2**20  # characters of an answer
_BRACES_TRIED = 2000
_MOST = 200  # queries of an answer
_BEGINNING = 2000  # characters, comments among them
_THINKING = re.compile(r"\A\s*<think>.*?(?:</think>|\Z)", re.DOTALL)
_FENCE = re.compile(r"```[ \t]*([A-Za-z0-9_+-]*)[ \t]*\r?\n(.*?)(?:```|\Z)", re.DOTALL)
_NAMES = ("query", "slow_query", "sql")
_BETTER = ("better", "fast_query", "good", "optimized_query")


@dataclass(frozen=True, slots=True)
class Written:
    """A query as a model wrote it, the one that it holds to be better (or ""), and what it says that it asks."""

    query: str
    better: str = ""
    question: str = ""


def queries_of(text: str) -> list[Written]:
    """The queries of an answer in their order, the first of equal ones. Any text gives a list."""
    text = _THINKING.sub("", text[:_LONGEST_READ])
    found = list(_of_json(text))
    if not found:
        fences = [body for language, body in _FENCE.findall(text) if language.lower() != "json"]
        found = [Written(_tidy(body)) for body in fences or [text]]
    queries = [written for written in found if _is_query(written.query)]
    return list({written.query: written for written in reversed(queries)}.values())[::-1][:_MOST]


def _of_json(text: str) -> Iterator[Written]:
    """Of the outermost values that can be read, and inside one that is cut off, of those that it holds whole."""
    decoder = json.JSONDecoder(strict=False)
    position = 0
    for _ in range(_BRACES_TRIED):
        match = re.compile(r"[{\[]").search(text, position)
        if match is None:
            return
        try:
            value, position = decoder.raw_decode(text, match.start())
        except (ValueError, RecursionError):
            position = match.end()
            continue
        yield from _of_value(value)


def _of_value(value: Any, depth: int = 0) -> Iterator[Written]:
    if depth > 4:
        return
    if isinstance(value, list):
        for item in value:
            if isinstance(item, str):
                yield Written(_tidy(item))
            else:
                yield from _of_value(item, depth + 1)
    elif isinstance(value, dict):
        query = _first(value, _NAMES)
        if query:
            yield Written(query, _first(value, _BETTER), " ".join(_text(value.get("question")).split()))
        else:
            for item in value.values():
                yield from _of_value(item, depth + 1)


def _first(value: dict[str, Any], names: tuple[str, ...]) -> str:
    return next((tidy for name in names if (tidy := _tidy(_text(value.get(name))))), "")


def _tidy(query: str) -> str:
    """Without a fence around it, a semicolon behind it, and characters that are none."""
    fenced = _FENCE.findall(query)
    query = fenced[-1][1] if fenced else query
    return query.encode("utf-8", "replace").decode("utf-8").strip().rstrip("; \t\r\n")


def _is_query(text: str) -> bool:
    """Whether it begins like one; the rest is for SQLite to say."""
    return any(word.is_word("SELECT", "WITH") for word in words(text[:_BEGINNING])[:1])


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
