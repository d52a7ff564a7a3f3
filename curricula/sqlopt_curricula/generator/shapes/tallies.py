"""Figures about several rows, what rows are grouped by, and names for both."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ..catalogue import Relation
from ..pen import Pen, Source, literal
from .narrowing import binary, is_moment, is_number_of, quantities

_COLUMN = re.compile(r"""\b\w+\.("(?:[^"]|"")+"|\w+)""")


@dataclass(frozen=True, slots=True)
class Figure:
    """An output; "" for the name where it has none of its own.

    `steady`: it is the same in whatever order rows are added up, so that a LIMIT may depend on it.
    """

    sql: str
    name: str = ""
    steady: bool = True

    def __str__(self) -> str:
        return f"{self.sql} AS {self.name}" if self.name else self.sql


def figures_of(
    pen: Pen, sources: Sequence[Source], least: int, most: int, *, besides: Sequence[Figure] = ()
) -> list[Figure]:
    """Different figures about rows of these sources, all with names, and about other things than `besides`."""
    found: dict[str, Figure] = {}
    names = {figure.name for figure in besides} | {figure.sql.rpartition(".")[2].lower() for figure in besides}
    count = pen.whole(least, most)
    for _ in range(3 * count):
        if len(found) == count:
            break
        figure = _figure(pen, pen.one(sources))
        if figure.sql not in found and not any(_repeats(figure, other) for other in besides):
            numbered = (figure.name, *(f"{figure.name}_{number}" for number in range(2, 99)))
            name = next(name for name in numbered if name not in names)
            names.add(name)
            found[figure.sql] = Figure(figure.sql, name, figure.steady)
    return list(found.values()) or [Figure("COUNT(*)", "how_many" if "how_many" not in names else "rows_of_it")]


def _repeats(figure: Figure, other: Figure) -> bool:
    return bool(other.sql) and (figure.sql == other.sql or f"{other.sql})" in figure.sql)


def _figure(pen: Pen, source: Source) -> Figure:
    relation = source.relation
    ways = [_count, *[_of_number] * 3 * bool(quantities(relation)), *[_of_day] * bool(relation.dates), _if, _kinds]
    return pen.one(ways)(pen, source) or _count(pen, source)


def _count(pen: Pen, source: Source) -> Figure:
    nullable = source.relation.nullable
    if nullable and pen.chance(0.3):
        column = pen.one(nullable)
        if pen.chance(0.3):
            return Figure(f"COUNT(*) - COUNT({source[column]})", f"without_{word(column.name)}")
        return Figure(f"COUNT({source[column]})", f"with_{word(column.name)}")
    return Figure("COUNT(*)", "how_many")


def _of_number(pen: Pen, source: Source) -> Figure:
    column = pen.one(quantities(source.relation))
    written, name, whole = source[column], word(column.name), column.kind == "INTEGER"
    return pen.one((
        Figure(f"SUM({written})", f"total_{name}", whole), Figure(f"AVG({written})", f"mean_{name}", whole),
        Figure(f"MIN({written})", f"least_{name}"), Figure(f"MAX({written})", f"most_{name}"),
        Figure(f"MAX({written}) - MIN({written})", f"{name}_spread"),
        Figure(f"SUM({written}) * 1.0 / COUNT(*)", f"{name}_each", whole),
    ))  # fmt: skip


def _of_day(pen: Pen, source: Source) -> Figure:
    column = pen.one(source.relation.dates)
    written, name = source[column], word(column.name)
    return pen.one((
        Figure(f"MIN({written})", f"first_{name}"), Figure(f"MAX({written})", f"last_{name}"),
        Figure(f"COUNT(DISTINCT {written})", f"{name}_count"),
        Figure(f"julianday(MAX({written})) - julianday(MIN({written}))", f"{name}_span"),
    ))  # fmt: skip


