"""Phrases that several shapes use: conditions that leave few rows, spans, lists, a parent that is joined in."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, timedelta

from sqlopt_env.survey import ColumnSurvey, Value

from ..catalogue import Relation
from ..pen import Condition, Pen, Source, literal

_LABEL = re.compile(r"(?:.*[_ ])?(?:id|no|nr|number|year|at|code|line|slot|latitude|longitude)\Z", re.IGNORECASE)


def free(source: Source, columns: Iterable[ColumnSurvey], *used: object) -> list[ColumnSurvey]:
    """Those of the columns that no phrase names yet and that are no key by themselves."""
    text = " ".join(map(str, used)) + " "
    return [
        column for column in columns
        if (column.name,) not in source.relation.survey.keys
        and not re.search(re.escape(source[column]) + r"(?![\w$])", text)
    ]  # fmt: skip


def few(
    pen: Pen, source: Source, *used: object, rows: int = 1500, least: int = 20, most: int = 4, share: float = 1.0
) -> list[Condition]:
    """Conditions that leave about `least` to `rows` rows; [] where none come to mind.

    They are on columns that no used phrase names; `share` is that of the rows which other conditions leave.
    """
    relation = source.relation
    columns = free(source, relation.columns, *used)
    for _ in range(15):
        found, left = list[Condition](), share
        for column in pen.some(columns, 1, pen.whole(1, most)):
            wanted = least / relation.rows / left
            spanned = column in relation.dates or (column in relation.numbers and column not in relation.categories)
            if spanned and pen.chance(0.4):
                condition = span(pen, source, column, min(0.4, max(2 * wanted, rows / relation.rows / left)))
            else:
                condition = condition_on(pen, source, column, least=wanted)
            if condition is not None:
                found.append(condition)
                left *= condition.share
        if found and least <= left * relation.rows <= rows:
            return found
    return []


def condition_on(pen: Pen, source: Source, column: ColumnSurvey, least: float = 0.0) -> Condition | None:
    """The pen's, but of a number that is a label, such as `user_id`, no range."""
    if column not in source.relation.links or not _LABEL.match(column.name) or column in source.relation.categories:
        return pen.condition(source, column, least)
    alone = Condition(f"{source[column]} = {literal(pen.one(column.values))}", (1 - column.nulls) / column.distinct)
    condition = listed(pen, source, column) if pen.chance(0.6) else alone
    return condition if condition is not None and condition.share >= min(least, 0.3) else None


def settled(conditions: Iterable[object]) -> list[object]:
    """The conditions that leave one value of a column."""
    return [condition for condition in conditions if " = " in str(condition) or " IS NULL" in str(condition)]


def span(pen: Pen, source: Source, column: ColumnSurvey, share: float) -> Condition | None:
    """A range of a column of dates or numbers that about this share of the rows is in."""
    values, written = column.values, source[column]
    width = max(1, round(share * len(values)))
    start = pen.whole(0, max(0, len(values) - 1 - width))
    low, high = values[start], values[min(start + width, len(values) - 1)]
    if isinstance(low, str) or isinstance(high, str):
        return _days(pen, written, str(low), str(high), share) if column in source.relation.dates else None
    low, high = _round(low), _round(high)
    if low >= high:
        return None
    last, first = _round(_float(values[-width])), _round(_float(values[width - 1]))
    one_sided = (f"{written} >= {last}", f"{written} > {last}", f"{written} < {first}", f"{written} <= {first}")
    two_sided = (f"{written} BETWEEN {low} AND {high}", f"{written} >= {low} AND {written} < {high}",
                 f"{written} > {low} AND {written} <= {high}", f"{written} BETWEEN {low} AND {high}")  # fmt: skip
    return Condition(pen.one(one_sided if pen.chance(0.35) else two_sided), share)


def _float(value: Value) -> int | float:
    return 0 if isinstance(value, str) else value


def _round(value: int | float) -> int | float:
    """A number as people say it: of a large one the first three digits."""
    if isinstance(value, float):
        return round(value, 2) if abs(value) < 20 else round(value)
    digits = len(str(abs(value)))
    return value if digits <= 3 or digits > 8 else round(value, 3 - digits)


def _days(pen: Pen, written: str, low: str, high: str, share: float) -> Condition:
    """Days, or whole months where it is longer than one."""
    first, last = date.fromisoformat(low), date.fromisoformat(high)
    if (last - first).days >= 28:
        first, last = first.replace(day=1), last.replace(day=1)
        sql = pen.one((
            f"{written} >= '{first}' AND {written} < '{last}'", f"{written} >= '{first}' AND {written} < '{last}'",
            f"{written} BETWEEN '{first}' AND '{last - timedelta(days=1)}'",
            f"{written} > '{first - timedelta(days=1)}' AND {written} < '{last}'",
        ))  # fmt: skip
    else:
        sql = pen.one((
            f"{written} BETWEEN '{first}' AND '{last}'", f"{written} >= '{first}' AND {written} <= '{last}'",
            f"{written} >= '{first}' AND {written} < '{last + timedelta(days=1)}'",
            f"{written} BETWEEN date('{first}') AND date('{first}', '+{max(1, (last - first).days)} days')",
        ))  # fmt: skip
    return Condition(sql, share)


def listed(pen: Pen, source: Source, column: ColumnSurvey, most: int = 12) -> Condition | None:
    """An IN list of values of the column."""
    values = list(dict.fromkeys(pen.some(column.values, 4, 3 * most)))[: pen.whole(2, most)]
    if len(values) < 2:
        return None
    seen = sum(value in values for value in column.values) / len(column.values)
    share = (seen if column.distinct <= 100 else len(values) / column.distinct) * (1 - column.nulls)
    if pen.chance(0.6):
        values.sort(key=lambda value: (str(type(value)), value))
    return Condition(f"{source[column]} IN ({', '.join(map(literal, values))})", share)


def measures(relation: Relation) -> tuple[ColumnSurvey, ...]:
    """Numbers that can be added up: not those that are a label, such as `user_id`, or a moment, such as `sent_at`."""
    return tuple(column for column in relation.numbers if not _LABEL.match(column.name))


def joined_parent(pen: Pen, child: Source) -> tuple[Source, str] | None:
    """A parent of the rows, and the JOIN that brings it in; None where there is none."""
    edges = [edge for edge in pen.catalogue.edges if edge.child is child.relation and edge.parent.columns]
    if not edges:
        return None
    edge = pen.one(edges)
    parent = pen.source(edge.parent)
    return parent, f"JOIN {parent} ON {pen.on(edge, child, parent)}"


def moved(sql: str, source: Source, other: Source) -> str:
    """The same about another source of the same relation."""
    pattern = rf"""'(?:[^']|'')*'|"(?:[^"]|"")*"|\b{source.alias}\."""
    return re.sub(pattern, lambda found: f"{other.alias}." if found[0] == f"{source.alias}." else found[0], sql)


def unused(pen: Pen, name: str, *sources: Source) -> str:
    """A name for something derived: `name`, or like it where a table or a column of the sources is called so."""
    taken = {relation.name.lower() for relation in pen.catalogue.relations}
    taken |= {column.name.lower() for source in sources for column in source.relation.survey.columns}
    taken |= {source.alias for source in sources}
    while name in taken:
        name += "_"
    return name
