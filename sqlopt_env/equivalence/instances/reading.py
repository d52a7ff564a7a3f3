"""What a query asks of its rows: which tables occur in it, and which conditions tie their cells together.

The reading guides the making of instances and nothing else: where it misses something, instances are less apt, never
wrong. So it follows names by SQLite's usual rules and leaves out what it does not understand.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from sqlglot import exp

from ..parsing import parsed
from ..shape import TableShape
from .constants import column_names, is_text

Cell: TypeAlias = tuple[int, int]  # (occurrence, column) by their numbers
Guards: TypeAlias = tuple[tuple[int, int], ...]  # (choice, arm): holds only where these arms are chosen

_MOST_OCCURRENCES = 24
_COMPARISONS = (exp.LT, exp.LTE, exp.GT, exp.GTE, exp.EQ, exp.NEQ)
_TRANSPARENT = (exp.Min, exp.Max, exp.Sum, exp.Avg, exp.Lag, exp.Lead, exp.FirstValue, exp.LastValue)


@dataclass(frozen=True, slots=True)
class Occurrence:
    """A table where it stands in a FROM clause."""

    table: TableShape
    guards: Guards


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition over one cell or two. In `sql` the cells are columns `v` of tables `c0` and `c1`."""

    sql: str
    cells: tuple[Cell, ...]
    guards: Guards
    equates: bool  # both cells are simply equal
    boundary: str = ""  # of a comparison: that its sides are equal


@dataclass(slots=True)
class _Scope:
    """The names that a SELECT can see: sources by alias, and its own outputs."""

    parent: _Scope | None
    sources: dict[str, _Source] = field(default_factory=dict)
    ctes: dict[str, exp.Query] = field(default_factory=dict)
    outputs: dict[str, exp.Expr] = field(default_factory=dict)


@dataclass(slots=True)
class _Source:
    """A base table's occurrence, or a subquery's outputs."""

    occurrence: int = -1
    outputs: dict[str, tuple[exp.Expr, _Scope]] = field(default_factory=dict)


Outputs: TypeAlias = list[tuple[str, exp.Expr, _Scope]]


