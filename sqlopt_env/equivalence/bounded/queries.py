"""Queries as lists of symbolic rows: joins, groups, set operations and subqueries over symbolic tables."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

from sqlglot import exp

from ..determined.dependencies import Scope, Unclear, visible_cte
from ..determined.syntax import bare_columns, is_aggregate, own_nodes, place_of, text_of, unwrapped
from ..shape import TableShape
from .expressions import Expressions, Frame, Row
from .logic import NULL, Formula, Unsupported, Value, alike, both, either, negation, same
from .relations import Relation, distinct, joined
from .tables import SymbolicTable, Texts
from .truth import holds

_MOST_ROWS = 150  # of any intermediate result


class Queries:
    """Encodes queries over the same symbolic tables. Raises Unsupported."""

    def __init__(self, tables: dict[str, SymbolicTable], texts: Texts, deadline: float) -> None:
        self._tables = tables
        self._shapes: dict[str, TableShape] = {name: table.shape for name, table in tables.items()}
        self._deadline = deadline
        self._expressions = Expressions(texts, self._subquery)

    def encode(self, query: exp.Expr) -> list[Row]:
        return self._query(query, None).rows

    def _subquery(self, query: exp.Expr, frame: Frame) -> list[Row]:
        query = unwrapped(query)
        place = place_of(query)
        if isinstance(place, exp.Exists) and isinstance(query, exp.Select) and _cuts_nothing(query):
            return self._select(query, frame).rows
        if not isinstance(place, exp.Exists | exp.In):
            self._demand_one_row(query)
        return self._query(query, frame).rows

    def _demand_one_row(self, query: exp.Expr) -> None:
        try:
            one = isinstance(query, exp.Select) and Scope(query, self._shapes).at_most_one_row()
        except Unclear:
            one = False
        if not one:
            raise Unsupported("a scalar subquery that may have several rows")

    def _query(self, query: exp.Expr, outer: Frame | None) -> Relation:
        if time.perf_counter() > self._deadline:
            raise Unsupported("no time is left to encode it")
        query = unwrapped(query)
        if query.args.get("limit") or query.args.get("offset"):
            raise Unsupported("LIMIT")
        if isinstance(query, exp.SetOperation):
            return self._set_operation(query, outer)
        if isinstance(query, exp.Select):
            return self._select(query, outer)
        raise Unsupported(query.key.upper())

    def _set_operation(self, query: exp.SetOperation, outer: Frame | None) -> Relation:
        left, right = self._query(query.left, outer), self._query(query.right, outer)
        if len(left.names) != len(right.names):
            raise Unsupported("a compound of different widths")
        if isinstance(query, exp.Union):
            rows = [*left.rows, *right.rows]
            return Relation(left.names, distinct(rows) if query.args.get("distinct") else rows)
        wanted = isinstance(query, exp.Intersect)
        rows = []
        for there, values in distinct(left.rows):
            found = either(*(both(t, alike(values, v)) for t, v in right.rows))
            rows.append((both(there, found if wanted else negation(found)), values))
        return Relation(left.names, rows)

    def _select(self, select: exp.Select, outer: Frame | None) -> Relation:
        if select.args.get("distinct") and select.args["distinct"].args.get("on"):
            raise Unsupported("DISTINCT ON")
        source = self._from(select, outer)
        aliases = {item.alias.lower(): item.this for item in select.expressions if isinstance(item, exp.Alias)}
        rows = source.rows
        if select.args.get("where"):
            rows = [
                (
                    both(
                        there, holds(self._expressions.value(select.args["where"].this, Frame(source.names, v, outer)))
                    ),
                    v,
                )
                for there, v in rows
                if there is not False
            ]
        aggregated = any(is_aggregate(node) for node in _own(select))
        if select.args.get("group") or aggregated:
            frames = list(self._groups(select, Relation(source.names, rows), outer, aliases))
        else:
            if select.args.get("having"):
                raise Unsupported("HAVING without groups")
            frames = [(there, Frame(source.names, values, outer, aliases=aliases)) for there, values in rows]
        names = [name for name, _ in self._outputs(select, source)]
        result = [
            (
                there,
                [
                    self._expressions.value(item, replace(frame, aliases={}))
                    for _, item in self._outputs(select, source)
                ],
            )
            for there, frame in frames
        ]
        return Relation([("", name) for name in names], distinct(result) if select.args.get("distinct") else result)

    def _outputs(self, select: exp.Select, source: Relation) -> list[tuple[str, exp.Expr]]:
        found: list[tuple[str, exp.Expr]] = []
        for item in select.expressions:
            if isinstance(item, exp.Star) or (isinstance(item, exp.Column) and item.is_star):
                if any(join.args.get("using") for join in select.args.get("joins") or []):
                    raise Unsupported("* with USING")
                only = item.table.lower() if isinstance(item, exp.Column) else ""
                found += [(name, exp.column(name, table)) for table, name in source.names if only in ("", table)]
            else:
                found.append((item.alias_or_name.lower(), item.unalias()))
        return found

    def _groups(
        self, select: exp.Select, source: Relation, outer: Frame | None, aliases: dict[str, exp.Expr]
    ) -> Iterator[tuple[Formula, Frame]]:
        """Each group by its first row."""
        having = select.args["having"].this if select.args.get("having") else None
        terms = self._terms(select, source, aliases)
        self._refuse_bare_columns(select, source, terms)
        if not select.args.get("group"):
            empty = [Value(True, 0, value.kind) for value in source.rows[0][1]] if source.rows else []
            frame = Frame(source.names, empty or [NULL] * len(source.names), outer, source.rows, {}, aliases)
            yield (holds(self._expressions.value(having, frame)) if having is not None else True), frame
            return
        keys = [[self._expressions.value(t, Frame(source.names, v, outer)) for t in terms] for _, v in source.rows]
        for i, (there, values) in enumerate(source.rows):
            mates = [both(t, alike(keys[i], keys[j])) for j, (t, _) in enumerate(source.rows)]
            members = [(mates[j], v) for j, (_, v) in enumerate(source.rows)]
            grouped = {text_of(term): key for term, key in zip(terms, keys[i], strict=True)}
            frame = Frame(source.names, values, outer, members, grouped, aliases)
            first = both(there, *(negation(earlier) for earlier in mates[:i]))
            kept = holds(self._expressions.value(having, frame)) if having is not None else True
            yield both(first, kept), frame

    def _terms(self, select: exp.Select, source: Relation, aliases: dict[str, exp.Expr]) -> list[exp.Expr]:
        """GROUP BY's terms, with positions and aliases looked up."""
        clause, known = select.args.get("group"), {name for _, name in source.names}
        terms: list[exp.Expr] = []
        for term in clause.expressions if clause else []:
            if isinstance(term, exp.Literal) and term.is_int:
                terms.append(self._outputs(select, source)[int(term.this) - 1][1])
            elif isinstance(term, exp.Column) and not term.table and term.name.lower() not in known:
                terms.append(aliases.get(term.name.lower(), term))
            else:
                terms.append(term)
        return terms

    def _refuse_bare_columns(self, select: exp.Select, source: Relation, terms: list[exp.Expr]) -> None:
        """Unless GROUP BY determines it, a column beside aggregates may come from any row."""
        known = {_found(term, source) for term in terms if isinstance(term, exp.Column)}
        texts = {text_of(term) for term in terms if not isinstance(term, exp.Column)}
        parts = [what for _, what in self._outputs(select, source)]
        parts += [select.args["having"].this] if select.args.get("having") else []
        bare = [column for part in parts for column in bare_columns(part, texts, unknown=True)]
        bare = [column for column in bare if _found(column, source) not in known | {None}]
        if not bare:
            return
        try:
            scope = Scope(select, self._shapes)
            closure = scope.closure(c for term in terms if isinstance(term, exp.Column) for c in scope.columns(term))
            if terms and all(closure.has(scope.columns(column)) for column in bare):
                return
        except Unclear:
            pass
        raise Unsupported("a column beside aggregates")

    def _from(self, select: exp.Select, outer: Frame | None) -> Relation:
        clause = select.args.get("from_")
        relation = self._item(clause.this, outer) if clause else Relation([], [(True, [])])
        for join in select.args.get("joins") or []:
            relation = self._join(relation, join, outer)
        return relation

    def _item(self, item: exp.Expr, outer: Frame | None) -> Relation:
        if isinstance(item, exp.Table):
            relation = self._table(item)
        elif isinstance(item, exp.Subquery) and isinstance(item.this, exp.Table):
            relation = self._item(item.this, outer)  # parentheses around joins
        elif isinstance(item, exp.Subquery):
            relation = self._query(item.this, outer)
        else:
            raise Unsupported(f"{item.key} in FROM")
        if not (isinstance(item, exp.Subquery) and isinstance(item.this, exp.Table)):
            relation = relation.renamed(item.alias_or_name.lower(), item.args.get("alias"))
        for join in item.args.get("joins") or []:
            relation = self._join(relation, join, outer)
        return relation

    def _table(self, item: exp.Table) -> Relation:
        try:
            cte = visible_cte(item)
        except Unclear:
            raise Unsupported("a recursive query") from None
        if cte is not None:
            return self._query(cte.this, None).renamed("", cte.args.get("alias"))
        table = self._tables.get(item.name.lower())
        if table is None:
            raise Unsupported(f"{item.name} is no table")
        return Relation([("", column.name.lower()) for column in table.shape.columns], list(table.rows))

    def _join(self, left: Relation, join: exp.Join, outer: Frame | None) -> Relation:
        right = self._item(join.this, outer)
        if join.args.get("method"):
            raise Unsupported("NATURAL JOIN")
        if len(left.rows) * len(right.rows) > _MOST_ROWS or time.perf_counter() > self._deadline:
            raise Unsupported("too many joined rows")
        names = [*left.names, *right.names]
        met = [
            [self._meets(join, left, right, Frame(names, [*ours, *theirs], outer)) for _, theirs in right.rows]
            for _, ours in left.rows
        ]
        return joined(left, right, met, join.args.get("side") or "")

    def _meets(self, join: exp.Join, left: Relation, right: Relation, frame: Frame) -> Formula:
        met: list[Formula] = []
        if join.args.get("on"):
            met.append(holds(self._expressions.value(join.args["on"], frame)))
        if join.args.get("using") and join.args.get("side") in ("RIGHT", "FULL"):
            raise Unsupported("an outer join with USING")
        width = len(left.names)
        for column in join.args.get("using") or []:
            one = [i for i, (_, name) in enumerate(left.names) if name == column.name.lower()]
            other = [i for i, (_, name) in enumerate(right.names) if name == column.name.lower()]
            if not one or not other:
                raise Unsupported("USING a column that is not there")
            a, b = frame.values[one[0]], frame.values[width + other[0]]
            met.append(both(negation(either(a.null, b.null)), same(a, b)))
        return both(*met)


def _found(column: exp.Column, source: Relation) -> tuple[str, str] | None:
    name, table = column.name.lower(), column.table.lower()
    return next((found for found in source.names if found[1] == name and table in ("", found[0])), None)


def _own(select: exp.Select) -> Iterator[exp.Expr]:
    for part in [*select.expressions, select.args.get("having"), select.args.get("order")]:
        if part is not None:
            yield from own_nodes(part)


def _cuts_nothing(query: exp.Select) -> bool:
    """Under EXISTS, LIMIT 1 and more do not matter."""
    limit = query.args.get("limit")
    plain = limit is None or (isinstance(limit.expression, exp.Literal) and limit.expression.name.strip("0") != "")
    return plain and not query.args.get("offset")
