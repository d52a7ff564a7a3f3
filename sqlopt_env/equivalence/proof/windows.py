"""Reads window functions, as far as their values do not depend on how ties are broken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlglot import exp

from .aggregates import role_and_argument
from .algebra import NULL, Column, NotUnderstood, Query, Term, Windowed, WindowFunction
from .build import case
from .kinds import is_mixed, typeof
from .relations import projected, query_of, slot_columns
from .rows import without_duplicates
from .sources import function_type, query_types
from .substitute import Workspace, in_term

if TYPE_CHECKING:
    from .expressions import Reader

_RANKS: dict[type[exp.Expr], str] = {
    exp.RowNumber: "row_number",
    exp.Rank: "rank",
    exp.DenseRank: "dense_rank",
    exp.PercentRank: "percent_rank",
    exp.CumeDist: "cume_dist",
}
_NEIGHBOURS: dict[type[exp.Expr], str] = {exp.Lag: "lag", exp.Lead: "lead"}
ALL, RUNNING = "all", "running"  # the whole partition; from its beginning to the last row that sorts like this one


@dataclass(frozen=True, slots=True)
class _Window:
    name: str
    arguments: tuple[Term, ...]
    partition: tuple[Term, ...]
    order: tuple[tuple[Term, bool], ...]
    frame: str

    def inputs(self) -> list[Term]:
        return [*self.arguments, *self.partition, *(term for term, _ in self.order)]

    def over(self, first: int) -> WindowFunction:
        """With the numbers of its inputs, which begin at `first`."""
        partition = first + len(self.arguments)
        order = partition + len(self.partition)
        return WindowFunction(
            self.name,
            tuple(range(first, partition)),
            tuple(range(partition, order)),
            tuple((order + number, descending) for number, (_, descending) in enumerate(self.order)),
            self.frame,
        )


class Windows:
    """`slot` numbers the columns that stand for the values while the expressions around them are being read."""

    def __init__(self, slot: int) -> None:
        self.slot = slot
        self._found: list[_Window] = []

    def read(self, node: exp.Window, reader: Reader) -> Term:
        for key, value in node.args.items():
            if value and key not in ("this", "partition_by", "order", "spec", "over"):
                raise NotUnderstood(f"window: {key}")
        partition = tuple(reader.term(one) for one in node.args.get("partition_by") or ())
        order = node.args.get("order")
        terms = tuple((reader.term(one.this), _is_descending(one)) for one in (order.expressions if order else ()))
        name, arguments = _function(node.this, reader)
        frame = _frame(node.args.get("spec"), bool(terms)) if name not in _UNFRAMED else ALL
        if frame == ALL and name not in _UNFRAMED:
            terms = ()
        window = _Window(name, arguments, partition, terms, frame)
        if window not in self._found:
            self._found.append(window)
        type_ = function_type(name, [typeof(argument) for argument in arguments])
        return Column(self.slot, self._found.index(window), type_)

    def inputs(self) -> list[Term]:
        return [term for window in self._found for term in window.inputs()]

    def applied(
        self, query: Query, slot: int, outputs: list[Term], inputs: list[Term], work: Workspace
    ) -> tuple[Query, int, list[Term]]:
        """The query with the values of the functions, and the outputs as they read that, with the slot they use."""
        if not self._found:
            return query, slot, outputs
        rows = slot_columns(slot, query)
        source = projected(query, slot, [*rows, *inputs])
        functions: list[WindowFunction] = []
        first = len(rows)
        for window in self._found:
            functions.append(_determined(window.over(first), source, work))
            first += len(window.inputs())
        found = query_of(Windowed(source, tuple(functions)), work)
        new = work.fresh()
        values = slot_columns(new, found)

        def replace(column: Column) -> Term:
            if column.atom == self.slot:
                return values[first + column.index]
            return values[column.index] if column.atom == slot else column

        return found, new, [in_term(output, replace) for output in outputs]


_UNFRAMED = (*_RANKS.values(), *_NEIGHBOURS.values())


def _function(node: exp.Expr, reader: Reader) -> tuple[str, tuple[Term, ...]]:
    if type(node) in _RANKS:
        if any(node.args.values()):
            raise NotUnderstood("arguments of a rank")
        return _RANKS[type(node)], ()
    if type(node) in _NEIGHBOURS:
        if any(value for key, value in node.args.items() if key not in ("this", "offset", "default")):
            raise NotUnderstood(node.key)
        given = [node.args[key] for key in ("this", "offset", "default") if node.args.get(key) is not None]
        return _NEIGHBOURS[type(node)], tuple(reader.term(one) for one in given)
    guard = None
    if isinstance(node, exp.Filter):
        guard = reader.condition(node.expression.this)[0]
        node = node.this
    role, argument = role_and_argument(node, reader)
    return role, (argument if guard is None else case([(guard, argument)], NULL),)


def _frame(spec: exp.Expr | None, is_ordered: bool) -> str:
    if spec is None:
        return RUNNING if is_ordered else ALL
    if spec.args.get("exclude"):
        raise NotUnderstood("EXCLUDE")
    start = spec.args.get("start"), spec.args.get("start_side")
    end = spec.args.get("end"), spec.args.get("end_side")
    if start != ("UNBOUNDED", "PRECEDING"):
        raise NotUnderstood("a window frame")
    if end == ("UNBOUNDED", "FOLLOWING"):
        return ALL
    if end[0] not in ("CURRENT ROW", None):
        raise NotUnderstood("a window frame")
    if spec.args.get("kind") == "RANGE":
        return RUNNING if is_ordered else ALL
    if spec.args.get("kind") == "ROWS":
        return "rows"  # the same as RUNNING where there are no ties
    raise NotUnderstood("a window frame")


def _is_descending(ordered: exp.Expr) -> bool:
    descending = bool(ordered.args.get("desc"))
    if bool(ordered.args.get("nulls_first")) == descending:
        raise NotUnderstood("NULLS FIRST or LAST")
    return descending


def _determined(function: WindowFunction, source: Query, work: Workspace) -> WindowFunction:
    """The function, if its values are the same however ties are broken."""
    types = query_types(source)
    decisive = (*function.partition, *(function.arguments if function.name in ("min", "max") else ()))
    if any(is_mixed(types[index]) for index in decisive):
        raise NotUnderstood("numbers of both kinds")
    if function.name in ("row_number", "lag", "lead") or function.frame == "rows":
        if not without_duplicates(source, work, [*function.partition, *(index for index, _ in function.order)]):
            raise NotUnderstood("a window function that depends on ties")
        frame = RUNNING if function.frame == "rows" else function.frame
        return WindowFunction(function.name, function.arguments, function.partition, function.order, frame)
    return function
