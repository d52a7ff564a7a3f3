"""sqlglot's optimizer with all of its rules: a rewriter that knows the algebra and not the engine.

Whatever it answers is judged, also where it is wrong for SQLite. See https://sqlglot.com/sqlglot/optimizer.html.
"""

from __future__ import annotations

from sqlglot.errors import ErrorLevel
from sqlglot.optimizer import optimize

from sqlopt_env.observation import Observation
from sqlopt_env.trajectory import Proposal
from sqlopt_env.trees.schema import Schema

from ..drafting import board_for
from .base import Deterministic


class SqlglotOptimizer(Deterministic):
    """The optimized query; the query as it is where the optimizer fails on it."""

    def greedy(self, observation: Observation) -> Proposal:
        query = observation["query"]
        try:
            tree = optimize(query, schema=_shape(board_for(observation["schema"]).schema), dialect="sqlite")
            optimized = tree.sql(dialect="sqlite", unsupported_level=ErrorLevel.IGNORE)
        except Exception as error:  # a library of rules, on any query there is: any kind of error, and no answer then
            return Proposal(query, explanation=f"sqlglot cannot optimize it: {type(error).__name__}")
        return Proposal(optimized, explanation="sqlglot's optimizer")


def _shape(schema: Schema) -> dict[str, object]:
    """Column types by table and column, as sqlglot takes them."""
    return {
        table.name: {column.name: column.type or "BLOB" for column in table.columns} for table in schema.tables.values()
    }
