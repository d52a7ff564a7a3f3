"""Rows above the average of their group, or near another figure of it.

SELECT o.id, o.amount FROM orders AS o
JOIN (SELECT o2.user_id AS link, AVG(o2.amount) AS usual FROM orders AS o2 GROUP BY o2.user_id) AS grouped
  ON grouped.link = o.user_id
WHERE o.amount > grouped.usual AND o.product = 'tablet'
"""

from __future__ import annotations

from math import prod

from sqlopt_env.survey import ColumnSurvey

from ..pen import Condition, Pen, Source, clauses, where
from .base import Sketch
from .group_figures import figures, groups
from .phrases import few, free, measures, moved, unused

NAME = "above_group_average"


def draw(pen: Pen) -> Sketch | None:
    relation = pen.relation("links", "numbers") if pen.chance(0.7) else pen.relation("categories", "numbers")
    relation = relation or pen.relation("categories", "numbers")
    if relation is None or not measures(relation):
        return None
    source, others = pen.source(relation), pen.source(relation)
    measure = pen.one([c for c in measures(relation) if c.nulls < 0.6] or measures(relation))
    # Of a large table the group is only of rows of some kind, of a small one at times.
    large = relation.rows > 60_000
    kind: list[Condition] = []
    if large or pen.chance(0.4):
        kind = few(pen, source, source[measure], rows=min(relation.rows // 3, 25_000), least=1000, most=1)
    share = prod(condition.share for condition in kind)
    sized_right = [c for c in free(source, (*relation.links, *relation.categories), source[measure], *kind)
                   if c.distinct * 3 <= relation.rows * share and c.collation == "BINARY"]  # fmt: skip
    by = pen.some(list(dict.fromkeys(sized_right)), 1, pen.one((1, 1, 1, 2)))
    own = few(pen, source, source[measure], *kind, rows=5000, least=300, most=2, share=share)
    if not by or not (own or kind) or (large and not kind):
        return None
    conditions = [*kind, *own]
    name = unused(pen, "grouped", source, others)
    links = [f"link{n}" if len(by) > 1 else "link" for n in range(1, len(by) + 1)]
    call, compared = _threshold(pen, source, others, measure, f"{name}.usual")
    sized = pen.chance(0.3)
    inner = clauses(
        f"SELECT {', '.join(f'{others[c]} AS {link}' for c, link in zip(by, links, strict=True))},",
        f"{call} AS usual{', COUNT(*) AS size' if sized else ''} FROM {others}",
        where(*(moved(str(condition), source, others) for condition in kind)),
        f"GROUP BY {', '.join(others[c] for c in by)}",
        f"HAVING COUNT(*) > {pen.one((1, 2, 5))}" if pen.chance(0.2) else "",
    )
    on = " AND ".join(f"{name}.{link} = {source[c]}" for c, link in zip(by, links, strict=True))
    parts = [*conditions, compared, *([f"{name}.size >= {pen.one((2, 3, 5))}"] if sized else [])]
    from_ = clauses(f"FROM {source} JOIN ({inner}) AS {name} ON {on}", where(*parts))
    if pen.chance(0.2):
        counted = groups(pen, source, *conditions, most=1)
        if counted:
            outputs = ", ".join(map(str, [*counted, *figures(pen, source, *conditions, by=counted, most=3)]))
            return Sketch(f"SELECT {outputs} {from_} GROUP BY {counted[0].sql}", "Figures about rows above the usual.")
    outputs = ", ".join([*pen.outputs(source), *([f"{name}.usual"] if pen.chance(0.5) else [])])
    order = f"ORDER BY {pen.order(source)}" if pen.chance(0.5) and relation.key else ""
    return Sketch(clauses(f"SELECT {outputs} {from_}", order), f"Rows of {relation.name} above what is usual.")


def _threshold(pen: Pen, source: Source, others: Source, measure: ColumnSurvey, usual: str) -> tuple[str, str]:
    """A figure about a group, and how a row compares with it."""
    mine, call = source[measure], pen.one(("AVG", "AVG", "AVG", "MIN", "MAX"))
    if call == "AVG":
        numbers = [value for value in measure.values if not isinstance(value, str)]
        mean = sum(numbers) / len(numbers)
        above = [factor for factor in (1.2, 1.5, 2, 3) if sum(v > factor * mean for v in numbers) * 50 > len(numbers)]
        below = [factor for factor in (0.25, 0.5, 0.8) if sum(v < factor * mean for v in numbers) * 50 > len(numbers)]
        ways = [f"> {usual}", f"> {usual}", f"< {usual}", *(f"> {usual} * {factor}" for factor in above)]
        ways += [f"< {usual} * {factor}" for factor in below]
    elif call == "MAX":
        ways = [f"= {usual}", f"= {usual}", f"* 2 < {usual}", f">= {usual} * 0.9"]
    else:
        ways = [f"= {usual}", f"= {usual}", f"> {usual} * 2", f"<= {usual} * 1.1"]
    return f"{call}({others[measure]})", f"{mine} {pen.one(ways)}"
