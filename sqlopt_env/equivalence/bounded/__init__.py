"""Are two queries equal on *every* database of a few rows a table? Asked of a solver, which finds what chance misses.

The core of SQL is encoded: joins, WHERE with three truth values, GROUP BY and HAVING, DISTINCT, set operations, IN,
EXISTS and scalar subqueries, over whole numbers and ordered texts. Functions that are not encoded are taken for any
function, and CHECK constraints are not known here, so that a counterexample counts only when SQLite has replayed it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlglot import exp

from ..compare import Value as Constant
from ..parsing import parsed
from ..shape import TableShape
from .expressions import Row
from .logic import Formula, Unsupported, alike, both, either, total, when, z3
from .queries import Queries
from .tables import SymbolicTable, Texts, largest_number

EQUAL, COUNTEREXAMPLE, UNSUPPORTED = "equal up to the bound", "counterexample", "unsupported"


@dataclass(frozen=True, slots=True)
class Bounded:
    """What the solver says. `rows`: a database on which the queries may differ, columns in the tables' order."""

    status: str  # EQUAL, COUNTEREXAMPLE or UNSUPPORTED
    rows: dict[str, list[tuple[Constant, ...]]] = field(default_factory=dict)
    why: str = ""


def bounded(
    tables: Sequence[TableShape], original: str, rewrite: str, *, rows: int = 2, seconds: float = 0.5, seed: int = 0
) -> Bounded:
    """Looks for a database of at most `rows` rows a table on which the queries return different bags of rows.

    Stops after about `seconds` of wall time, and is then "unsupported". The order of rows is not compared. Raises
    SqlOptError where z3 is not installed.
    """
    library = z3()
    deadline = time.perf_counter() + seconds
    try:
        trees = [parsed(query) for query in (original, rewrite)]
        result = Bounded(EQUAL)
        for bound in range(1, rows + 1):
            result = _search(tables, trees, bound, deadline, seed)
            if result.status == COUNTEREXAMPLE:
                return result
        return result
    except Unsupported as reason:
        return Bounded(UNSUPPORTED, why=str(reason))
    except (RecursionError, library.Z3Exception) as error:
        return Bounded(UNSUPPORTED, why=f"{type(error).__name__}: {error}")


def _search(
    shapes: Sequence[TableShape], trees: list[exp.Expr | None], bound: int, deadline: float, seed: int
) -> Bounded:
    queries = [tree for tree in trees if isinstance(tree, exp.Query)]
    if len(queries) < 2:
        raise Unsupported("it cannot be read")
    literals = [literal for query in queries for literal in query.find_all(exp.Literal)]
    texts = Texts(literal.name for literal in literals if literal.is_string)
    largest = largest_number(
        int(literal.name) for literal in literals if not literal.is_string and literal.name.isdigit()
    )
    tables = {shape.name.lower(): SymbolicTable(shape, bound, texts, largest) for shape in _needed(shapes, queries)}
    encoder = Queries(tables, texts, deadline)
    one, other = (encoder.encode(query) for query in queries)
    solver = z3().Solver()
    solver.set("random_seed", seed % 2**31)
    for table in tables.values():
        solver.add(*table.constraints, *table.refer(tables))
    solver.add(_different(one, other))
    left = deadline - time.perf_counter()
    if left <= 0:
        raise Unsupported("no time is left to solve it")
    solver.set("timeout", max(1, round(left * 1000)))
    answer = solver.check()
    if answer == z3().unsat:
        return Bounded(EQUAL)
    if answer != z3().sat:
        raise Unsupported("the solver has not answered in time")
    return Bounded(COUNTEREXAMPLE, _read(tables, texts, solver.model()))


def _needed(shapes: Sequence[TableShape], queries: list[exp.Query]) -> list[TableShape]:
    """The tables that the queries name, and those that these refer to."""
    by_name = {shape.name.lower(): shape for shape in shapes}
    wanted = {table.name.lower() for query in queries for table in query.find_all(exp.Table)} & by_name.keys()
    while True:
        more = {key.parent for name in wanted for key in by_name[name].foreign_keys} & by_name.keys() - wanted
        if not more:
            return [shape for shape in shapes if shape.name.lower() in wanted]
        wanted |= more


def _different(one: list[Row], other: list[Row]) -> Formula:
    """Some row comes more often in one than in the other."""
    if one and other and len(one[0][1]) != len(other[0][1]):
        raise Unsupported("results of different widths")
    apart = []
    for there, values in (*one, *other):
        counts = [total([when(both(t, alike(values, v)), 1, 0) for t, v in rows]) for rows in (one, other)]
        apart.append(both(there, counts[0] != counts[1]))
    return either(*apart)


def _read(tables: dict[str, SymbolicTable], texts: Texts, model: Any) -> dict[str, list[tuple[Constant, ...]]]:
    return {table.shape.name: table.read(model, texts) for table in tables.values()}


__all__ = ["COUNTEREXAMPLE", "EQUAL", "UNSUPPORTED", "Bounded", "bounded"]
