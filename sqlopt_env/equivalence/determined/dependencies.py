"""Which columns of a SELECT do others determine? Functional dependencies from keys, constants and equalities.

Names resolve as in SQLite. Where more may hold than can be seen here, more is taken to hold: whoever asks wants to be
certain that a column is *not* determined. What cannot be followed raises Unclear.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import TypeAlias

from sqlglot import exp

from ..shape import TableShape
from .syntax import conjuncts, is_aggregate, own_nodes, text_of, unwrapped

ColumnId: TypeAlias = tuple[str, str]  # (name of the source, name of the column), in lower case
Tables: TypeAlias = Mapping[str, TableShape]  # by name in lower case

_ROWIDS = frozenset(("rowid", "oid", "_rowid_"))
_EVERY = "*"  # as a column: all columns of the source


class Unclear(Exception):
    """The query cannot be followed for certain."""


class Closure(set[ColumnId]):
    """A set of columns, which may hold all columns of a source at once."""

    def has(self, columns: Iterable[ColumnId]) -> bool:
        return all(column in self or (column[0], _EVERY) in self for column in columns)


class Scope:
    """One SELECT: its sources, and what determines what among their columns."""

    def __init__(self, select: exp.Select, tables: Tables) -> None:
        self.select = select
        self._tables = tables
        self._sources: dict[str, _Source] = {}
        self._rules: list[tuple[set[ColumnId], ColumnId]] = []
        self._given: set[ColumnId] = set()  # compared with something, and so not NULL
        if select.args.get("from_"):
            self._add(select.args["from_"].this)
        for join in select.args.get("joins") or []:
            self._join(join)
        if select.args.get("where"):
            self._learn(select.args["where"].this, None)

    def _add(self, item: exp.Expr) -> None:
        name = item.alias_or_name.lower() or f"#{len(self._sources)}"
        listed = _column_list(item.args.get("alias"))
        if isinstance(item, exp.Subquery) and isinstance(item.this, exp.Table):
            self._add(item.this)
        elif isinstance(item, exp.Subquery):
            self._sources[name] = _Source(self._tables, query=item.this, names=listed)
        elif isinstance(item, exp.Table):
            cte = visible_cte(item)
            if cte is not None:
                self._sources[name] = _Source(self._tables, query=cte.this, names=_column_list(cte.args.get("alias")))
            else:
                self._sources[name] = _Source(self._tables, table=self._tables.get(item.name.lower()))
        else:
            raise Unclear
        for join in item.args.get("joins") or []:
            self._join(join)

    def _join(self, join: exp.Join) -> None:
        before = set(self._sources)
        self._add(join.this)
        new = self._sources.keys() - before
        left = join.args.get("side") == "LEFT"
        shared = [column.name.lower() for column in join.args.get("using") or []]
        if join.args.get("method") == "NATURAL":
            shared = [name for source in new for name in self._sources[source].names]
        for name in shared:
            for old in (source for source in before if name in self._sources[source].names):
                for other in (source for source in new if name in self._sources[source].names):
                    self._rules.append(({(old, name)}, (other, name)))
                    if not left:
                        self._rules.append(({(other, name)}, (old, name)))
        if join.args.get("on"):
            self._learn(join.args["on"], new if left else None)

    def _learn(self, condition: exp.Expr, only: set[str] | None) -> None:
        """From equalities that hold in every row, about the columns of the sources `only` (None: of all)."""
        for part in conjuncts(condition):
            self._given |= self.columns(part)
            for one, other in _equated(part):
                target = self.resolve(one) if isinstance(one, exp.Column) else None
                if target is not None and (only is None or target[0] in only):
                    self._rules.append((self.columns(other), target))

    def resolve(self, column: exp.Column) -> ColumnId | None:
        """Whose column it is; None where it is not of this SELECT (but of one around it, an alias, a text)."""
        name, table = column.name.lower(), column.table.lower()
        if table:
            return (table, name) if table in self._sources else None
        for source, item in self._sources.items():
            if name in item.names:
                return source, name
        tables = [source for source, item in self._sources.items() if item.table is not None]
        return (tables[0], name) if name in _ROWIDS and len(tables) == 1 else None

    def columns(self, expression: exp.Expr) -> set[ColumnId]:
        """This SELECT's columns in an expression, without those inside of subqueries."""
        found = (self.resolve(node) for node in own_nodes(expression) if isinstance(node, exp.Column))
        return {column for column in found if column is not None}

    @cached_property
    def outputs(self) -> list[tuple[str, exp.Expr]]:
        """(name in lower case, expression) of each column of the result, * written out."""
        found: list[tuple[str, exp.Expr]] = []
        for item in self.select.expressions:
            if isinstance(item, exp.Star) or (isinstance(item, exp.Column) and item.is_star):
                only = item.table.lower() if isinstance(item, exp.Column) else ""
                for source in self._sources:
                    if only in ("", source):
                        found += [(name, exp.column(name, source)) for name in self._sources[source].names]
            else:
                found.append((item.alias_or_name.lower(), item.unalias()))
        return found

    @cached_property
    def group(self) -> list[exp.Expr]:
        """GROUP BY's terms, with positions and aliases looked up."""
        clause = self.select.args.get("group")
        return [self._term(term) for term in clause.expressions] if clause else []

    def _term(self, term: exp.Expr) -> exp.Expr:
        if isinstance(term, exp.Literal) and term.is_int and 0 < int(term.this) <= len(self.outputs):
            return self.outputs[int(term.this) - 1][1]
        if isinstance(term, exp.Column) and not term.table and self.resolve(term) is None:
            return next((what for name, what in self.outputs if name == term.name.lower()), term)
        return term

    @cached_property
    def aggregates(self) -> list[exp.Expr]:
        """The aggregate functions of this SELECT, each once."""
        parts = [*self.select.expressions, self.select.args.get("having"), self.select.args.get("order")]
        found = (node for part in parts if part is not None for node in own_nodes(part) if is_aggregate(node))
        return list({text_of(node): node for node in found}.values())

    def closure(self, seeds: Iterable[ColumnId] = ()) -> Closure:
        """All that `seeds`, constants and the columns of queries around this one determine."""
        known, size = Closure(seeds), -1
        while size != len(known):
            size = len(known)
            known.update(target for needs, target in self._rules if known.has(needs))
            for name, source in self._sources.items():
                inside = {column for owner, column in known if owner == name}
                given = {column for owner, column in self._given if owner == name}
                if _EVERY not in inside:
                    known.update((name, column) for column in source.determined(inside, given))
        return known

    def of_outputs(self, given: set[str]) -> set[str]:
        """Which columns of the result do these determine?"""
        there = [what for name, what in self.outputs if name in given]
        known = self.closure(column for what in there if isinstance(what, exp.Column) for column in self.columns(what))
        texts = set(map(text_of, there))
        told = (text_of(term) in texts or known.has(self.columns(term)) for term in self.group)
        if (self.group or self.aggregates) and all(told):
            return {_EVERY}
        return {
            name
            for name, what in self.outputs
            if known.has(self.columns(what)) and not any(map(is_aggregate, own_nodes(what)))
        }

    def at_most_one_row(self) -> bool:
        known = self.closure()
        if self.select.args.get("group"):
            return all(known.has(self.columns(term)) for term in self.group)
        return bool(self.aggregates) or all((name, _EVERY) in known for name in self._sources)


