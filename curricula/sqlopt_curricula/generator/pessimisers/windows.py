"""What the pessimisers of window functions have in common: the rows of a SELECT, read once more for each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from sqlglot import exp

from sqlopt_env.trees.draft import Draft, conjuncts, own_nodes, tables_of
from sqlopt_env.trees.reading import rename_source, sources
from sqlopt_env.trees.schema import Schema, Table
from sqlopt_env.trees.selects import (
    aggregates,
    fresh_name,
    key_in,
    never_null,
    schema_column,
    selects,
    twin,
    with_where,
)

from .queries import any_order_does, is_binary


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of a SELECT over one plain table, to be read once more under the name `other`."""

    select: exp.Select
    source: str
    other: str
    table: Table
    schema: Schema

    def again(self, node: exp.Expr) -> exp.Expr:
        """A copy of an expression that reads the other row."""
        copy = exp.Paren(this=node.copy())
        for column in copy.find_all(exp.Column):
            if column.table == self.source:
                column.set("table", exp.to_identifier(self.other))
        inner: exp.Expr = copy.this
        return inner.pop()

    def same_group(self, partition: Sequence[exp.Expr]) -> list[exp.Expr] | None:
        """The conditions that the other row is of the same partition; None where it is not made of columns."""
        found = []
        for column in partition:
            if schema_column(column, self.select, self.schema) is None:
                return None
            not_null = never_null(column, self.select, self.schema)
            found.append(null_safe(self.again(column), column.copy(), not_null))
        return found

    def before(self, terms: Sequence[exp.Expr], or_level: bool = False) -> exp.Expr | None:
        """The condition that the other row sorts before this one; None where some term can be NULL."""
        if not terms or not all(never_null(term.this, self.select, self.schema) for term in terms):
            return None
        cases: list[exp.Expr] = []
        for i, term in enumerate(terms):
            level = or_level and i == len(terms) - 1
            up, down = (exp.LTE, exp.GTE) if level else (exp.LT, exp.GT)
            kind = down if term.args.get("desc") else up
            equal = [exp.EQ(this=self.again(one.this), expression=one.this.copy()) for one in terms[:i]]
            cases.append(exp.and_(*equal, kind(this=self.again(term.this), expression=term.this.copy()), copy=False))
        return exp.or_(*cases, copy=False)

    def is_total(self, terms: Sequence[exp.Expr]) -> bool:
        return key_in([term.this for term in terms], self.source, self.table.keys)

    def query(self, value: exp.Expr, parts: Sequence[exp.Expr]) -> exp.Select:
        """SELECT value over the other rows that satisfy these conditions too."""
        rows = exp.Select(expressions=[], from_=self.select.args["from_"].copy())
        with_where(rows, conjuncts(self.select.args.get("where")))
        rename_source(rows, self.source, self.other)
        with_where(rows, [*conjuncts(rows.args.get("where")), *parts])
        rows.set("expressions", [value])
        return rows


def rows_of(draft: Draft, select: exp.Select, schema: Schema) -> Rows | None:
    """None where the SELECT does not read one plain table alone, or groups its rows."""
    tables = list(tables_of(select, schema).items())
    grouped = any(select.args.get(key) for key in ("group", "having", "joins")) or aggregates(select)
    if len(tables) != 1 or len(sources(select)) != 1 or grouped or not is_binary(schema):
        return None
    source, table = tables[0]
    return Rows(select, source, fresh_name(draft, source, schema), table, schema)


def windows_replaced(
    draft: Draft, schema: Schema, subquery: Callable[[exp.Window, Rows], exp.Select | None]
) -> Iterator[Draft]:
    """For each SELECT over one table, the draft in which the windows that `subquery` can express are subqueries."""
    for select in selects(draft) if any_order_does(draft) else ():
        rows = rows_of(draft, select, schema) if own_nodes(select, exp.Window) else None
        if rows is None:
            continue
        tree, changed = draft.query.copy(), False
        for window in own_nodes(select, exp.Window):
            assert isinstance(window, exp.Window)
            made = subquery(window, rows) if not window.args.get("alias") else None
            if made is not None:
                twin(tree, window).replace(exp.Subquery(this=made))
                changed = True
        if changed:
            yield draft.with_query(tree)


def order_terms(window: exp.Window) -> list[exp.Expr]:
    order = window.args.get("order")
    return list(order.expressions) if order is not None else []


def null_safe(one: exp.Expr, other: exp.Expr, not_null: bool) -> exp.Expr:
    """`one = other`, or `one IS other` where both can be NULL."""
    kind = exp.EQ if not_null else exp.NullSafeEQ
    return kind(this=one, expression=other)
