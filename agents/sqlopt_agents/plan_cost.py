"""A rough estimate of the work in a plan: how many rows its loops visit.

It stands on the plan's lines and the schema's figures alone. A policy learns how far to trust it; the judge never sees
it.
"""

from __future__ import annotations

import re
from math import log2, log10
from typing import NamedTuple

from sqlopt_env.types import Plan

from .selectivity import RANGE, Facts, Source

UNKNOWN_ROWS = 300.0  # of a subquery's result
SORT_FACTOR = 0.3  # times log2(n), for each row that is sorted
LOOKUP = 1.5  # an index that does not cover: the row itself is fetched too
SEEK = 2.0  # to begin a search, in rows
INDEX_CHARGE = 0.1  # of the table's rows, for each index: what building it costs an execution


class Index(NamedTuple):
    """What matters here of an index that a rewrite builds."""

    name: str
    table: str
    is_partial: bool


_TERM = re.compile(r"(<expr>|[^\s()<>=]+)(=|>|<)\?")


def log_cost(plan: Plan, facts: Facts, indexes: tuple[Index, ...] = ()) -> float:
    """log10 of the rows visited, and of those that the building of the indexes costs."""
    estimate = _Estimate(plan, facts, frozenset(index.name for index in indexes if index.is_partial))
    cost, _, end = estimate.level(0, 0)
    assert end == len(plan.steps)
    sizes = {source.name.lower(): source.rows or 0.0 for source in facts.sources.values()}
    charge = sum(INDEX_CHARGE * sizes.get(index.table.lower(), 0.0) for index in indexes)
    return log10(1.0 + cost + charge)


class _Estimate:
    def __init__(self, plan: Plan, facts: Facts, partial: frozenset[str]) -> None:
        self._steps = plan.steps
        self._partial = partial
        self._facts = facts
        self._derived: dict[str, float] = {}  # rows of what is materialised, by its name

    def level(self, position: int, depth: int) -> tuple[float, float, int]:
        """(cost, rows that come out, end) of the lines at one depth, which are nested loops in their order."""
        total, once_only, loop, is_sorted, is_whole = 0.0, 0.0, 1.0, False, depth == 0 and position == 0
        while position < len(self._steps) and self._steps[position][0] >= depth:
            detail = self._steps[position][1]
            inner, rows, position = self.level(position + 1, depth + 1)
            words = detail.split()
            if detail.startswith("CORRELATED"):
                total += loop * inner
            elif words[0] in ("SCAN", "SEARCH"):
                visited, kept, once = self._access(words, detail)
                if "EXISTS" in words:  # stops at the first match
                    visited, kept = max(1.0, visited / 2), min(1.0, kept)
                if "LEFT-JOIN" in words:
                    kept = max(1.0, kept)
                once_only += once
                total += loop * visited
                loop *= max(kept, 1e-4)
            elif detail == "MULTI-INDEX OR":
                total += loop * inner
                loop *= max(rows, 1.0)
            elif detail.startswith("INDEX "):  # a branch of MULTI-INDEX OR
                total += inner
                loop += rows
            elif detail.startswith("USE TEMP B-TREE"):
                is_sorted = True
                total += SORT_FACTOR * loop * log2(2.0 + loop)
            else:  # materialised, or a branch of a compound: once, whatever the loops around it
                once_only += inner
                if words[0] in ("MATERIALIZE", "CO-ROUTINE"):
                    name = " ".join(words[1:])
                    self._derived[name] = min(rows, self._facts.most.get(name, rows))
        if is_whole and not is_sorted and self._facts.limit and loop > self._facts.limit:
            total *= self._facts.limit / loop  # stops when it has enough
        return total + once_only, loop, position

    def _access(self, words: list[str], detail: str) -> tuple[float, float, float]:
        """(rows visited, rows kept, one-time rows) of a SCAN or SEARCH line."""
        if words[1:3] == ["CONSTANT", "ROW"] or len(words) < 2:
            return 1.0, 1.0, 0.0
        alias = " ".join(words[1:2]) if not words[1].startswith("(") else detail.split(" ", 1)[1].split(")")[0] + ")"
        source = self._facts.sources.get(alias, Source(alias, None))
        size = source.rows
        if size is None:
            size = self._derived.get(source.name, self._derived.get(alias, UNKNOWN_ROWS))
        most = size * source.share if self._partial.intersection(words) else size  # a partial index holds those alone
        is_grouped = source.rows is None and (source.name in self._facts.most or alias in self._facts.most)
        condition = re.search(r"\((.*)\)", detail)
        terms = _TERM.findall(condition.group(1)) if condition and words[0] == "SEARCH" else []
        fetch = 1.0 if "COVERING" in words or "PRIMARY" in words else LOOKUP
        if words[0] == "SCAN":  # in an index's order each row is looked up, unless the index covers
            factor = 1.0 if "USING" not in words else 0.8 if "COVERING" in words else LOOKUP
            return most * factor, max(size * source.share, 1e-3), 0.0
        if not terms:  # MIN or MAX, read off the index's end, or by looking at all
            return (2.0 if "USING" in words else size), 1.0, 0.0
        met = joined = seeks = 1.0
        ranged: dict[str, float] = {}
        for column, sign in terms:
            name = column.strip('"').lower()
            name = source.rowid or name if name == "rowid" else name
            if sign != "=":
                ranged[name] = source.ranges.get(name, RANGE * ranged.get(name, 1.0))
            elif column == "<expr>":
                met *= source.expression
            else:
                one = 1.0 / max(1.0, size) if is_grouped else source.one_of(name)  # mostly joined by its key
                met *= source.equal.get(name, one)
                joined *= 1.0 if name in source.equal else one
                seeks *= source.values.get(name, 1.0)
        for share in ranged.values():
            met *= share
        once = 2.0 * size if "AUTOMATIC" in words else 0.0
        if "AUTOMATIC" in words and "PARTIAL" in words:  # it holds only the rows that the constants leave
            met *= source.share
        visited = min(met * size, most) * fetch + SEEK * min(seeks, max(1.0, size))
        return visited, size * source.share * joined, once
