"""Copies of a database with the indexes that rewrites bring, kept so that known indexes are not built again.

Building dominates an evaluation (20 ms for one index on 50,000 rows), while another copy of the whole database costs
1 ms: so each set of indexes gets a connection of its own. The least recently used ones go when their bytes exceed
`cache_bytes`; the one in use always stays.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace

from ..types import Settings
from .copies import Copy, IndexCost
from .script import Script
from .yardstick import Yardstick


@dataclass(frozen=True, slots=True)
class IndexSet:
    """A copy with indexes, and what building them cost. Without indexes it is the source itself."""

    copy: Copy
    cost: IndexCost
    bytes: int = 0


class IndexSets:
    """The last sets, of any number of databases."""

    def __init__(self, settings: Settings, yardstick: Yardstick | None) -> None:
        self._settings = settings
        self._yardstick = yardstick
        self._sets: OrderedDict[tuple[int, tuple[str, ...]], IndexSet] = OrderedDict()

    def knows(self, source: Copy, script: Script) -> bool:
        """Whether nothing has to be built."""
        return not script.indexes or (id(source), script.index_key) in self._sets

    def get(self, source: Copy, script: Script, seconds: float) -> IndexSet:
        """A copy of `source` with the script's indexes, built within `seconds` if need be. Raises Refusal."""
        if not script.indexes:
            return IndexSet(source, IndexCost(0.0, 0))
        key = (id(source), script.index_key)
        if key not in self._sets:
            self._make_room(source)
            self._sets[key] = self._built(source, script, seconds)
        self._sets.move_to_end(key)
        return self._sets[key]

    def forget(self, source: Copy) -> None:
        """Closes the sets of a database that is closed itself."""
        for key in [key for key in self._sets if key[0] == id(source)]:
            self._sets.pop(key).copy.close()

    def _built(self, source: Copy, script: Script, seconds: float) -> IndexSet:
        copy = source.duplicate()
        try:
            cost = copy.build(script.indexes, seconds)
        except BaseException:
            copy.close()
            raise
        if self._yardstick is not None:
            cost = replace(cost, yard=self._yardstick.run())
        return IndexSet(copy, cost, copy.bytes)

    def _make_room(self, source: Copy) -> None:
        room = self._settings.cache_bytes - source.bytes
        while self._sets and sum(held.bytes for held in self._sets.values()) > room:
            self._sets.popitem(last=False)[1].copy.close()
