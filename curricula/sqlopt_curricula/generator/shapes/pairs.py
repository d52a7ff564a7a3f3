"""Two sources that belong together, with the columns that link them, and grouped parts of queries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlopt_env.survey import Value
from sqlopt_env.trees.draft import identifier

from ..catalogue import Edge
from ..pen import Condition, Pen, Source, clauses, where
from .narrowing import binary, quantities
from .tallies import Figure


@dataclass(frozen=True, slots=True)
class Pair:
    """Rows of `many` belong to rows of `one`; `links` are (column of many, column of one).

    `single`: each of the many belongs to one at most.
    """

    one: Source
    many: Source
    links: tuple[tuple[str, str], ...]
    single: bool

    @property
    def on(self) -> str:
        return " AND ".join(f"{self.many[a]} = {self.one[b]}" for a, b in self.links)

    @property
    def filled(self) -> float:
        """The share of the many that belong to one at all."""
        return max(0.02, min(1 - self.many.relation.survey.column(column).nulls for column, _ in self.links))

    @property
    def key(self) -> tuple[str, ...]:
        """What tells joined rows apart; () where nothing does."""
        own = tuple(self.many[column] for column in self.many.relation.key)
        return own if self.single else both(self.one, self.many)


def both(*sources: Source) -> tuple[str, ...]:
    """The keys of all the sources, which tell rows of their product apart; () where one has none."""
    if not all(source.relation.key for source in sources):
        return ()
    return tuple(source[column] for source in sources for column in source.relation.key)


def pair_of(pen: Pen, edge: Edge, *, one: Source | None = None, many: Source | None = None) -> Pair:
    """The two ends of an edge, with new sources but for those that are given."""
    first = one or pen.source(edge.parent)
    return Pair(first, many or pen.source(edge.child), edge.pairs, is_single(edge))


def is_single(edge: Edge) -> bool:
    keys = [{column.lower() for column in key} for key in edge.parent.survey.keys]
    return any(key <= {column.lower() for _, column in edge.pairs} for key in keys)


def related(pen: Pen, *, shared: float = 0.1) -> Pair | None:
    """A pair by a foreign key; by chance, or where there is none, two sources of one table that share a link."""
    edge = pen.edge()
    if edge is not None and not pen.chance(shared):
        return pair_of(pen, edge)
    linked = shared_link(pen)
    return linked if linked is not None or edge is None else pair_of(pen, edge)


def shared_link(pen: Pen) -> Pair | None:
    """Two sources of one table whose rows share a link."""
    relation = pen.relation("links")
    if relation is None:
        return None
    links = [c for c in binary(relation.links) if c.distinct * 200 >= relation.rows]  # the others share with too many
    if not links:
        return None
    link = pen.one(links).name
    return Pair(pen.source(relation), pen.source(relation), ((link, link),), False)


def across(pen: Pen, one: Source, other: Source, conditions: Sequence[object] = ()) -> list[str]:
    """Conditions on both at once, of which people ask: later than, more than, of another kind.

    None is about columns of which `conditions` already say something.
    """
    found = list[str]()
    for first in one.relation.dates:
        for second in other.relation.dates:
            apart = sorted(_day(b) - _day(a) for a in first.values[::23] for b in second.values[::23])
            later = sum(days > 0 for days in apart) / len(apart)
            if 0.1 < later < 0.9:
                found.append(f"{other[second]} {pen.one(('>=', '>', '<='))} {one[first]}")
            days = apart[int(len(apart) * pen.one((0.2, 0.5, 0.7)))] // 10 * 10
            if days > 0:
                sign = pen.one(("<", "<=", ">", ">="))
                found.append(f"julianday({other[second]}) - julianday({one[first]}) {sign} {days}")
    if one.relation is other.relation:
        said = " ".join(map(str, conditions))
        free = [c for c in one.relation.columns if f"{one[c]} " not in said and f"{other[c]} " not in said]
        numbers, kinds = quantities(one.relation), binary(one.relation.categories)
        found += [f"{other[c]} {pen.one(('>', '<', '>='))} {one[c]}" for c in numbers if c in free]
        found += [f"{other[c]} {pen.one(('<>', '='))} {one[c]}" for c in kinds if c in free]
    return found


def _day(value: Value) -> int:
    return date.fromisoformat(str(value)).toordinal()


def differences(one: Source, other: Source) -> list[Figure]:
    """Outputs that compare both."""
    found = [
        Figure(f"CAST(julianday({other[a]}) - julianday({one[b]}) AS INTEGER)", "days_between")
        for a in other.relation.dates
        for b in one.relation.dates
    ]
    if one.relation is other.relation:
        found += [Figure(f"{other[c]} - {one[c]}", "difference") for c in quantities(one.relation)]
    return found


def grouped(
    source: Source, columns: Sequence[str], figures: Sequence[Figure], conditions: Sequence[Condition], having: str = ""
) -> str:
    """SELECT columns and figures about the rows that share them."""
    written = ", ".join(source[column] for column in columns)
    return clauses(
        f"SELECT {', '.join([written, *map(str, figures)])} FROM {source}",
        where(*conditions),
        f"GROUP BY {written}",
        f"HAVING {having}" if having else "",
    )


def match(name: str, columns: Sequence[str], written: Sequence[str]) -> str:
    """The columns of a named part of the query are equal to these."""
    return " AND ".join(f"{name}.{identifier(a)} = {b}" for a, b in zip(columns, written, strict=True))
