"""Groups of a table compared with the whole, with their average, or with the same groups at another time.

SELECT o.product, SUM(o.amount) AS total_amount, SUM(o.amount) * 100.0 / (SELECT SUM(o2.amount) FROM orders AS o2
WHERE o2.order_date >= '2024-12-01') AS percent FROM orders AS o WHERE o.order_date >= '2024-12-01' GROUP BY o.product
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from ..pen import Condition, Pen, Source, clauses, literal, where
from .base import Sketch
from .narrowing import binary, moved, narrowed, quantities
from .pairs import grouped, match
from .tallies import Figure, figures_of, having, some_groupings, title, word
from .telling import ending

NAME = "group_compare"


def draw(pen: Pen) -> Sketch | None:
    relation = pen.relation("categories") or pen.relation("links")
    if relation is None:
        return None
    ways: list[Callable[[Pen, Source], Sketch | None]]
    ways = [_shares, _shares, _periods, _periods, _beyond, _side_by_side]
    return pen.one(ways)(pen, pen.source(relation))


def _terms(pen: Pen, source: Source) -> list[Figure]:
    return some_groupings(pen, [source], pen.one((1, 1, 2)))


def _shares(pen: Pen, source: Source) -> Sketch | None:
    """Each group's part of the whole."""
    relation, terms = source.relation, _terms(pen, source)
    if not terms:
        return None
    conditions = narrowed(pen, source, relation.rows * 0.3, 300, most=2)
    other = pen.source(relation)
    calls = ["COUNT(*)", *(f"SUM({source[column]})" for column in quantities(relation))]
    call = pen.one(calls)
    base = conditions[: -1 if pen.chance(0.2) else None]
    parts = [f"SELECT {moved(Condition(call, 1.0), source, other)} FROM {other}"]
    whole = f"({clauses(*parts, where(*(moved(condition, source, other) for condition in base)))})"
    shared = Figure(f"{call} * {pen.one(('100.0', '1.0'))} / {whole}", pen.one(("percent", "part_of_all")), False)
    figures = figures_of(pen, [source], 1, 3, besides=[Figure("", shared.name), *terms])
    steady = [figure.name for figure in figures if figure.steady]
    outputs = [*map(str, terms), *map(str, figures), str(shared)]
    query = clauses(
        f"SELECT {', '.join(outputs)} FROM {source}",
        where(*conditions),
        f"GROUP BY {', '.join(term.sql for term in terms)}",
        f"HAVING {having(pen, source)}" if pen.chance(0.3) else "",
        ending(pen, [*pen.some(steady, 0, 2), *(term.name or term.sql for term in terms)]),
    )
    return Sketch(query, f"Groups of {relation.name} and their part of the whole.")


def _parts(pen: Pen, source: Source) -> tuple[Condition, Condition, str] | None:
    """Two kinds of rows to compare: two years or months, or two values of a category; and their column."""
    relation = source.relation
    ways: list[tuple[Condition, Condition, str]] = []
    for column in relation.dates:
        written, length = source[column], pen.one((4, 7))
        texts = sorted({str(value)[:length] for value in column.values})
        if len(texts) >= 3:
            at = pen.whole(0, len(texts) - 3)
            limits = [_first(text) for text in texts[at : at + 3]]
            one, other = (
                Condition(f"{written} >= '{first}' AND {written} < '{after}'", 0.1) for first, after in pairwise(limits)
            )
            ways += [(one, other, column.name)] * 2
    for column in binary(relation.categories):
        values = list(dict.fromkeys(pen.some(column.values, 4, 12)))[:2]
        if len(values) == 2:
            one, other = (Condition(f"{source[column]} = {literal(value)}", 0.1) for value in values)
            ways.append((one, other, column.name))
    return pen.one(ways) if ways else None


def _first(part: str) -> str:
    """The first day of a year or of a month."""
    return part + ("-01-01" if len(part) == 4 else "-01")


