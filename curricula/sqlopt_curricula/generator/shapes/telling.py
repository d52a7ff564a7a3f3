"""What a query tells of the rows that it finds: the rows themselves, groups of them, or figures about all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..pen import Pen, Source, clauses, where
from .narrowing import binary
from .tallies import Figure, figures_of, having, some_groupings, word


@dataclass(frozen=True, slots=True)
class Found:
    """Rows that a FROM clause and its conditions find.

    `shown` are the sources to tell of, the main one first. `key` are columns that tell any two of the rows apart, ()
    where there are none. `extra` are more outputs that each row has.
    """

    joined: str
    conditions: Sequence[object]
    shown: tuple[Source, ...]
    key: tuple[str, ...] = ()
    extra: tuple[Figure, ...] = ()


def tell(pen: Pen, found: Found, ways: str = "rrrrrrggggdss") -> str:
    """A query over these rows: one of `ways`, where r are rows, g groups, d different values, s a summary."""
    way = pen.one(ways)
    if way == "g":
        return groups(pen, found)
    if way == "d":
        return different(pen, found)
    return summary(pen, found) if way == "s" else rows(pen, found)


def rows(pen: Pen, found: Found) -> str:
    """The rows, in some order or in none, all of them or the first ones."""
    outputs: list[str] = []
    seen: set[str] = set()
    for number, source in enumerate(found.shown):
        for output in pen.outputs(source, 1, 4 - number, key=number == 0 or pen.chance(0.4)):
            _, _, column = output.partition(".")
            if column.isidentifier() and column in seen:
                output += f" AS {word(source.relation.name)}_{word(column)}"
            seen.add(column)
            outputs.append(output)
    extra = [figure for figure in found.extra if pen.chance(0.7)] or list(found.extra[:1])
    terms = [source[column] for source in found.shown for column in source.relation.columns]
    terms = pen.some([term for term in terms if term not in found.key], 0, 2)
    if extra and extra[-1].steady and pen.chance(0.4):
        terms.insert(0, extra[-1].name)
    return clauses(
        f"SELECT {', '.join([*outputs, *map(str, extra)])} FROM {found.joined}",
        where(*found.conditions),
        ending(pen, [*terms, *found.key], total=bool(found.key)),
    )


def groups(pen: Pen, found: Found, by: Sequence[Figure] = ()) -> str:
    """Figures about groups of the rows, by one or two things or by one of the sources."""
    terms = list(by) or _groupings(pen, found)
    told = [s for s in found.shown if not {s[c] for c in s.relation.key or ("",)} <= {t.sql for t in terms}]
    figures = figures_of(pen, told or found.shown, 1, 4, besides=terms)
    outputs = [*map(str, terms), *map(str, figures)]
    first = [figure for figure in figures if figure.steady and pen.chance(0.3)][:2]
    order = [pen.one((figure.name, figure.sql)) + pen.one((" DESC", " DESC", "")) for figure in first]
    return clauses(
        f"SELECT {', '.join(outputs)} FROM {found.joined}",
        where(*found.conditions),
        f"GROUP BY {', '.join(term.sql for term in terms)}",
        f"HAVING {having(pen, pen.one(told or found.shown))}" if pen.chance(0.25) else "",
        ending(pen, [*order, *(pen.one((term.name or term.sql, term.sql)) for term in terms)]),
    )


def different(pen: Pen, found: Found) -> str:
    """The values, or pairs of them, that there are among the rows."""
    terms = some_groupings(pen, found.shown, pen.whole(1, 4))
    if not terms:
        return summary(pen, found)
    order = ending(pen, [term.name or term.sql for term in pen.some(terms, len(terms), len(terms))])
    return clauses(f"SELECT DISTINCT {', '.join(map(str, terms))} FROM {found.joined}", where(*found.conditions), order)


def summary(pen: Pen, found: Found) -> str:
    """One row of figures about all of the rows."""
    figures = figures_of(pen, found.shown, 2, 5)
    return clauses(f"SELECT {', '.join(map(str, figures))} FROM {found.joined}", where(*found.conditions))


def ending(pen: Pen, terms: Sequence[str], *, total: bool = True) -> str:
    """Often an ORDER BY of the terms, each up or down, and at times a LIMIT; `total`: the terms leave no ties."""
    if not terms or pen.chance(0.35):
        return ""
    order = ", ".join(term if term.endswith(" DESC") else term + pen.one(("", "", " DESC")) for term in terms)
    limit = pen.limit() if total and pen.chance(0.45) else ""
    return clauses(f"ORDER BY {order}", limit, f"OFFSET {pen.one((2, 5, 10))}" if limit and pen.chance(0.15) else "")


def _groupings(pen: Pen, found: Found) -> list[Figure]:
    """One source's key with a column or two more, or one or two things that several rows share."""
    others = [source for source in found.shown[1:] if source.relation.key]
    if others and pen.chance(0.35):
        source = pen.one(others)
        free = [c for c in binary(source.relation.columns) if c.name not in source.relation.key]
        columns = [*source.relation.key, *(column.name for column in pen.some(free, 0, 2))]
        return [Figure(source[column]) for column in columns]
    terms = some_groupings(pen, found.shown, pen.one((1, 1, 2)))
    if terms:
        return terms
    source = found.shown[0]
    return [Figure(source[column]) for column in source.relation.key or [source.relation.columns[0].name]]
