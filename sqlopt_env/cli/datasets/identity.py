"""When are two examples the same one, what is an example counted by, and does it belong to the held-out tasks?"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from typing import Any

from sqlopt_agents.rules import RULES
from sqlopt_agents.rules.base import INDEXING
from sqlopt_curricula.diversity import fingerprints

from ...action import parse_action
from ...databases import held_out_name
from ...fingerprint import fingerprint, normal_form
from ...sqlite.words import words
from ...tasks import load_tasks
from ...types import Rewrite

Example = Mapping[str, Any]

KINDS_OF_PRINT = ("exact", "literals", "names", "shape")  # from fine to coarse
_INDEXES = frozenset(rule.NAME for rule in RULES if rule.KIND == INDEXING)


def form(example: Example) -> tuple[str, str, str]:
    """Equal for examples that differ only in the dress of their query or of their rewrite: white space, comments, the
    case of words, and the order and names of indexes."""
    return example["database"], normal_form(example["slow_query"]), fingerprint(rewrite_of(example["fast_query"]))


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


def leak(example: Example) -> str:
    """Why an example gives away something of the held-out tasks, as a sentence; "" for one that does not."""
    name = None
    with suppress(OSError, ValueError):  # no file can have such a name
        name = held_out_name(example["database"])
    if name:
        return f"its database {name} is held out"
    prints = fingerprints(example["slow_query"])
    for kind, held_out in _held_out_prints().items():
        if getattr(prints, kind) in held_out:
            return f"its slow query has the fingerprint {kind!r} of a held-out task"
    return ""


@cache
def _held_out_prints() -> dict[str, frozenset[str]]:
    """The fingerprints of the held-out tasks, by their kind."""
    prints = [fingerprints(task.query) for task in load_tasks("heldout")]
    return {kind: frozenset(getattr(each, kind) for each in prints) for kind in KINDS_OF_PRINT}
