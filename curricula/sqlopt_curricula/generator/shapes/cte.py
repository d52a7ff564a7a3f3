"""Parts of a question that have names: rows of a kind, figures about groups, and what is asked of both.

WITH recent_orders AS (SELECT o.user_id, COUNT(*) AS how_many FROM orders AS o WHERE o.order_date >= '2024-10-01'
GROUP BY o.user_id) SELECT u.id, u.name, recent_orders.how_many FROM users AS u
JOIN recent_orders ON recent_orders.user_id = u.id WHERE u.city = 'Wien' AND recent_orders.how_many >= 2
"""

from __future__ import annotations

from collections.abc import Callable

from sqlopt_env.trees.draft import identifier

from ..pen import Pen, clauses, where
from .base import Sketch
from .narrowing import narrowed, quantities
from .pairs import Pair, both, grouped, match, related
from .tallies import Figure, figures_of, some_groupings, title, word
from .telling import Found, ending, tell

NAME = "cte"


def draw(pen: Pen) -> Sketch | None:
    ways: list[Callable[[Pen], Sketch | None]] = [_grouped, _grouped, _chosen, _twice, _layers]
    return pen.one(ways)(pen)


def _grouped(pen: Pen) -> Sketch | None:
    """Figures about the many, joined to the one; at times the ones are chosen in a part of their own."""
    pair = related(pen)
    if pair is None:
        return None
    name, part, figures = _part(pen, pair)
    one, columns = pair.one, [column for column, _ in pair.links]
    parts = [f"{name} AS ({part})"]
    rows = one.relation.rows
    conditions: list[object] = [*narrowed(pen, one, min(3000.0, rows * 0.15), max(50, rows * 0.03), most=2)]
    joined = f"{one} {'LEFT ' if pen.chance(0.25) else ''}JOIN {name}"
    joined += f" ON {match(name, columns, [one[column] for _, column in pair.links])}"
    extra = [Figure(f"{name}.{figure.name}", figure.name, figure.steady) for figure in figures]
    if pen.chance(0.4):
        conditions.append(f"{name}.how_many {pen.one(('>= 2', '> 2', '= 1', '< 5'))}")
    if pen.chance(0.3):
        second, other, more = _part(pen, Pair(one, pen.source(pair.many.relation), pair.links, pair.single), "other_{}")
        parts.append(f"{second} AS ({other})")
        joined += f" LEFT JOIN {second} ON {match(second, columns, [one[column] for _, column in pair.links])}"
        extra.append(Figure(f"COALESCE({second}.how_many, 0)", "how_many_others"))
        if pen.chance(0.3) and more:
            conditions.append(f"{second}.how_many IS NULL")
    elif pen.chance(0.25):
        usual = title(pen, pair.many.relation, "usual_{}")
        parts.append(f"{usual} AS (SELECT AVG({name}.how_many) AS mean FROM {name})")
        conditions.append(f"{name}.how_many > (SELECT {usual}.mean FROM {usual})")
    query = tell(pen, Found(joined, conditions, (one,), both(one), tuple(extra)), "rrrrrgs")
    described = f"{one.relation.name} with figures about {pair.many.relation.name}."
    return Sketch(f"WITH {', '.join(parts)} {query}", described)


def _part(pen: Pen, pair: Pair, pattern: str = "") -> tuple[str, str, list[Figure]]:
    """The name of a grouped part about the many, its query, and its figures, `how_many` first."""
    many = pair.many
    name = title(pen, many.relation, pattern or pen.one(("some_{}", "{}_each", "chosen_{}")))
    count = Figure("COUNT(*)", "how_many")
    figures = [count, *(figures_of(pen, [many], 1, 2, besides=[count]) if pen.chance(0.7) else [])]
    inside = narrowed(pen, many, many.relation.rows * 0.2, many.relation.rows * 0.03, most=2)
    limit = f"COUNT(*) {pen.one(('> 1', '>= 2', '< 10'))}" if pen.chance(0.3) else ""
    return name, grouped(many, [column for column, _ in pair.links], figures, inside, limit), figures


def _chosen(pen: Pen) -> Sketch | None:
    """Rows chosen in a part, and then joined or counted."""
    pair = related(pen)
    if pair is None:
        return None
    one, many = pair.one, pair.many
    name = title(pen, many.relation, pen.one(("chosen_{}", "recent_{}", "big_{}", "these_{}")))
    inside = narrowed(pen, many, 2500 if pair.single else 800, min(200, many.relation.rows * 0.015))
    links = [column for column, _ in pair.links]
    free = [c.name for c in many.relation.columns if c.name not in links and c.name not in many.relation.key]
    columns = list(dict.fromkeys([*many.relation.key, *links, *pen.some(free, 1, 3)]))
    part = clauses(f"SELECT {', '.join(many[column] for column in columns)} FROM {many}", where(*inside))
    extra = tuple(
        Figure(f"{name}.{identifier(column)}", f"its_{word(column)}" if word(column) != "it" else f"its_{number}")
        for number, column in enumerate(columns[len(many.relation.key) :], 1)
    )
    outside = narrowed(pen, one, one.relation.rows * (1 if pair.single else 0.02), one.relation.rows * 0.01, most=1)
    conditions = [*outside] if pen.chance(0.6) or not pair.single else []
    joined = f"{name} JOIN {one} ON {match(name, links, [one[column] for _, column in pair.links])}"
    own = tuple(f"{name}.{identifier(column)}" for column in many.relation.key)
    key = () if not own else own if pair.single else (*own, *both(one)) if both(one) else ()
    query = tell(pen, Found(joined, conditions, (one,), key, extra), "rrrgs")
    return Sketch(f"WITH {name} AS ({part}) {query}", f"Some {many.relation.name} and their {one.relation.name}.")