class _Source:
    """An item of FROM: a table or a subquery."""

    def __init__(
        self,
        tables: Tables,
        table: TableShape | None = None,
        query: exp.Expr | None = None,
        names: Iterable[str] = (),
    ) -> None:
        self.table = table
        query = unwrapped(query) if query is not None else None
        if table is not None:
            self.names = [column.name.lower() for column in table.columns]
        elif isinstance(query, exp.Select):
            self._scope = Scope(query, tables)
            self.names = list(names) or [name for name, _ in self._scope.outputs]
        else:  # a view, a table-valued function, a compound or recursive query
            raise Unclear

    def determined(self, known: set[str], given: set[str]) -> set[str]:
        """Which columns do the known ones determine? `given` are those that cannot be NULL."""
        if self.table is None:
            own = [name for name, _ in self._scope.outputs]
            to_own, to_outer = dict(zip(self.names, own, strict=False)), dict(zip(own, self.names, strict=False))
            return {to_outer.get(name, name) for name in self._scope.of_outputs({to_own.get(n, n) for n in known})}
        for key in self.table.keys:
            members = [(name.lower(), self.table.column(name)) for name in key]
            if all(n in known and (n in given or (column is not None and column.not_null)) for n, column in members):
                return {_EVERY}
        return {_EVERY} if known & _ROWIDS else set()


def visible_cte(table: exp.Table) -> exp.CTE | None:
    """The common table expression that a name in FROM means."""
    node: exp.Expr | None = None if table.db else table
    while node is not None:
        for cte in node.args["with_"].expressions if node.args.get("with_") else []:
            if cte.alias.lower() == table.name.lower():
                if any(inner.name.lower() == table.name.lower() for inner in cte.this.find_all(exp.Table)):
                    raise Unclear  # recursive
                return cte if isinstance(cte, exp.CTE) else None
        node = node.parent
    return None


def _column_list(alias: exp.Expr | None) -> list[str]:
    return [column.name.lower() for column in alias.args.get("columns") or []] if alias is not None else []


def _equated(part: exp.Expr) -> list[tuple[exp.Expr, exp.Expr]]:
    """Both directions of an equality, member by member for row values."""
    if not isinstance(part, exp.EQ | exp.NullSafeEQ | exp.Is):
        return []
    one, other = (_bare(side) for side in (part.this, part.expression))
    if isinstance(one, exp.Tuple) and isinstance(other, exp.Tuple):
        pairs = [(_bare(a), _bare(b)) for a, b in zip(one.expressions, other.expressions, strict=False)]
    else:
        pairs = [(one, other)]
    return [pair for a, b in pairs for pair in ((a, b), (b, a))]


def _bare(side: exp.Expr) -> exp.Expr:
    while isinstance(side, exp.Paren | exp.Collate):
        side = side.this
    return side
