"""The different values of columns under conditions, or how many there are.

SELECT DISTINCT o.user_id, substr(o.order_date, 1, 7) AS month FROM orders AS o
WHERE o.product = 'tablet' AND o.amount > 300 ORDER BY o.user_id, month
"""

from __future__ import annotations

from sqlopt_env.survey import ColumnSurvey

from ..pen import Condition, Pen, Source, clauses, where
from .base import Sketch
from .group_figures import Named, groups, name_of
from .phrases import few, free, joined_parent, settled

NAME = "distinct_values"


def draw(pen: Pen) -> Sketch | None:
    relation = pen.relation("links") if pen.chance(0.6) else pen.relation("categories")
    relation = relation or pen.relation("categories") or pen.relation("links")
    if relation is None:
        return None
    source = pen.source(relation)
    conditions = few(pen, source, rows=min(relation.rows // 5, 8000), least=50, most=pen.one((2, 3, 4)))
    if not conditions:
        return None
    joined = joined_parent(pen, source) if pen.chance(0.3) else None
    if pen.chance(0.4):
        return _counted(pen, source, joined, conditions)
    values = groups(pen, source, *conditions, most=3)
    if joined:
        values = [*groups(pen, joined[0], links=False), *values[:2]]
    if not values:
        return None
    terms = [pen.one((part.sql, part.name or part.sql)) for part in values]
    terms = terms if pen.chance(0.8) else terms[::-1]
    ordered = pen.chance(0.6)
    order = f"ORDER BY {', '.join(term + pen.one(('', '', ' DESC')) for term in terms)}" if ordered else ""
    order += f" {pen.limit()}" if order and pen.chance(0.25) else ""
    from_ = clauses(f"FROM {source}", joined[1] if joined else "", where(*conditions))
    sql = clauses(f"SELECT DISTINCT {', '.join(map(str, values))} {from_}", order)
    return Sketch(sql, f"Different values in {relation.name}.")


def _counted(pen: Pen, source: Source, joined: tuple[Source, str] | None, conditions: list[Condition]) -> Sketch | None:
    """How many different values there are, as a whole or in each group."""
    relation = source.relation
    by: list[Named] = []
    if pen.chance(0.6):
        by = groups(pen, joined[0] if joined else source, *conditions, links=False)
    columns = free(
        source, dict.fromkeys((*relation.links, *relation.categories, *relation.dates)), *by, *settled(conditions)
    )
    counted = [
        Named(f"COUNT(DISTINCT {source[column]})", name_of("different", column, number))
        for number, column in enumerate(_plain(pen.some(columns, 1, 3)), 1)
    ]
    if relation.dates and pen.chance(0.3):
        counted.append(Named(f"COUNT(DISTINCT substr({source[pen.one(relation.dates)]}, 1, 7))", "months"))
    if relation.dates and pen.chance(0.2):
        counted.append(Named(f"{pen.one(('MIN', 'MAX'))}({source[pen.one(relation.dates)]})", "since_or_until"))
    if pen.chance(0.4):
        counted.insert(pen.whole(0, len(counted)), Named("COUNT(*)", "how_many"))
    outputs = [*map(str, by), *map(str, counted)]
    if not counted:
        return None
    asked = counted[0].sql if counted[0].sql.startswith("COUNT") else "COUNT(*)"
    having = f"HAVING {asked} > {pen.one((1, 1, 2, 5))}" if by and pen.chance(0.4) else ""
    order = f"ORDER BY {', '.join(part.sql for part in by)}" if by and pen.chance(0.6) else ""
    from_ = clauses(f"FROM {source}", joined[1] if joined else "", where(*conditions))
    group = f"GROUP BY {', '.join(part.sql for part in by)}" if by else ""
    sql = clauses(f"SELECT {', '.join(outputs)} {from_}", group, having, order)
    return Sketch(sql, f"How many different values there are in {relation.name}.")


def _plain(columns: list[ColumnSurvey]) -> list[ColumnSurvey]:
    return [column for column in columns if column.collation == "BINARY"]