def _periods(pen: Pen, source: Source) -> Sketch | None:
    """The same groups among two kinds of rows, joined."""
    parts = _parts(pen, source)
    relation, other = source.relation, pen.source(source.relation)
    groups = [*binary(relation.categories) * 2, *binary(relation.links)]
    if parts is None or not groups:
        return None
    columns = list(dict.fromkeys(c.name for c in pen.some([c for c in groups if c.name != parts[2]], 1, 2)))
    if not columns:
        return None
    shared: list[Condition] = []
    if pen.chance(0.5):
        shared = narrowed(pen, source, relation.rows * 0.8, relation.rows * 0.1, most=1, besides=[*columns, parts[2]])
    figures = figures_of(pen, [source], 1, 3, besides=[Figure(source[column]) for column in columns])
    theirs = [Figure(moved(Condition(f.sql, 1.0), source, other).sql, f.name, f.steady) for f in figures]
    limit = "COUNT(*) > 1" if pen.chance(0.2) else ""
    first = grouped(source, columns, figures, [parts[0], *shared], limit)
    second = grouped(other, columns, theirs, [moved(c, source, other) for c in (parts[1], *shared)])
    name, later = title(pen, relation, "{}_before"), title(pen, relation, "{}_after")
    keys = [match(name, [column], [""]).removesuffix(" = ") for column in columns]
    main = figures[0].name
    ends = ((name, "before"), (later, "after"))
    outputs = [*keys, *(f"{part}.{f.name} AS {f.name}_{end}" for f in figures for part, end in ends)]
    change = pen.one(
        ("", f"{later}.{main} - {name}.{main} AS change", f"{later}.{main} * 1.0 / {name}.{main} AS times")
    )
    outputs += [change] if change and not main.startswith(("first_", "last_")) else []
    optional = pen.chance(0.35)
    compared = f"{later}.{main} {pen.one(('>', '<'))} {name}.{main}" if figures[0].steady and pen.chance(0.45) else ""
    query = clauses(
        f"SELECT {', '.join(outputs)} FROM ({first}) AS {name}",
        f"{'LEFT ' if optional else ''}JOIN ({second}) AS {later} ON {match(later, columns, keys)}",
        where(compared),
        ending(pen, [*([f"{name}.{main}"] if figures[0].steady and pen.chance(0.5) else []), *keys]),
    )
    return Sketch(query, f"Groups of {relation.name} compared with the same at another time.")


def _beyond(pen: Pen, source: Source) -> Sketch | None:
    """Groups that are above or below what is usual."""
    relation, terms = source.relation, _terms(pen, source)
    numbers = quantities(relation)
    if not terms or not numbers:
        return None
    other, column = pen.source(relation), pen.one(numbers)
    conditions = narrowed(pen, source, relation.rows * 0.4, 300, most=2, besides=[column.name])
    inside = where(*(moved(condition, source, other) for condition in conditions))
    whole = f"(SELECT AVG({other[column]}) FROM {other} {inside})"
    limit = f"AVG({source[column]}) {pen.one(('> 1.05', '> 1.2', '< 0.95', '> 0.8'))} * {whole}"
    limit += f" AND {having(pen, source)}" if pen.chance(0.3) else ""
    figures = figures_of(pen, [source], 1, 4, besides=terms)
    steady = [figure.name for figure in figures if figure.steady]
    query = clauses(
        f"SELECT {', '.join([*map(str, terms), *map(str, figures)])} FROM {source}",
        where(*conditions),
        f"GROUP BY {', '.join(term.sql for term in terms)} HAVING {limit}",
        ending(pen, [*pen.some(steady, 0, 1), *(term.name or term.sql for term in terms)]),
    )
    return Sketch(query, f"Groups of {relation.name} with an unusual {column.name}.")


def _side_by_side(pen: Pen, source: Source) -> Sketch | None:
    """Two kinds of rows of each group, in one scan."""
    parts, terms = _parts(pen, source), _terms(pen, source)
    terms = [term for term in terms if parts is None or term.sql not in parts[0].sql]
    if parts is None or not terms:
        return None
    relation = source.relation
    calls = [("COUNT(*)", "how_many")]
    for column in quantities(relation):
        calls += [
            (f"{call}({source[column]})", f"{call.lower()}_{word(column.name)}") for call in ("SUM", "MAX", "AVG")
        ]
    chosen = pen.some(calls, 1, 2)
    figures = [
        f"{call} FILTER (WHERE {part}) AS {name}_{n}" for call, name in chosen for n, part in enumerate(parts[:2], 1)
    ]
    conditions: list[Condition] = []
    if pen.chance(0.7):
        conditions = narrowed(pen, source, relation.rows * 0.4, 500, most=2, besides=[parts[2]])
    if pen.chance(0.6):
        ranges = " AND " in parts[0].sql
        either = f"(({parts[0]}) OR ({parts[1]}))" if ranges else f"({parts[0]} OR {parts[1]})"
        conditions.append(Condition(either, 0.2))
    query = clauses(
        f"SELECT {', '.join([*map(str, terms), *figures])} FROM {source}",
        where(*conditions),
        f"GROUP BY {', '.join(term.sql for term in terms)}",
        f"HAVING {having(pen, source)}" if pen.chance(0.25) else "",
        ending(pen, [term.name or term.sql for term in terms]),
    )
    return Sketch(query, f"Groups of {relation.name} with two kinds of rows side by side.")
