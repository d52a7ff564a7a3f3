"""Columns of JSON: a query that reads them fails, as a whole, on a single text that is none."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import NoReturn

from ..compare import Value

_CONTAINERS = ("{", "[")


def are_documents(values: Iterable[Value]) -> bool:
    """Whether these are JSON, all of them, and not all plain numbers and words."""
    texts = [value for value in values if value is not None]
    return all(map(is_document, texts)) and any(str(text).lstrip().startswith(_CONTAINERS) for text in texts)


def is_document(value: Value) -> bool:
    """Whether the value is a text that SQLite reads as JSON."""
    if not isinstance(value, str):
        return False
    try:
        json.loads(value, parse_constant=_refused)
    except (ValueError, RecursionError):
        return False
    return True


def _refused(constant: str) -> NoReturn:
    """Of NaN and its like, which Python reads and SQLite does not."""
    raise ValueError(constant)