def _twice(pen: Pen) -> Sketch | None:
    """Groups that are above the average of all groups, or the greatest: the part is read twice."""
    relation = pen.relation("categories") or pen.relation("links")
    source = pen.source(relation) if relation is not None else None
    terms = some_groupings(pen, [source], pen.whole(1, 2)) if source is not None else []
    if source is None or relation is None or not terms:
        return None
    named = [Figure(term.sql, f"kind_{number}") for number, term in enumerate(terms, 1)]
    figures = figures_of(pen, [source], 1, 3, besides=[*named, *terms])
    inside = narrowed(pen, source, relation.rows * 0.2, 200, most=2)
    name = title(pen, relation, pen.one(("{}_by_kind", "kinds_of_{}", "grouped_{}")))
    part = clauses(
        f"SELECT {', '.join(map(str, [*named, *figures]))} FROM {source}",
        where(*inside),
        f"GROUP BY {', '.join(term.sql for term in terms)}",
    )
    figure = pen.one(figures)
    call = pen.one(("AVG", "AVG", "MAX") if figure.steady else ("AVG",))
    number = not figure.name.startswith(("first_", "last_"))
    whole = f"(SELECT {call if number else 'MAX'}({name}.{figure.name}) FROM {name})"
    factor = pen.one(("0.5 * ", "1.1 * ", "")) if figure.steady else pen.one(("0.7 * ", "1.1 * "))
    condition = f"{name}.{figure.name} >= {whole}"
    if number and call == "AVG":
        condition = f"{name}.{figure.name} > {factor}{whole}"
    shown = [*(each.name for each in named), *(each.name for each in figures)]
    outputs = [f"{name}.{column}" for column in shown]
    if number and pen.chance(0.3):
        outputs.append(f"{name}.{figure.name} * 1.0 / (SELECT SUM({name}.{figure.name}) FROM {name}) AS part_of_all")
    first = [f"{name}.{each.name} DESC" for each in figures if each.steady and pen.chance(0.4)]
    order = ending(pen, [*first, *(f"{name}.{each.name}" for each in named)])
    query = clauses(f"WITH {name} AS ({part}) SELECT {', '.join(outputs)} FROM {name}", where(condition), order)
    return Sketch(query, f"Groups of {relation.name} against all groups.")


def _layers(pen: Pen) -> Sketch | None:
    """A part about a part: how many links have so many rows, or figures about figures."""
    relation = pen.relation("links")
    links = [c for c in relation.links if c.collation == "BINARY"] if relation is not None else []
    if relation is None or not links:
        return None
    source, link = pen.source(relation), pen.one(links)
    count = Figure("COUNT(*)", "how_many")
    figures = [count, *figures_of(pen, [source], 1, 2, besides=[count, Figure(source[link])])]
    inside = narrowed(pen, source, relation.rows * 0.2, relation.rows * 0.02, most=2, besides=[link.name])
    name = title(pen, relation, pen.one(("{}_each", "grouped_{}")))
    part = grouped(source, [link.name], figures, inside)
    told = []
    for figure in figures:
        adds_up = figure.name.startswith(("how_many", "total_", "with_"))
        calls = ("MAX", "AVG", "MIN", "SUM") if adds_up else ("MAX", "MIN")
        told += [f"{call}({name}.{figure.name}) AS {call.lower()}_{figure.name}" for call in calls]
    told = ["COUNT(*) AS links", *pen.some(told, 0, 3)]
    limit = where(f"{name}.how_many {pen.one(('> 1', '>= 3', '< 4'))}") if pen.chance(0.4) else ""
    if pen.chance(0.5):
        query = clauses(f"SELECT {', '.join(told)} FROM {name}", limit)
    else:
        first = pen.one(([], ["links"]))
        query = clauses(
            f"SELECT {name}.how_many, {', '.join(told)} FROM {name}",
            limit,
            f"GROUP BY {name}.how_many",
            ending(pen, [*first, f"{name}.how_many"]),
        )
    if quantities(relation) and pen.chance(0.3):
        column = pen.one(quantities(relation))
        known = [] if column.not_null else [f"{source[column]} IS NOT NULL"]
        first_part = clauses(f"SELECT {source[link]}, {source[column]} FROM {source}", where(*inside, *known))
        chosen, call = title(pen, relation, "chosen_{}"), pen.one(("AVG", "MAX", "MIN", "SUM"))
        inner = f"{chosen}.{identifier(link.name)}"
        part = f"SELECT {inner}, COUNT(*) AS how_many, {call}({chosen}.{identifier(column.name)}) AS figure"
        part = f"{chosen} AS ({first_part}), {name} AS ({part} FROM {chosen} GROUP BY {inner})"
        shown = f"SELECT {name}.how_many, COUNT(*) AS links, MAX({name}.figure) AS most FROM {name}"
        query = clauses(f"WITH {part} {shown}", limit, f"GROUP BY {name}.how_many")
        return Sketch(query, f"Links of {relation.name} by their size.")
    return Sketch(f"WITH {name} AS ({part}) {query}", f"Links of {relation.name} by their size.")
