"""A task's small databases planted with what a rewrite's own literals are about, kept for the next such rewrite."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from typing import TypeAlias

from ..sqlite.script import Script
from .arena import Arena, OutOfTime
from .compare import Value
from .instances.planting import Planting
from .pair import Pair, Sample
from .shape import TableShape

_KEPT = 64

# A query, the tables that are read, the values that are planted by column, and a seed.
_Key: TypeAlias = tuple[str, frozenset[str], frozenset[tuple[str, frozenset[Value]]], int]


class Planted:
    """The last planted samples, with the original's answers."""

    def __init__(self, tables: Sequence[TableShape], plain: Arena) -> None:
        self._tables, self._plain = tables, plain
        self._kept: OrderedDict[_Key, list[Sample]] = OrderedDict()

    def samples(
        self,
        original: Script,
        rewrite: Script,
        values: Mapping[str, Collection[Value]],
        samples: Sequence[Sample],
        seed: int,
        seconds: float,
    ) -> list[Sample] | None:
        """The samples planted with what the rewrite's literals are about; None where `seconds` do not suffice."""
        read = frozenset(table.lower() for table, _ in original.reads | rewrite.reads)
        key = (original.query, read, frozenset((name, frozenset(members)) for name, members in values.items()), seed)
        if key not in self._kept:
            planting = Planting(self._tables, read, values)
            planted = self._with_answers(original, samples, planting, seed, seconds)
            if planted is None:
                return None
            self._kept[key] = planted
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]

    def _with_answers(
        self, original: Script, samples: Sequence[Sample], planting: Planting, seed: int, seconds: float
    ) -> list[Sample] | None:
        """The samples with values planted in them and the original's answers; None where `seconds` do not suffice."""
        pair, found = Pair(original, original, self._plain, self._plain), []
        with pair.within(time.thread_time() + seconds):
            for number, sample in enumerate(sample for sample in samples if any(sample.rows.values())):
                try:
                    grown = pair.sample(planting.grown(sample.rows, number, seed), sample.backwards)
                except OutOfTime:
                    return None
                if grown is not None:
                    found.append(grown)
        return found
