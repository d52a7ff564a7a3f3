"""Evaluations of scripts that were judged before, for settings that let a repeat be answered with them.

Two scripts are equal here when SQLite sees the same words in them: comments and white space do not count, letter case
does. Where they may count after all, only the very same text is a repeat.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from hashlib import sha256
from itertools import pairwise
from threading import Lock
from typing import TypeAlias

from .sqlite.snapshot import Signature
from .sqlite.words import plain_text, words
from .types import Evaluation, Rewrite, Task

Key: TypeAlias = tuple[Signature, str, bytes, bool]

_KEPT, _CHARACTERS_KEPT = 10_000, 2**25  # evaluations, and of their scripts
_LONGEST = 2**16  # bytes; scripts beyond it, or that may not be so long, are told apart by their white space too
_BY_CHANCE = ("timeout", "crashed", "unverified")  # they may end otherwise on another day


class Repeats:
    """The last evaluations of one judge, whose settings are the same for all. Safe to share between threads."""

    def __init__(self, script_bytes: int) -> None:
        self._longest = min(script_bytes, _LONGEST)
        self._evaluations: OrderedDict[Key, Evaluation] = OrderedDict()
        self._characters = 0
        self._using = Lock()

    def key(self, signature: Signature, task: Task, rewrite: Rewrite, thorough: bool) -> Key:
        script = rewrite.script
        text = f"words {plain_text(script)}" if self._is_plain(script) else f"text {script}"
        return signature, task.query, sha256(text.encode("utf-8", "surrogatepass")).digest(), thorough

    def _is_plain(self, script: str) -> bool:
        """Whether its words alone say what becomes of it."""
        try:
            size = len(script.encode())
        except UnicodeEncodeError:
            return False
        return size <= self._longest and "\0" not in script and not _calls_on_spaces(script)

    def find(self, key: Key, task: Task, rewrite: Rewrite) -> Evaluation | None:
        """The earlier evaluation under this task's and this rewrite's own words, marked `repeated`."""
        with self._using:
            known = self._evaluations.get(key)
            if known is None:
                return None
            self._evaluations.move_to_end(key)
        own = replace(rewrite, indexes=known.rewrite.indexes, query=known.rewrite.query)
        return replace(known, task_id=task.id, rewrite=own, repeated=True)

    def keep(self, key: Key, evaluation: Evaluation) -> None:
        if evaluation.outcome in _BY_CHANCE:
            return
        with self._using:
            if key not in self._evaluations:
                self._characters += len(evaluation.rewrite.script)
            self._evaluations[key] = evaluation
            while len(self._evaluations) > _KEPT or self._characters > _CHARACTERS_KEPT:
                _, oldest = self._evaluations.popitem(last=False)
                self._characters -= len(oldest.rewrite.script)


def _calls_on_spaces(script: str) -> bool:
    """Whether white space or comments may change what it means.

    SQLite calls a column without a name by its text as it stands: `SELECT "a + b" FROM (SELECT a + b FROM t)`. A name
    with odd characters may be such a one, and NATURAL compares all names. What is no word at all SQLite may quote.
    """
    said = words(script)
    joined = any(word.is_word("USING") for word in said)
    if any(word.kind == "other" or word.is_word("NATURAL") for word in said):
        return True
    names = (
        word.text
        for before, word in pairwise(said)
        if word.kind == "quoted" or (word.kind == "text" and (joined or before.is_sign(".")))
    )
    return not all(name.isidentifier() for name in names)
