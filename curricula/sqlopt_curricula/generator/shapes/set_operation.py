"""What several conditions find in one table: all of it, each once, what all of them find, what the first alone does.

SELECT o.user_id FROM orders AS o WHERE o.product = 'tablet' AND o.order_date >= '2024-10-01'
INTERSECT SELECT o2.user_id FROM orders AS o2 WHERE o2.product = 'headphones' ORDER BY user_id
"""

from __future__ import annotations

from itertools import pairwise

from sqlopt_env.survey import ColumnSurvey
from sqlopt_env.trees.draft import identifier

from ..pen import Condition, Pen, Source, clauses, literal, where
from .base import Sketch
from .narrowing import binary, narrowed, quantities
from .tallies import Figure, figures_of, title, word
from .telling import ending

NAME = "set_operation"


def draw(pen: Pen) -> Sketch | None:
    relation = pen.relation()
    if relation is None:
        return None
    links = binary([c for c in relation.links if c.distinct * 400 >= relation.rows])
    if links and pen.chance(0.55):
        return _of_links(pen, links, pen.source(relation))
    source = pen.source(relation)
    apart, by = _apart(pen, source)
    if len(apart) < 2:
        return None
    shared = narrowed(pen, source, 3000, 200, most=2, besides=[by])
    return _figures(pen, source, apart, shared) if pen.chance(0.45) else _rows(pen, source, apart, shared, by)


def _rows(pen: Pen, source: Source, apart: list[Condition], shared: list[Condition], by: str) -> Sketch:
    """UNION ALL of rows, which no two of the branches share."""
    relation = source.relation
    free = [column.name for column in relation.columns if column.name not in relation.key]
    columns = [*relation.key, *pen.some(free, 1, 4)]
    labels = ["part"] if pen.chance(0.4) else []
    extra = [figure for figure in [_computed(pen, source)] if figure is not None and pen.chance(0.4)]
    alike = pen.chance(0.5)
    branches = []
    for number, condition in enumerate(apart, 1):
        label = [f"'part {number}' AS part"] * len(labels)
        outputs = [*label, *(source[column] for column in columns), *map(str, extra)]
        further = shared if alike or number == 1 else narrowed(pen, source, 1500, 100, most=2, besides=[by])
        branches.append(clauses(f"SELECT {', '.join(outputs)} FROM {source}", where(condition, *further)))
    names = [identifier(column) for column in columns]
    first = pen.some([*labels, *names[len(relation.key) :], *(figure.name for figure in extra)], 0, 2)
    order = ending(pen, [*first, *names[: len(relation.key)]], total=bool(relation.key))
    return Sketch(clauses(" UNION ALL ".join(branches), order), f"Rows of {relation.name} of {len(apart)} kinds.")


def _figures(pen: Pen, source: Source, apart: list[Condition], shared: list[Condition]) -> Sketch:
    """UNION ALL of one line of figures for each branch."""
    figures = figures_of(pen, [source], 1, 4)
    branches = [
        clauses(
            f"SELECT 'part {number}' AS part, {', '.join(map(str, figures))} FROM {source}", where(condition, *shared)
        )
        for number, condition in enumerate(apart, 1)
    ]
    steady = [figure.name for figure in figures if figure.steady]
    order = ending(pen, [*(pen.some(steady, 0, 1)), "part"])
    return Sketch(clauses(" UNION ALL ".join(branches), order), f"Figures about {len(apart)} parts of {source}.")


def _of_links(pen: Pen, links: list[ColumnSurvey], source: Source) -> Sketch | None:
    """The links that rows of this and of that kind have."""
    relation = source.relation
    columns = pen.some(links, 1, 1)
    kinds = [c for c in binary(relation.categories) if c not in columns]
    if kinds and pen.chance(0.25):
        columns.append(pen.one(kinds))
    branches = []
    count = pen.one((2, 2, 2, 3))
    first = pen.one(("UNION", "INTERSECT", "EXCEPT"))
    for number in range(count):
        branch = source if number == 0 else pen.source(relation)
        some = min(1500.0, relation.rows * 0.05) if first == "UNION" else relation.rows * 0.1
        conditions = narrowed(pen, branch, some, some / 4, besides=[column.name for column in columns])
        grouped = len(columns) == 1 and pen.chance(0.12)
        branches.append(
            clauses(
                f"SELECT {', '.join(branch[column] for column in columns)} FROM {branch}",
                where(*conditions),
                f"GROUP BY {branch[columns[0]]} HAVING COUNT(*) {pen.one(('> 1', '>= 2'))}" if grouped else "",
            )
        )
    query = branches[0]
    for branch_sql in branches[1:]:
        query += f" {first if pen.chance(0.8) else 'UNION'} {branch_sql}"
    names = [identifier(column.name) for column in columns]
    if pen.chance(0.25):
        name = title(pen, relation, "found_{}")
        shown = ["COUNT(*) AS how_many", *(f"MIN({name}.{n}) AS least, MAX({name}.{n}) AS most" for n in names[:1])]
        if len(columns) > 1 and pen.chance(0.7):
            query = f"SELECT {name}.{names[1]}, {shown[0]} FROM ({query}) AS {name} GROUP BY {name}.{names[1]}"
            return Sketch(query, f"How many links of {relation.name} there are of each kind.")
        query = f"SELECT {', '.join(shown[: pen.whole(1, 2)])} FROM ({query}) AS {name}"
        return Sketch(query, f"How many links of {relation.name} there are.")
    order = ending(pen, pen.some(names, len(names), len(names)))
    return Sketch(clauses(query, order), f"Links of {relation.name}: {first} of {count} conditions.")


def _computed(pen: Pen, source: Source) -> Figure | None:
    """One more column, made of another."""
    ways = [Figure(f"substr({source[c]}, 1, 7)", f"{word(c.name)}_month") for c in source.relation.dates]
    ways += [Figure(f"upper({source[c]})", f"{word(c.name)}_upper") for c in source.relation.texts]
    ways += [Figure(f"abs({source[c]})", f"{word(c.name)}_size") for c in quantities(source.relation)]
    return pen.one(ways) if ways else None


def _apart(pen: Pen, source: Source) -> tuple[list[Condition], str]:
    """Two to four conditions on one column, of which no row fulfils two; and the column."""
    relation = source.relation
    ways: list[tuple[list[Condition], str]] = []
    for column in binary(relation.categories):
        kinds = list(dict.fromkeys(pen.some(column.values, 4, 12)))[: pen.whole(2, 4)]
        ways.append(([Condition(f"{source[column]} = {literal(kind)}", 1.0) for kind in kinds], column.name))
    for column in [*quantities(relation), *relation.dates]:
        values, written = column.values, source[column]
        width, start = max(1, len(values) // pen.one((6, 12, 30))), pen.whole(0, len(values) // 2)
        steps = [values[min(start + number * width, len(values) - 1)] for number in range(pen.whole(3, 4))]
        between = [
            Condition(f"{written} >= {literal(low)} AND {written} < {literal(high)}", 1.0)
            for low, high in pairwise(steps)
        ]
        low, high = literal(values[len(values) // 20]), literal(values[-1 - len(values) // 20])
        beyond = [Condition(f"{written} < {low}", 1.0), Condition(f"{written} >= {high}", 1.0)]
        ways += [(between, column.name), (beyond, column.name)] if steps[0] != steps[-1] else []
    return pen.one(ways) if ways else ([], "")
