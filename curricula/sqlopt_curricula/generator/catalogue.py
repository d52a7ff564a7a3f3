"""What a generator needs to know of a database: what its columns are good for, and how its tables hang together."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from sqlopt_env.survey import ColumnSurvey, Survey, TableSurvey

_ISO_DAY = re.compile(r"\d{4}-\d{2}-\d{2}\Z")
_NO_AMOUNT = re.compile(r"(\A|_)(id|no|nr|number|at|time|key|code)\Z|key\Z", re.IGNORECASE)
FEWEST_ROWS = 1000  # of a table that is worth a query
_MOST_CATEGORIES = 200
_FEWEST = 4  # rows that a value of a category or of a link must have on average


@dataclass(frozen=True)
class Relation:
    """A table with the parts that its columns can play; a column may play several, and some play none."""

    survey: TableSurvey
    linked: frozenset[str]  # columns of foreign keys

    @property
    def name(self) -> str:
        return self.survey.name

    @property
    def rows(self) -> int:
        return self.survey.rows

    @cached_property
    def columns(self) -> tuple[ColumnSurvey, ...]:
        """Those whose values are known."""
        return tuple(column for column in self.survey.columns if column.values)

    @cached_property
    def key(self) -> tuple[str, ...]:
        """Columns that tell a row from every other, none of them NULL; () where none are declared."""
        not_null = {column.name.lower() for column in self.survey.columns if column.not_null}
        keys = [key for key in self.survey.keys if not_null.issuperset(name.lower() for name in key)]
        return min(keys, key=len, default=())

    @cached_property
    def plain(self) -> tuple[ColumnSurvey, ...]:
        """Columns that are neither a key by themselves nor a link."""
        alone = {key[0] for key in self.survey.keys if len(key) == 1}
        return tuple(c for c in self.columns if c.name not in alone and c.name not in self.linked)

    @cached_property
    def dates(self) -> tuple[ColumnSurvey, ...]:
        """Texts that are all YYYY-MM-DD."""
        return tuple(c for c in self.plain if all(isinstance(v, str) and _is_day(v) for v in c.values))

    @cached_property
    def numbers(self) -> tuple[ColumnSurvey, ...]:
        """Whole or real numbers of many values, to compare and to add up; what is named like a label is none."""
        numeric = (c for c in self.plain if all(isinstance(value, int | float) for value in c.values))
        return tuple(c for c in numeric if c.distinct >= 8 and not _NO_AMOUNT.search(c.name))

    @cached_property
    def texts(self) -> tuple[ColumnSurvey, ...]:
        return tuple(c for c in self.plain if c not in self.dates and all(isinstance(v, str) for v in c.values))

    @cached_property
    def categories(self) -> tuple[ColumnSurvey, ...]:
        """Columns of few values, each of which many rows have."""
        return tuple(c for c in self.plain if 2 <= c.distinct <= _MOST_CATEGORIES and c.distinct * _FEWEST <= self.rows)

    @cached_property
    def links(self) -> tuple[ColumnSurvey, ...]:
        """Columns of many values that several rows share: foreign keys, and what is like one (the user of an event)."""
        return tuple(
            c for c in self.columns
            if (c.name,) not in self.survey.keys and c not in self.dates
            and c.distinct >= 20 and c.distinct * 2 <= self.rows * (1 - c.nulls)
            and all(isinstance(value, int | str) for value in c.values)
        )  # fmt: skip

    @cached_property
    def nullable(self) -> tuple[ColumnSurvey, ...]:
        return tuple(c for c in self.columns if 0.005 < c.nulls < 0.995)


@dataclass(frozen=True)
class Edge:
    """Rows of `child` refer to rows of `parent`; `pairs` are (column of the child, column of the parent)."""

    child: Relation
    parent: Relation
    pairs: tuple[tuple[str, str], ...]

    @property
    def each(self) -> float:
        """Children for each parent."""
        return self.child.rows / max(1, self.parent.rows)


class Catalogue:
    """The relations of a database that have rows, and the edges between them.

    Edges are the declared foreign keys; where a column has none, `user_id` is taken to mean a table `user` or `users`
    with a key of one column.
    """

    def __init__(self, survey: Survey) -> None:
        self.schema = survey.schema
        links = {table.name: _links(table, survey) for table in survey.tables}
        self.relations = tuple(
            Relation(table, frozenset(child for _, pairs in links[table.name] for child, _ in pairs))
            for table in survey.tables
            if table.rows and any(column.values for column in table.columns)
        )
        named = {relation.name.lower(): relation for relation in self.relations}
        self.edges = tuple(
            Edge(relation, named[parent], pairs)
            for relation in self.relations
            for parent, pairs in links[relation.name]
            if parent in named
        )


def _is_day(text: str) -> bool:
    """A day that has days before and after it."""
    try:
        return bool(_ISO_DAY.match(text)) and 1 < date.fromisoformat(text).year < 9999
    except ValueError:
        return False


def _links(table: TableSurvey, survey: Survey) -> list[tuple[str, tuple[tuple[str, str], ...]]]:
    """(parent's name in lower case, pairs of columns) of every edge from the table."""
    found = [
        (key.parent, tuple(zip(key.columns, key.parent_columns, strict=True)))
        for key in table.foreign_keys
        if len(key.columns) == len(key.parent_columns)
    ]
    known = {child.lower() for _, pairs in found for child, _ in pairs}
    for column in table.columns:
        lowered = column.name.lower()
        if lowered in known or not lowered.endswith("_id"):
            continue
        stem = lowered.removesuffix("_id")
        for parent in survey.tables:
            single = [key[0] for key in parent.keys if len(key) == 1]
            if parent.name.lower() in (stem, f"{stem}s", f"{stem}es", f"{stem[:-1]}ies") and single:
                found.append((parent.name.lower(), ((column.name, single[0]),)))
    return found
