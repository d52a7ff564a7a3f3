"""Mistakes in aggregates, groups and windows."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from .edits import Kind, dropped_clause, edited, replaced, swapped_for, without_one

_SIMPLE = (exp.Sum, exp.Avg, exp.Min, exp.Max)


def _aggregate_swapped(tree: exp.Expr) -> Iterator[exp.Expr]:
    def change(node: exp.Expr) -> Iterator[exp.Expr]:
        if node.args.get("expressions"):
            return  # MIN and MAX of several values
        yield from (other(this=node.this.copy()) for other in _SIMPLE if not isinstance(node, other))
        if isinstance(node, exp.Sum):
            yield exp.Anonymous(this="TOTAL", expressions=[node.this.copy()])

    yield from replaced(tree, _SIMPLE, change)


def _average_divided(tree: exp.Expr) -> Iterator[exp.Expr]:
    """AVG(x) -> SUM(x) / COUNT(*)"""

    def change(node: exp.Expr) -> Iterator[exp.Expr]:
        if not isinstance(node.parent, exp.Window | exp.Filter):
            for counted in (exp.Star(), node.this):
                yield exp.paren(exp.Div(this=exp.Sum(this=node.this.copy()), expression=exp.Count(this=counted.copy())))

    yield from replaced(tree, exp.Avg, change)


def _distinct_in_aggregate(tree: exp.Expr) -> Iterator[exp.Expr]:
    def change(node: exp.Expr) -> Iterator[exp.Expr]:
        if isinstance(node.this, exp.Distinct):
            yield edited(node, this=node.this.expressions[0])
        elif not isinstance(node.this, exp.Star) and not isinstance(node.parent, exp.Window):
            yield edited(node, this=exp.Distinct(expressions=[node.this.copy()]))

    yield from replaced(tree, (exp.Count, exp.Sum, exp.Avg), change)


def _count_of_rows(tree: exp.Expr) -> Iterator[exp.Expr]:
    yield from replaced(
        tree, exp.Count, lambda node: [] if isinstance(node.this, exp.Star) else [edited(node, this=exp.Star())]
    )


def count_of_column(tree: exp.Expr, columns: dict[str, dict[str, str]]) -> Iterator[exp.Expr]:
    """COUNT(*) -> COUNT(a column of one of the tables). `columns` has types by table and column."""
    names = [
        exp.column(name, table=table.alias_or_name)
        for table in tree.find_all(exp.Table)
        for name in columns.get(table.name, {})
    ]
    yield from replaced(
        tree,
        exp.Count,
        lambda node: [edited(node, this=name) for name in names] if isinstance(node.this, exp.Star) else [],
    )


def _filter_dropped(tree: exp.Expr) -> Iterator[exp.Expr]:
    yield from replaced(tree, exp.Filter, lambda node: [node.this.copy()])


def _group_shortened(tree: exp.Expr) -> Iterator[exp.Expr]:
    yield from replaced(tree, exp.Group, without_one)


def _having_as_where(tree: exp.Expr) -> Iterator[exp.Expr]:
    """HAVING's condition, its aggregates bared, moved into WHERE."""

    def change(node: exp.Expr) -> Iterator[exp.Expr]:
        having = node.args.get("having")
        if not isinstance(node, exp.Select) or having is None or list(having.find_all(exp.Count, exp.Star)):
            return
        condition = having.this.copy().transform(lambda n: n.this if isinstance(n, _SIMPLE) else n)
        copy = node.copy()
        copy.set("having", None)
        yield copy.where(condition, copy=False)

    yield from replaced(tree, exp.Select, change)


def _window_argument_dropped(name: str) -> Kind:
    def kind(tree: exp.Expr) -> Iterator[exp.Expr]:
        yield from replaced(
            tree, exp.Window, lambda node: [edited(node, **{name: None})] if node.args.get(name) else []
        )

    return kind


def _frame_changed(tree: exp.Expr) -> Iterator[exp.Expr]:
    def change(node: exp.Expr) -> Iterator[exp.Expr]:
        yield edited(node, kind="RANGE" if node.args.get("kind") == "ROWS" else "ROWS")
        if node.args.get("start") != "UNBOUNDED":
            yield edited(node, start="UNBOUNDED", start_side="PRECEDING")
        if node.args.get("end") == "CURRENT ROW":
            yield edited(node, end=exp.Literal.number(1), end_side="FOLLOWING")

    yield from replaced(tree, exp.WindowSpec, change)


def _rows_for_range(tree: exp.Expr) -> Iterator[exp.Expr]:
    """A window with an order and no frame cut at the row itself."""
    rows = exp.WindowSpec(kind="ROWS", start="UNBOUNDED", start_side="PRECEDING", end="CURRENT ROW")
    yield from replaced(
        tree,
        exp.Window,
        lambda node: [edited(node, spec=rows)] if node.args.get("order") and not node.args.get("spec") else [],
    )


_RANKS: tuple[type[exp.Expr], ...] = (exp.RowNumber, exp.Rank, exp.DenseRank)


def _rank_kind(tree: exp.Expr) -> Iterator[exp.Expr]:
    yield from replaced(tree, _RANKS, lambda node: [kind() for kind in _RANKS if not isinstance(node, kind)])


KINDS: dict[str, Kind] = {
    "aggregate swapped": _aggregate_swapped,
    "AVG as a quotient": _average_divided,
    "DISTINCT in an aggregate": _distinct_in_aggregate,
    "COUNT(column) as COUNT(*)": _count_of_rows,
    "FILTER dropped": _filter_dropped,
    "GROUP BY dropped": dropped_clause("group"),
    "term of GROUP BY dropped": _group_shortened,
    "HAVING as WHERE": _having_as_where,
    "PARTITION BY dropped": _window_argument_dropped("partition_by"),
    "window's ORDER BY dropped": _window_argument_dropped("order"),
    "window's frame dropped": _window_argument_dropped("spec"),
    "window's frame changed": _frame_changed,
    "ROWS for RANGE": _rows_for_range,
    "rank kind": _rank_kind,
    "LAG and LEAD exchanged": swapped_for({exp.Lag: exp.Lead, exp.Lead: exp.Lag}),
}