def _if(pen: Pen, source: Source) -> Figure | None:
    """Of those rows alone that fulfil a condition."""
    column = pen.one(source.relation.columns)
    alike = is_number_of(source.relation, column) or is_moment(column)
    condition = None if alike else pen.condition(source, column, least=0.02)
    if condition is None:
        return None
    name = f"{word(column.name)}_hits"
    ways = [
        Figure(f"COUNT(*) FILTER (WHERE {condition})", name),
        Figure(f"SUM(CASE WHEN {condition} THEN 1 ELSE 0 END)", name),
        Figure(f"COUNT(CASE WHEN {condition} THEN 1 END) * 100.0 / COUNT(*)", f"{name}_percent"),
    ]
    for number in quantities(source.relation)[:2]:
        written, name, steady = source[number], word(number.name), number.kind == "INTEGER"
        ways += [
            Figure(f"SUM({written}) FILTER (WHERE {condition})", f"{name}_of_hits", steady),
            Figure(f"AVG(CASE WHEN {condition} THEN {written} END)", f"mean_{name}_of_hits", steady),
        ]
    return pen.one(ways)


def _kinds(pen: Pen, source: Source) -> Figure | None:
    columns = binary((*source.relation.categories, *source.relation.links))
    if not columns:
        return None
    column = pen.one(columns)
    return Figure(f"COUNT(DISTINCT {source[column]})", f"different_{word(column.name)}")


def having(pen: Pen, source: Source) -> str:
    """A condition on groups that many of them fulfil."""
    relation = source.relation
    ways = [f"COUNT(*) {pen.one(('> 1', '>= 2', '>= 3', '> 4', '< 20'))}"]
    for column in quantities(relation):
        written, values = source[column], column.values
        low, high = (literal(values[int((len(values) - 1) * part)]) for part in (0.3, 0.6))
        ways += [f"MAX({written}) > {high}", f"MIN({written}) < {high}", f"AVG({written}) > {low}"]
    for column in relation.dates:
        ways.append(f"MAX({source[column]}) >= {literal(column.values[len(column.values) // 2])}")
    ways += [f"COUNT(DISTINCT {source[column]}) > 1" for column in binary(relation.categories)]
    return pen.one(ways)


# What rows are grouped by


def some_groupings(pen: Pen, sources: Sequence[Source], most: int) -> list[Figure]:
    """Up to so many of them, each about a column of its own."""
    found: dict[str, Figure] = {}
    for _ in range(most):
        term = _grouping(pen, pen.one(sources))
        about = _COLUMN.search(term.sql) if term is not None else None
        names = [each.name for each in found.values() if each.name]
        if term is not None and about is not None and term.name not in names:
            found.setdefault(about[0], term)
    return list(found.values())


def _grouping(pen: Pen, source: Source) -> Figure | None:
    """A column of few values, or something of the kind made of another column."""
    relation = source.relation
    ways = [Figure(source[column]) for column in binary(relation.categories)] * 2
    for column in relation.dates:
        written, name = source[column], word(column.name)
        ways.append(Figure(f"substr({written}, 1, 4)", f"{name}_year"))
        ways.append(Figure(f"substr({written}, 1, 7)", f"{name}_month"))
    for column in quantities(relation):
        written, name, values = source[column], word(column.name), column.values
        low, high = (literal(values[int((len(values) - 1) * part)]) for part in pen.one(((0.3, 0.7), (0.5, 0.9))))
        classes = f"CASE WHEN {written} >= {high} THEN 'high' WHEN {written} >= {low} THEN 'middle' ELSE 'low' END"
        ways.append(Figure(f"CASE WHEN {written} < {low} THEN 'low' ELSE 'high' END", f"{name}_band"))
        ways.append(Figure(classes, f"{name}_class"))
    ways += [Figure(source[column]) for column in binary(relation.links) if relation.rows <= 60_000]
    return pen.one(ways) if ways else None


# Names


def word(name: str) -> str:
    """A name in a form that can be part of another one."""
    lowered = name.lower()
    return lowered if lowered.isidentifier() and lowered.isascii() else "it"


def title(pen: Pen, relation: Relation, pattern: str) -> str:
    """A name such as `recent_orders` for a part of a query, of a pattern such as `recent_{}`.

    It is no table's, and no alias of a source, which are without underscores.
    """
    known = {other.name.lower() for other in pen.catalogue.relations}
    stem = word(relation.name)
    name = pattern.format("rows" if stem == "it" else stem)
    while name in known:
        name += "_part"
    return name