class Reading:
    """`occurrences` and `conditions` of one query, `choices` with the number of their arms, and sizes that matter:
    `counts` that groups are compared with, and `sums` with the cells that are added up."""

    def __init__(self, tables: Iterable[TableShape], query: str) -> None:
        self.occurrences: list[Occurrence] = []
        self.conditions: list[Condition] = []
        self.choices: list[int] = []
        self.counts: set[int] = set()
        self.sums: list[tuple[Cell, float]] = []
        self.groups: list[frozenset[Cell]] = []  # cells by which rows are grouped, partitioned, made distinct, ordered
        self._counting = False  # the last expression was about a number of rows
        self._tables: Mapping[str, TableShape] = {table.name.lower(): table for table in tables}
        tree = parsed(query)
        self._names: set[str] = set()  # that columns may have
        if tree is not None:
            known = {column.name.lower() for table in self._tables.values() for column in table.columns}
            self._names = column_names(tree, known)
            with suppress(RecursionError):
                self._enter(tree, None, ())

    def _choice(self, arms: int) -> int:
        self.choices.append(arms)
        return len(self.choices) - 1

    # FROM clauses

    def _enter(self, query: exp.Expr, parent: _Scope | None, guards: Guards) -> Outputs:
        """Reads a query and gives its outputs."""
        scope = _Scope(parent)
        with_ = query.args.get("with_")
        for cte in with_.expressions if with_ is not None else ():
            scope.ctes[cte.alias.lower()] = cte.this
        if isinstance(query, exp.Subquery):
            return self._enter(query.this, scope, guards)
        if isinstance(query, exp.SetOperation):
            return self._set_operation(query, scope, guards)
        return self._select(query, scope, guards) if isinstance(query, exp.Select) else []

    def _set_operation(self, query: exp.SetOperation, scope: _Scope, guards: Guards) -> Outputs:
        """Rows of the right side are there or not; where they are, they equal those of the left, or not."""
        left = self._enter(query.left, scope, guards)
        present, same = self._choice(2), self._choice(2)
        inside = (*guards, (present, 0))
        right = self._enter(query.right, scope, inside)
        for (_, one, its), (_, other, others) in zip(left, right, strict=False):
            self._equate(one, its, other, others, (*inside, (same, 0)))
        return left

    def _select(self, select: exp.Select, scope: _Scope, guards: Guards) -> Outputs:
        from_ = select.args.get("from_")
        if from_ is not None:
            self._source(from_.this, scope, guards)
        for join in select.args.get("joins") or ():
            self._join(join, scope, guards)
        scope.outputs = {p.alias.lower(): p.unalias() for p in select.expressions if p.alias}
        for clause in ("where", "having"):
            node = select.args.get(clause)
            if node is not None:
                self._hold(node.this, scope, guards)
        for projection in select.expressions:
            self._look_inside(projection, scope, guards)
        outputs = list(self._outputs(select, scope))
        self._groups(select, scope, outputs)
        return outputs

    def _groups(self, select: exp.Select, scope: _Scope, outputs: Outputs) -> None:
        """Notes which cells bring rows together."""
        group, order = select.args.get("group"), select.args.get("order")
        lists = [group.expressions if group else [], [term.this for term in order.expressions] if order else []]
        lists += [window.args.get("partition_by") or [] for window in select.find_all(exp.Window)]
        if select.args.get("distinct"):
            lists.append([exp.Literal.number(i + 1) for i in range(len(outputs))])
        for terms in lists:
            cells: set[Cell] = set()
            for term in terms:
                position = int(term.this) if isinstance(term, exp.Literal) and term.is_int else 0
                _, node, its = outputs[position - 1] if 0 < position <= len(outputs) else ("", term, scope)
                if not any(node.find_all(exp.Query)) and (grounded := self._ground(node, its, ())) is not None:
                    cells |= {_cell(column.table) for column in grounded.find_all(exp.Column) if column.name == "v"}
            if cells and frozenset(cells) not in self.groups:
                self.groups.append(frozenset(cells))

    def _source(self, node: exp.Expr, scope: _Scope, guards: Guards) -> None:
        name = node.alias_or_name.lower()
        if isinstance(node, exp.Table):
            scope.sources[name] = self._table(node.name.lower(), scope, guards)
        elif isinstance(node, exp.Subquery):
            found = self._enter(node.this, scope, guards)
            scope.sources[name or f"#{len(scope.sources)}"] = _derived(node, found)
        for join in node.args.get("joins") or ():  # FROM (a JOIN b ...) and the like
            self._join(join, scope, guards)

    def _table(self, name: str, scope: _Scope, guards: Guards) -> _Source:
        holder: _Scope | None = scope
        while holder is not None:
            if name in holder.ctes:
                query = holder.ctes.pop(name)  # hidden from itself while it is read: recursion ends here
                try:
                    return _derived(query.parent, self._enter(query, holder, guards))
                finally:
                    holder.ctes[name] = query
            holder = holder.parent
        table = self._tables.get(name)
        if table is None or len(self.occurrences) >= _MOST_OCCURRENCES:
            return _Source()
        self.occurrences.append(Occurrence(table, guards))
        return _Source(len(self.occurrences) - 1)

    def _join(self, join: exp.Join, scope: _Scope, guards: Guards) -> None:
        """The right side of an outer join is there or not."""
        if join.side:
            guards = (*guards, (self._choice(2), 0))
        before = list(scope.sources)
        self._source(join.this, scope, guards)
        if (on := join.args.get("on")) is not None:
            self._hold(on, scope, guards)
        new = [name for name in scope.sources if name not in before]
        columns = [identifier.name for identifier in join.args.get("using") or ()]
        if join.method == "NATURAL":
            columns = [name for source in new for name in self._names_of(scope.sources[source])]
        for column in columns:
            for one in [name for name in before if column.lower() in self._names_of(scope.sources[name])][-1:]:
                for other in new:
                    self._equate(exp.column(column, one), scope, exp.column(column, other), scope, guards)

    def _names_of(self, source: _Source) -> list[str]:
        if source.occurrence < 0:
            return list(source.outputs)
        return [column.name.lower() for column in self.occurrences[source.occurrence].table.columns]

    def _outputs(self, select: exp.Select, scope: _Scope) -> Iterator[tuple[str, exp.Expr, _Scope]]:
        for projection in select.expressions:
            if not projection.is_star:
                yield projection.alias_or_name.lower(), projection.unalias(), scope
                continue
            wanted = projection.table.lower() if isinstance(projection, exp.Column) else ""
            for name, source in scope.sources.items():
                if wanted and name != wanted:
                    continue
                if source.occurrence >= 0:
                    for column in self.occurrences[source.occurrence].table.columns:
                        yield column.name.lower(), exp.column(column.name, name), scope
                for column_name, (expression, inner) in source.outputs.items():
                    yield column_name, expression, inner

    # Conditions

    def _hold(self, node: exp.Expr, scope: _Scope, guards: Guards, positive: bool = True) -> None:
        """Takes a condition apart that is to hold (or to fail)."""
        if isinstance(node, exp.Paren):
            return self._hold(node.this, scope, guards, positive)
        if isinstance(node, exp.Not):
            return self._hold(node.this, scope, guards, not positive)
        if isinstance(node, exp.And | exp.Or):
            together = isinstance(node, exp.And) is positive
            choice = -1 if together else self._choice(2)
            for arm, side in enumerate((node.left, node.right)):
                self._hold(side, scope, guards if together else (*guards, (choice, arm)), positive)
            return None
        if isinstance(node, exp.Exists) or (isinstance(node, exp.In) and node.args.get("query")):
            return self._subquery(node, scope, guards, positive)
        self._sums(node, scope)
        self._condition(node, scope, guards, positive)
        return None

    def _subquery(self, node: exp.Expr, scope: _Scope, guards: Guards, positive: bool) -> None:
        """EXISTS and IN: the rows inside are there; under NOT they may be there."""
        if not positive:
            guards = (*guards, (self._choice(2), 1))
        found = self._enter(node.this if isinstance(node, exp.Exists) else node.args["query"], scope, guards)
        if isinstance(node, exp.In) and found:
            self._equate(node.this, scope, found[0][1], found[0][2], guards)

    def _equate(self, one: exp.Expr, its: _Scope, other: exp.Expr, others: _Scope, guards: Guards) -> None:
        left, right = self._ground(one, its, guards), self._ground(other, others, guards)
        if left is not None and right is not None:
            self._add(exp.EQ(this=left, expression=right), guards)

    def _condition(self, node: exp.Expr, scope: _Scope, guards: Guards, positive: bool) -> None:
        self._counting = False
        grounded = self._ground(node, scope, guards)
        if grounded is not None:
            self._add(grounded if positive else exp.Not(this=exp.Paren(this=grounded)), guards)
        elif self._counting:
            numbers = [int(literal.this) for literal in node.find_all(exp.Literal) if literal.is_int]
            self.counts |= set(numbers)

    def _add(self, grounded: exp.Expr, guards: Guards) -> None:
        markers = [column for column in grounded.find_all(exp.Column) if column.name == "v"]
        cells = list(dict.fromkeys(column.table for column in markers))
        if not 1 <= len(cells) <= 2:
            return
        equates = isinstance(grounded, exp.EQ) and {grounded.left.__class__, grounded.right.__class__} == {exp.Column}
        for column in markers:
            column.set("table", exp.to_identifier(f"c{cells.index(column.table)}"))
        found = tuple(_cell(marker) for marker in cells)
        sql, boundary = grounded.sql(dialect="sqlite"), ""
        compared = grounded.find(*_COMPARISONS)
        if compared is not None:
            boundary = exp.EQ(this=compared.left.copy(), expression=compared.right.copy()).sql(dialect="sqlite")
        self.conditions.append(Condition(sql, found, guards, equates and len(found) == 2, boundary))

    def _ground(self, node: exp.Expr, scope: _Scope, guards: Guards) -> exp.Expr | None:
        """The expression over cells, each column a marker `v` of table `<occurrence>_<column>`; None if it has none."""
        if isinstance(node, exp.Column):
            return self._column(node, scope, guards)
        if isinstance(node, exp.Count | exp.Star | exp.RowNumber):
            self._counting = True
            return None
        if isinstance(node, exp.Window | exp.Filter | exp.Distinct | exp.Order | exp.IgnoreNulls):
            inner = node.expressions[0] if isinstance(node, exp.Distinct) else node.this
            return self._ground(inner, scope, guards) if inner is not None else None
        if isinstance(node, _TRANSPARENT):
            return self._ground(node.this, scope, guards)
        if isinstance(node, exp.Subquery | exp.Select):
            found = self._enter(node, scope, guards)
            return self._ground(found[0][1], found[0][2], guards) if found else None
        grounded: dict[str, Any] = {}  # the tree is shared: its own nodes must keep their parents
        for key, value in node.args.items():
            values = value if isinstance(value, list) else [value]
            parts = [self._ground(v, scope, guards) if isinstance(v, exp.Expr) else v for v in values]
            if any(part is None and v is not None for part, v in zip(parts, values, strict=True)):
                return None
            grounded[key] = parts if isinstance(value, list) else parts[0]
        return node.__class__(**grounded)

    def _column(self, column: exp.Column, scope: _Scope, guards: Guards) -> exp.Expr | None:
        name, table = column.name.lower(), column.table.lower()
        holder: _Scope | None = scope
        while holder is not None:
            for alias, source in holder.sources.items():
                if table and alias != table:
                    continue
                if source.occurrence >= 0:
                    names = [c.name.lower() for c in self.occurrences[source.occurrence].table.columns]
                    if name in names:
                        return exp.column("v", f"{source.occurrence}_{names.index(name)}")
                elif name in source.outputs:
                    expression, inner = source.outputs[name]
                    return self._ground(expression, inner, guards)
            if not table and name in holder.outputs and holder.outputs[name] is not column:
                expression = holder.outputs.pop(name)  # hidden from itself: `SELECT f(x) AS x`
                try:
                    return self._ground(expression, holder, guards)
                finally:
                    holder.outputs[name] = expression
            holder = holder.parent
        # "text" is text where nothing has that name.
        return exp.Literal.string(column.name) if is_text(column, self._names) else None

    def _sums(self, node: exp.Expr, scope: _Scope) -> None:
        """`SUM(x) > 100`: numbers that the sum over a group is compared with."""
        numbers = []
        for literal in node.find_all(exp.Literal):
            with suppress(ValueError):
                numbers += [float(literal.this)] if not literal.is_string else []
        for added in node.find_all(exp.Sum):
            grounded = self._ground(added.this, scope, ())
            if isinstance(grounded, exp.Column):
                self.sums += [(_cell(grounded.table), number) for number in numbers]

    def _look_inside(self, node: exp.Expr, scope: _Scope, guards: Guards) -> None:
        """CASE, FILTER and subqueries in an output: one of their conditions may hold."""
        for spec in node.find_all(exp.WindowSpec, exp.Lag, exp.Lead, exp.Ntile, exp.NthValue):
            numbers = [int(literal.this) for literal in spec.find_all(exp.Literal) if literal.is_int]
            self.counts |= {number + 1 for number in numbers}
        if node.find(exp.Count, exp.RowNumber, exp.Rank, exp.DenseRank):  # count(*) % 1000, min(count(*), 250)
            self.counts |= {int(literal.this) for literal in node.find_all(exp.Literal) if literal.is_int}
        conditions = [branch.this for case in node.find_all(exp.Case) for branch in case.args["ifs"] if not case.this]
        conditions += [branch.this for branch in node.find_all(exp.If) if not isinstance(branch.parent, exp.Case)]
        conditions += [
            kept.expression.this for kept in node.find_all(exp.Filter) if isinstance(kept.expression, exp.Where)
        ]
        if conditions:
            choice = self._choice(len(conditions) + 1)
            for arm, condition in enumerate(conditions):
                self._hold(condition, scope, (*guards, (choice, arm)))
        for subquery in _outermost(node, exp.Subquery, exp.Exists):
            inside = (*guards, (self._choice(2), 0))
            self._enter(subquery.this, scope, inside)


def _derived(node: exp.Expr | None, found: Outputs) -> _Source:
    """A subquery's outputs under their names, or under those that its alias gives: `AS t(a, b)`."""
    alias = node.args.get("alias") if node is not None else None
    given = [column.name.lower() for column in alias.columns] if isinstance(alias, exp.TableAlias) else []
    names = [*given, *(name for name, _, _ in found[len(given) :])]
    return _Source(outputs={name: (e, s) for name, (_, e, s) in zip(names, found, strict=False)})


def _outermost(node: exp.Expr, *kinds: type[exp.Expr]) -> Iterator[exp.Expr]:
    if isinstance(node, kinds):
        yield node
        return
    for child in node.iter_expressions():
        yield from _outermost(child, *kinds)


def _cell(marker: str) -> Cell:
    occurrence, _, column = marker.partition("_")
    return int(occurrence), int(column)
