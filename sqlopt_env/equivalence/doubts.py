"""What equal results on small databases say too little about: the sentence for a rewrite that is then `unverified`."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress

from ..sqlite.script import Script
from ..sqlite.words import plain_text
from .arena import Arena, OutOfTime
from .instances import Instances, Rows
from .instances.novelty import novel_comparisons, novel_values
from .pair import Pair, Sample, is_backwards
from .planted import Planted
from .proof import prove
from .shape import TableShape
from .undecided import ALWAYS_THE_SAME, Blind, brought_conditions, left_out, unproved

_LONGEST_LOOKED_AT = 20_000  # characters
_KEPT = 256
_INSTANCES = 4  # that are made for the pair, for each of a task's samples
_WATCHED_SEED = 1


class Doubts:
    """Looks for them on the arena without indexes, and keeps what was found of the last rewrites."""

    def __init__(self, tables: list[TableShape], plain: Arena, planted: Planted) -> None:
        self._tables, self._plain, self._planted = tables, plain, planted
        self._kept: OrderedDict[tuple[str, str], str] = OrderedDict()  # by original and rewrite

    def doubt(
        self, original: Script, rewrite: Script, samples: Sequence[Sample], blind: Blind, novel: bool, seconds: float
    ) -> str:
        """Why equal results on small databases say too little: something that they are all blind to; or "".

        `novel`: the rewrite brings literals. Then its conditions that hold one must be decided both ways.
        """
        if not (novel or blind) or plain_text(original.query) == plain_text(rewrite.query):
            return ""
        doubt = self._doubt(original, rewrite, samples, blind, novel, seconds)
        # A condition that the schema promises no database decides, but then there is a proof.
        return doubt if doubt and not prove(self._tables, original.query, rewrite.query) else ""

    def _doubt(
        self, original: Script, rewrite: Script, samples: Sequence[Sample], blind: Blind, novel: bool, seconds: float
    ) -> str:
        if blind.always_the_same:
            return ALWAYS_THE_SAME
        condition = left_out(blind, rewrite.query)
        if condition:
            return unproved("", condition, ", and the rewrite does not say it")
        if not novel:
            return ""
        key = (original.query, rewrite.query)
        if key not in self._kept:
            self._kept[key] = self._about_its_own(original, rewrite, samples, seconds)
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return self._kept[key]

    def _about_its_own(self, original: Script, rewrite: Script, samples: Sequence[Sample], seconds: float) -> str:
        """Which of the rewrite's conditions with a constant of its own no small database decides, or ""."""
        if len(rewrite.query) > _LONGEST_LOOKED_AT:
            return "the rewrite brings constants, and is too long for its conditions to be looked at"
        coverage = brought_conditions(self._plain, original.query, rewrite.query)
        if coverage is None:
            return "the rewrite brings constants, and its conditions cannot be read"
        start, pair = time.thread_time(), Pair(original, original, self._plain, self._plain)

        def kept() -> Iterator[tuple[Rows, bool]]:
            return ((sample.rows, sample.backwards) for sample in samples)

        def made() -> Iterator[tuple[Rows, bool]]:
            instances = Instances(self._tables, (original.query, rewrite.query))
            return ((instances.make(i, _WATCHED_SEED), is_backwards(i)) for i in range(_INSTANCES * len(samples)))

        def planted() -> Iterator[tuple[Rows, bool]]:
            values = novel_comparisons(original.query, rewrite)
            if values is None:
                values = novel_values(self._tables, original.query, rewrite.query)
            found = self._planted.samples(original, rewrite, values, samples, _WATCHED_SEED, seconds)
            return ((sample.rows, sample.backwards) for sample in found or ())

        stages: tuple[Callable[[], Iterator[tuple[Rows, bool]]], ...] = (kept, planted, made)
        for stage in stages:
            if coverage.is_complete:
                break
            shown = stage()
            with pair.within(start + seconds), suppress(OutOfTime):
                for rows, backwards in shown:
                    pair.watch(rows, backwards, coverage.observe)
                    if coverage.is_complete:
                        break
        open_ones = coverage.undecided
        return unproved("its condition ", open_ones[0][0].sql(dialect="sqlite")) if open_ones else ""
