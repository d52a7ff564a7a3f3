"""Are the schema and the plan that an example tells those that a policy sees of its task?"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .identity import Example

_VERSION = re.compile(r"-- SQLite (\S+)\Z")


def unlike(example: Example, seen: Mapping[str, Any]) -> str:
    """A sentence about a schema or a plan that differ from those of the observation `seen`; "" where they are the same.

    The schema's first line says by which version of SQLite it was seen. Another version may plan otherwise and count
    otherwise, so that then only the statements of the schema are compared.
    """
    told = example["schema"].partition("\n")[0]
    if not _VERSION.match(told):
        return "its schema does not begin with the version of SQLite"
    if told != seen["schema"].partition("\n")[0]:
        same = _statements(example["schema"]) == _statements(seen["schema"])
        return "" if same else "its schema has other statements than the database"
    if example["schema"] != seen["schema"]:
        return "its schema is not what a policy sees: " + _first_difference(example["schema"], seen["schema"])
    if example["plan"] != seen["plan"]:
        return "its plan is not what a policy sees: " + _first_difference(example["plan"], seen["plan"])
    return ""


def _statements(schema: str) -> list[str]:
    """The lines without the comments, which hold what was counted."""
    return [line for line in schema.splitlines() if not line.startswith("--")]


def _first_difference(told: str, seen: str) -> str:
    """The first line that differs, with its number."""
    ours, theirs = told.splitlines(), seen.splitlines()
    number = next((n for n, pair in enumerate(zip(ours, theirs, strict=False)) if pair[0] != pair[1]), None)
    if number is None:
        return f"it has {len(ours)} lines, not {len(theirs)}"
    return f"line {number + 1} is {_short(ours[number])}, not {_short(theirs[number])}"


def _short(line: str) -> str:
    return repr(line if len(line) <= 80 else line[:80] + " ...")
