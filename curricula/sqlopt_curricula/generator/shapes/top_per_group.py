"""The newest, largest or first rows of each group.

SELECT ranked.id, ranked.user_id, ranked.amount FROM (
  SELECT o.id, o.user_id, o.amount, ROW_NUMBER() OVER (PARTITION BY o.user_id ORDER BY o.order_date DESC, o.id DESC)
    AS place FROM orders AS o WHERE o.product = 'tablet') AS ranked
WHERE ranked.place <= 3 ORDER BY ranked.user_id, ranked.place
"""

from __future__ import annotations

from math import prod

from sqlopt_env.survey import ColumnSurvey

from ..pen import Pen, Source, clauses, where
from .base import Sketch
from .phrases import condition_on, few, free, joined_parent, measures, settled, unused

NAME = "top_per_group"


def draw(pen: Pen) -> Sketch | None:
    relation = pen.relation("key", "links") or pen.relation("key", "categories")
    if relation is None:
        return None
    source = pen.source(relation)
    conditions = few(pen, source, rows=min(30_000, relation.rows // 3), least=300, most=3)
    expected = prod(condition.share for condition in conditions) * relation.rows
    groups = free(source, dict.fromkeys((*relation.links, *relation.categories)), *settled(conditions))
    by = pen.some([column for column in groups if column.distinct * 3 <= expected], 1, pen.one((1, 1, 2)))
    by = by if prod(column.distinct for column in by) <= expected else by[:1]
    ranked_by = [c for c in (*relation.dates, *relation.numbers, *relation.columns) if c not in by]
    if not by or not conditions or not ranked_by:
        return None
    name, place = unused(pen, "ranked", source), unused(pen, "place", source)
    call = "ROW_NUMBER()" if pen.chance(0.8) else pen.one(("RANK()", "DENSE_RANK()"))
    order = _order(pen, source, ranked_by, total=call == "ROW_NUMBER()")
    shown = list(dict.fromkeys((*relation.key, *(c.name for c in by), *(c.name for c in pen.some(ranked_by, 1, 4)))))
    window = f"PARTITION BY {', '.join(source[c] for c in by)} ORDER BY {order}"
    inner = clauses(
        f"SELECT {', '.join(source[c] for c in shown)}, {call} OVER ({window}) AS {place}",
        f"FROM {source}",
        where(*conditions),
    )
    ranked = Source(relation, name)
    if not pen.chance(0.7):
        shown = pen.some(shown, 1, len(shown))
    outputs = [ranked[column] for column in shown] + ([f"{name}.{place}"] if pen.chance(0.5) else [])
    joined = joined_parent(pen, ranked) if pen.chance(0.3) and set(relation.linked) <= set(shown) else None
    outputs += pen.outputs(joined[0], most=2, key=False) if joined else []
    wanted = pen.one((f"{name}.{place} = 1", f"{name}.{place} <= {pen.one((2, 3, 5))}", f"{name}.{place} = 1"))
    others = [c for c in free(source, relation.columns, *conditions) if c.name in shown and c not in by]
    other = condition_on(pen, ranked, pen.one(others), least=0.2) if others and pen.chance(0.3) else ""
    terms = [*(ranked[c] for c in by if c.name in shown), f"{name}.{place}", *(ranked[c] for c in relation.key)]
    sorted_ = f"ORDER BY {', '.join(t + pen.one(('', '', ' DESC')) for t in terms)}" if pen.chance(0.5) else ""
    outside = clauses(joined[1] if joined else "", where(wanted, other or ""), sorted_)
    summed = [f"{call}({ranked[c]})" for c in measures(relation) if c.name in shown for call in ("AVG", "SUM", "MAX")]
    if summed and wanted[-1] != "1" and not joined and pen.chance(0.4):
        parts = ", ".join(ranked[column] for column in by)
        outputs = [parts, "COUNT(*) AS how_many", f"{pen.one(summed)} AS figure"]
        outside = clauses(where(wanted, other or ""), f"GROUP BY {parts}")
    if pen.chance(0.35):
        sql = f"WITH {name} AS ({inner}) SELECT {', '.join(outputs)} FROM {name} {outside}"
    else:
        sql = f"SELECT {', '.join(outputs)} FROM ({inner}) AS {name} {outside}"
    return Sketch(sql, f"The first rows of each group of {relation.name}.")


def _order(pen: Pen, source: Source, columns: list[ColumnSurvey], *, total: bool) -> str:
    """By one or two columns, and where it has to be total by the key."""
    terms = [source[column] for column in pen.some(columns[: pen.one((2, 6))], 1, 2)]
    if total:
        terms += [source[name] for name in source.relation.key if source[name] not in terms]
    return ", ".join(term + pen.one(("", " DESC")) for term in terms)
