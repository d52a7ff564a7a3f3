"""The least and greatest of some rows, in scalar subqueries, or the rows that hold them.

SELECT (SELECT MIN(o.amount) FROM orders AS o WHERE o.product = 'tablet') AS least_1,
       (SELECT MAX(o2.order_date) FROM orders AS o2 WHERE o2.user_id = 473) AS most_2
"""

from __future__ import annotations

from sqlopt_env.survey import ColumnSurvey

from ..catalogue import Relation
from ..pen import Pen, clauses, where
from .base import Sketch
from .phrases import few, free, measures, moved

NAME = "extremes"


def draw(pen: Pen) -> Sketch | None:
    relation = pen.relation("dates") if pen.chance(0.5) else pen.relation("numbers")
    relation = relation or pen.relation("dates") or pen.relation("numbers")
    if relation is None:
        return None
    return _scalars(pen, relation) if pen.chance(0.4) else _holders(pen, relation)


def _scalars(pen: Pen, relation: Relation) -> Sketch | None:
    """One row of two to four figures, each of rows of its own."""
    outputs, shared = list[str](), pen.chance(0.3)
    said = set[tuple[str, ...]]()
    first = pen.source(relation)
    common = few(pen, first, rows=relation.rows // 4, least=50, most=3)
    for number in range(1, pen.one((2, 2, 3, 4)) + 1):
        source = pen.source(relation) if number > 1 else first
        measured = pen.one(free(source, _measured(relation)) or _measured(relation))
        conditions = [moved(str(c), first, source) for c in common] if shared else []
        if not shared or pen.chance(0.3):
            own = few(pen, source, source[measured], *conditions, rows=relation.rows // 4, least=30, most=2)
            conditions += map(str, own)
        call, name = pen.one((("MIN", "least"), ("MAX", "most"), ("MIN", "least"), ("MAX", "most"), ("COUNT", "known")))
        shown = f"{call}({source[measured] if call != 'COUNT' or measured in relation.nullable else '*'})"
        if measured in relation.numbers and call != "COUNT" and pen.chance(0.25):
            shown = f"COALESCE({shown}, 0)"
        about = (moved(shown, source, first), *(moved(condition, source, first) for condition in conditions))
        if about not in said:
            outputs.append(f"(SELECT {shown} {clauses(f'FROM {source}', where(*conditions))}) AS {name}_{number}")
        said.add(about)
    return Sketch(f"SELECT {', '.join(outputs)}", f"The least and greatest of rows of {relation.name}.")


def _holders(pen: Pen, relation: Relation) -> Sketch | None:
    """The rows that hold the least or greatest of rows of their kind, or of another kind, or come near to it."""
    source, others = pen.source(relation), pen.source(relation)
    measured = pen.one(_measured(relation))
    column, call = source[measured], pen.one(("MIN", "MAX"))
    conditions = few(pen, source, column, rows=relation.rows // 4, least=100, most=3)
    if not conditions:
        return None
    same = [moved(str(condition), source, others) for condition in conditions]
    kind = pen.whole(0, 3)
    if kind == 1:
        same = [str(condition) for condition in few(pen, others, others[measured], rows=100, least=5, most=2)]
    elif kind == 2:
        same = same[:1]
    extreme = f"(SELECT {call}({others[measured]}) FROM {clauses(str(others), where(*same))})"
    if kind == 1:
        compared = f"{column} {'>=' if call == 'MAX' else '<='} {extreme}"
    elif kind == 2 and measured in relation.numbers:
        near = pen.one((" * 0.95", " * 0.9") if call == "MAX" else (" * 1.05", " * 1.1"))
        compared = f"{column} {'>=' if call == 'MAX' else '<='} {extreme}{near}"
    elif kind == 2:
        days = f"date({extreme}, '{'-' if call == 'MAX' else '+'}{pen.one((6, 13, 30))} days')"
        compared = f"{column} {'>=' if call == 'MAX' else '<='} {days}"
    else:
        compared = f"{column} = {extreme}"
    outputs = pen.outputs(source, key=pen.chance(0.7))
    order = f"ORDER BY {pen.order(source)}" if pen.chance(0.5) and relation.key else ""
    order += f" {pen.limit()}" if order and pen.chance(0.3) else ""
    sql = clauses(f"SELECT {', '.join(outputs)} FROM {source}", where(*conditions, compared), order)
    return Sketch(sql, f"Rows of {relation.name} that hold an extreme.")


def _measured(relation: Relation) -> tuple[ColumnSurvey, ...]:
    return (*relation.dates, *(measures(relation) or relation.numbers))
