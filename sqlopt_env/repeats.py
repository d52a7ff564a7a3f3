"""Evaluations of scripts that were judged before, for settings that let a repeat be answered with them.

Two scripts are equal here when SQLite's tokenizer sees the same in them: comments and white space do not count, letter
case does.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from hashlib import sha256
from threading import Lock
from typing import TypeAlias

from .sqlite.snapshot import Signature
from .sqlite.words import plain_text
from .types import Evaluation, Rewrite, Task

Key: TypeAlias = tuple[Signature, str, bytes, bool]

_KEPT, _CHARACTERS_KEPT = 10_000, 2**25  # evaluations, and of their scripts
_LONGEST = 2**16  # scripts beyond it are told apart by their white space too
_BY_CHANCE = ("timeout", "crashed", "unverified")  # they may end otherwise on another day


class Repeats:
    """The last evaluations of one judge, whose settings are the same for all. Safe to share between threads."""

    def __init__(self) -> None:
        self._evaluations: OrderedDict[Key, Evaluation] = OrderedDict()
        self._characters = 0
        self._using = Lock()

    @staticmethod
    def key(signature: Signature, task: Task, rewrite: Rewrite, thorough: bool) -> Key:
        script = rewrite.script if len(rewrite.script) > _LONGEST else plain_text(rewrite.script)
        return signature, task.query, sha256(script.encode("utf-8", "surrogatepass")).digest(), thorough

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
