"""Running totals, ranks, shares and differences over some rows of a table, or over what they are by month or kind.

SELECT o.id, o.order_date, SUM(o.amount) OVER (PARTITION BY o.user_id ORDER BY o.order_date, o.id) AS running
FROM orders AS o WHERE o.product = 'tablet' AND o.order_date >= '2024-01-01' ORDER BY o.order_date, o.id
"""

from __future__ import annotations

from ..pen import Condition, Pen, Source, clauses, where
from .base import Sketch
from .group_figures import Named, figures, groups
from .phrases import few, free, measures, settled, unused

NAME = "windows"
_FRAMES = ("", "", "", " ROWS BETWEEN 6 PRECEDING AND CURRENT ROW", " ROWS BETWEEN 2 PRECEDING AND 2 FOLLOWING",
           " ROWS UNBOUNDED PRECEDING", " ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING")  # fmt: skip


def draw(pen: Pen) -> Sketch | None:
    relation = pen.relation("key", "numbers") if pen.chance(0.8) else pen.relation("numbers")
    relation = relation or pen.relation("categories") or pen.relation("links")
    if relation is None:
        return None
    source = pen.source(relation)
    if not relation.key or not measures(relation) or pen.chance(0.25):
        return _over_groups(pen, source)
    conditions = few(pen, source, rows=2500, least=100, most=3)
    if not conditions:
        return None
    outputs = pen.outputs(source, most=3)
    for number in range(1, pen.one((1, 1, 2, 3)) + 1):
        outputs.append(f"{_call(pen, source, conditions)} AS w{number}")
    order = f"ORDER BY {pen.order(source)}" if pen.chance(0.5) else ""
    sql = clauses(f"SELECT {', '.join(outputs)} FROM {source}", where(*conditions), order)
    return Sketch(sql, f"Figures about neighbours among rows of {relation.name}.")


def _call(pen: Pen, source: Source, conditions: list[Condition]) -> str:
    """A call over the rows of a window that is the same in whatever order the rows are read."""
    relation = source.relation
    measure = source[pen.one(measures(relation))]
    parts = free(source, dict.fromkeys((*relation.links, *relation.categories)), measure, *settled(conditions))
    by = [source[column] for column in pen.some(parts, 0, pen.one((1, 1, 2)))] if pen.chance(0.8) else []
    partition = f"PARTITION BY {', '.join(by)}" if by else ""
    first = source[pen.one(relation.dates if relation.dates and pen.chance(0.7) else relation.numbers)]
    first = first if pen.chance(0.85) else ""
    terms = list(dict.fromkeys(term for term in (first, *(source[name] for name in relation.key)) if term))
    total = "ORDER BY " + ", ".join(term + pen.one(("", "", " DESC")) for term in terms)
    ordered, whole = clauses(partition, total), partition
    match pen.whole(0, 7):
        case 0 | 1:
            call = pen.one((f"SUM({measure})", "COUNT(*)", f"AVG({measure})", f"MAX({measure})", f"MIN({measure})"))
            return f"{call} OVER ({ordered}{pen.one(_FRAMES)})"
        case 2:
            call = pen.one(("LAG", "LEAD"))
            past = f"{call}({measure}{pen.one(('', '', ', 7', ', 1, 0'))}) OVER ({ordered})"
            return pen.one((past, f"{measure} - {past}", f"{measure} > {past}"))
        case 3:
            return f"{pen.one(('ROW_NUMBER()', 'NTILE(4)', 'NTILE(10)'))} OVER ({ordered})"
        case 4:
            rank = pen.one(("RANK()", "DENSE_RANK()", "PERCENT_RANK()"))
            return f"{rank} OVER ({clauses(partition, f'ORDER BY {measure}' + pen.one(('', ' DESC')))})"
        case 5:
            call = pen.one((f"FIRST_VALUE({measure})", f"{measure} - FIRST_VALUE({measure})"))
            return f"{call} OVER ({ordered})"
        case 6:
            call = pen.one((f"{measure} - AVG({measure})", f"100.0 * {measure} / SUM({measure})"))
            return f"{call} OVER ({whole})"
        case _:
            call = pen.one(("COUNT(*)", f"SUM({measure})", f"MAX({measure})", f"MIN({measure})"))
            return f"{call} OVER ({whole})"


def _over_groups(pen: Pen, source: Source) -> Sketch | None:
    """Windows over figures of groups: running totals of months, ranks of kinds."""
    conditions = few(pen, source, rows=source.relation.rows // 4, least=500, most=3)
    by = groups(pen, source, *conditions, links=pen.chance(0.3))
    if not conditions or not by:
        return None
    name = unused(pen, "grouped", source)
    shown = figures(pen, source, *conditions, by=by, most=2)
    keys = [part.name or part.sql.partition(".")[2] for part in by]
    taken = [key.lower() for key in keys] + [figure.name for figure in shown]
    by = [Named(part.sql, f"key{n}") for n, part in enumerate(by, 1)] if len(set(taken)) < len(taken) else by
    keys = [part.name or part.sql.partition(".")[2] for part in by]
    inner = clauses(
        "SELECT",
        ", ".join(map(str, [*by, *shown])),
        f"FROM {source}",
        where(*conditions),
        f"GROUP BY {', '.join(part.sql for part in by)}",
    )
    figure, keyed = shown[0], ", ".join(f"{name}.{key}" for key in keys)
    value = f"{name}.{figure.name}"
    partition = f"PARTITION BY {name}.{keys[0]} " if len(keys) > 1 and pen.chance(0.6) else ""
    ways = [f"ROW_NUMBER() OVER ({partition}ORDER BY {keyed})", f"COUNT(*) OVER ({partition.strip()})"]
    if "MIN(" not in figure.sql and "MAX(" not in figure.sql:
        ways += [f"SUM({value}) OVER ({partition}ORDER BY {keyed})"]
        ways += [f"{value} - LAG({value}) OVER ({partition}ORDER BY {keyed})"]
        ways += [f"100.0 * {value} / SUM({value}) OVER ({partition.strip()})"]
    if figure.exact:
        ways += [f"RANK() OVER ({partition}ORDER BY {value} DESC)", f"DENSE_RANK() OVER ({partition}ORDER BY {value})"]
    outputs = [*(f"{name}.{key}" for key in keys), *(f"{name}.{part.name}" for part in shown)]
    outputs += [f"{way} AS w{number}" for number, way in enumerate(pen.some(ways, 1, 3), 1)]
    order = f"ORDER BY {keyed}" if pen.chance(0.6) else ""
    if pen.chance(0.4):
        sql = clauses(f"WITH {name} AS ({inner}) SELECT {', '.join(outputs)} FROM {name}", order)
    else:
        sql = clauses(f"SELECT {', '.join(outputs)} FROM ({inner}) AS {name}", order)
    return Sketch(sql, f"Figures of groups of {source.relation.name}, each with its neighbours.")
