"""The words of a query: sources, conditions on them, literals and clauses."""

from __future__ import annotations

from dataclasses import dataclass

from sqlopt_env.survey import ColumnSurvey, Value
from sqlopt_env.trees.draft import identifier

from .catalogue import Relation


@dataclass(frozen=True, slots=True)
class Source:
    """A relation in a FROM clause."""

    relation: Relation
    alias: str

    def __str__(self) -> str:
        return f"{identifier(self.relation.name)} AS {self.alias}"

    def __getitem__(self, column: str | ColumnSurvey) -> str:
        """The column as it is written in the query."""
        return f"{self.alias}.{identifier(column if isinstance(column, str) else column.name)}"


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition on one source; `share` is an estimate of the rows that fulfil it."""

    sql: str
    share: float

    def __str__(self) -> str:
        return self.sql


def literal(value: Value) -> str:
    """The value as SQL."""
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else repr(value)


def where(*parts: object) -> str:
    """A WHERE clause of these conditions, or ""."""
    texts = [str(part) for part in parts if str(part)]
    return f"WHERE {' AND '.join(texts)}" if texts else ""


def clauses(*parts: str) -> str:
    """The parts that are not empty, a space apart."""
    return " ".join(part for part in parts if part)
