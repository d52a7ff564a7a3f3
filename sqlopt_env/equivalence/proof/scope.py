"""Names as SQLite resolves them: FROM first, then output aliases, then the enclosing query."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlglot import exp

from ..shape import TableShape
from .algebra import NotUnderstood, Query, Term
from .kinds import typeof
from .relations import ONE_ROW, slot_columns, with_column
from .substitute import Workspace


@dataclass(frozen=True, slots=True)
class Named:
    """A column of a FROM item, with the affinity that it brings to comparisons.

    That is NUMERIC, TEXT, BLOB, "" for none, or unknown where it depends on how SQLite runs the query. A column
    without a name has one that is not plain.
    """

    name: str
    affinity: str


@dataclass(frozen=True, slots=True)
class Relation:
    """A query whose outputs have names."""

    query: Query
    columns: tuple[Named, ...]


@dataclass(frozen=True, slots=True)
class Statement:
    """A whole query: the last outputs are its sort terms, one for each of `descending`."""

    relation: Relation
    descending: tuple[bool, ...] = ()
    limit: int | None = None  # rows, None for all
    offset: int = 0

    @property
    def width(self) -> int:
        return len(self.relation.columns)


@dataclass(frozen=True, slots=True)
class Item:
    """A column that names can mean: of which FROM item, and which output it is."""

    table: str
    named: Named
    output: int
    merged: bool = False  # by USING into another one, and so not meant without its table


class Scope:
    """One SELECT while it is being read: its rows so far, and what the names in it mean."""

    def __init__(self, outer: Environment, parent: Scope | None) -> None:
        self.environment = outer
        self.parent = parent
        self.slot = outer.work.fresh()
        self.items: list[Item] = []
        self.aliases: dict[str, exp.Expr] = {}
        self.aliases_visible = False
        self.found_outside: set[tuple[str, str]] = set()  # names that were looked up in enclosing queries
        self.frozen = False  # no subquery's value may be added
        self.query = ONE_ROW
        self._columns: list[Term] = []

    def use(self, query: Query) -> None:
        """From now on the rows are those of `query`, whose outputs begin with the ones there were."""
        self.query = query
        self._columns = slot_columns(self.slot, query)

    def add_value(self, value: Query) -> Term:
        """The value of a scalar subquery, as one more output."""
        if self.frozen:
            raise NotUnderstood("a subquery in the ON of an outer join")
        self.use(with_column(self.query, self.slot, value, self.environment.work))
        return self._columns[-1]

    def find(self, name: str, table: str) -> tuple[Term, str] | None:
        """The column with its affinity, from this SELECT alone."""
        found = {
            (item.output, item.named.affinity)
            for item in self.items
            if item.named.name == name and (item.table == table if table else not item.merged)
        }
        if len(found) > 1:
            raise NotUnderstood(f"{name} is ambiguous")
        for output, affinity in found:
            return self.output(output), affinity
        return None

    def output(self, number: int) -> Term:
        column = self._columns[number]
        if typeof(column).classes == "?":
            raise NotUnderstood("a column with a collation")
        return column

    def width(self) -> int:
        return len(self._columns)


@dataclass(frozen=True, slots=True)
class Environment:
    """What every SELECT can see."""

    work: Workspace
    tables: Mapping[str, TableShape]
    ctes: Mapping[str, Definition]


@dataclass(frozen=True, slots=True)
class Definition:
    """A common table expression, with those that it can see."""

    query: exp.Expr
    columns: tuple[str, ...]
    ctes: Mapping[str, Definition]
