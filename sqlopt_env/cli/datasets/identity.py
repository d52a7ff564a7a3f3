"""When are two examples the same one, and what is an example counted by?"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlopt_agents.rules import RULES
from sqlopt_agents.rules.base import INDEXING
from sqlopt_curricula.diversity import fingerprints

from ...action import parse_action
from ...databases import builtin_name
from ...fingerprint import fingerprint, normal_form
from ...sqlite.words import words
from ...types import Rewrite

Example = Mapping[str, Any]

_INDEXES = frozenset(rule.NAME for rule in RULES if rule.KIND == INDEXING)


def form(example: Example) -> tuple[str, str, str]:
    """Equal for examples that differ only in the dress of their query or of their rewrite: white space, comments, the
    case of words, and the order and names of indexes; and in what their database is called by."""
    return (*asked(example), fingerprint(rewrite_of(example["fast_query"])))


def asked(example: Example) -> tuple[str, str]:
    """The database and the slow query, but for their dress."""
    return database_of(example["database"]), normal_form(example["slow_query"])


def database_of(text: str) -> str:
    """One name for all names and paths of a database: that of a built-in one, or the file's whole path."""
    if name := builtin_name(text):
        return name
    with suppress(OSError, RuntimeError, ValueError):  # no file can have such a name
        return str(Path(text).expanduser().resolve())
    return text


def is_unchanged(example: Example) -> bool:
    """Whether the answer's query is the slow query, so that all it does is to add indexes."""
    return normal_form(rewrite_of(example["fast_query"]).query) == normal_form(example["slow_query"])


def query_form(example: Example) -> str:
    """Equal for examples whose slow queries differ in nothing but their literals, on whatever database."""
    return fingerprints(example["slow_query"]).literals


def key(example: Example) -> str:
    """A short hash of what is judged: the database, the slow query and the fast one, to the letter."""
    text = "\0".join(example[name] for name in ("database", "slow_query", "fast_query"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:20]


def rewrite_of(text: str) -> Rewrite:
    """The rewrite that a policy's text proposes, cut into its index statements and its query, as fingerprints need it.

    It is cut at semicolons by SQLite's tokenizer, without a database; what it is, the judge alone says.
    """
    script = parse_action(text).script
    statements, start = list[str](), 0
    for word in words(script):
        if word.is_sign(";"):
            statements.append(script[start : word.start])
            start = word.end
    statements = [part.strip() for part in (*statements, script[start:]) if words(part)]
    return Rewrite(script, indexes=tuple(statements[:-1]), query=statements[-1] if statements else "")


def leading_technique(example: Example) -> str:
    """The name of the first technique that rewrites, or of the first one where all of them add indexes; "" for an
    answer that is not told by techniques."""
    names = technique_names(example)
    return next((name for name in names if name not in _INDEXES), names[0] if names else "")


def technique_names(example: Example) -> list[str]:
    """Without what they were applied to."""
    return [str(technique).partition("(")[0] for technique in example["techniques"]]
