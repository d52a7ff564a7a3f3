"""What a policy sees of a task: four texts, a vector of named numbers, and from them a chat prompt."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from math import log10
from typing import Any, TypeAlias

import numpy as np
import sqlglot
from gymnasium import spaces
from sqlglot import exp
from sqlglot.errors import SqlglotError

from .spaces import SQLText
from .types import Brief, Evaluation, Plan

Observation: TypeAlias = dict[str, Any]

TEXTS = ("schema", "query", "plan", "feedback")
LONGEST_TEXT = 1_000_000  # characters; what is longer is cut

_TREE_COUNTS: dict[str, tuple[type[exp.Expr], ...]] = {
    "tables": (exp.Table,),
    "joins": (exp.Join,),
    "selects": (exp.Select,),
    "conjunctions": (exp.And,),
    "disjunctions": (exp.Or,),
    "comparisons": (exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.Between, exp.Like),
    "in_lists": (exp.In,),
    "exists": (exp.Exists,),
    "aggregates": (exp.AggFunc,),
    "windows": (exp.Window,),
    "groups": (exp.Group,),
    "orders": (exp.Order,),
    "distincts": (exp.Distinct,),
    "limits": (exp.Limit,),
    "offsets": (exp.Offset,),
    "set_operations": (exp.SetOperation,),
    "ctes": (exp.CTE,),
}
PLAN_WORDS = {
    "scans": "SCAN ",
    "searches": "SEARCH ",
    "covering_indexes": "COVERING INDEX",
    "automatic_indexes": "AUTOMATIC",
    "temp_b_trees": "TEMP B-TREE",
    "correlated_subqueries": "CORRELATED",
    "list_subqueries": "LIST SUBQUERY",
    "materialized": "MATERIALIZE",
    "co_routines": "CO-ROUTINE",
    "compounds": "COMPOUND",
}
FEATURE_NAMES: tuple[str, ...] = (
    *(f"query_{name}" for name in _TREE_COUNTS),
    "query_characters_log10",
    *(f"plan_{name}" for name in PLAN_WORDS),
    "rows_total_log10",
    "rows_largest_log10",
    "schema_tables",
    "schema_indexes",
)
_LARGEST_FEATURE = 1e6
_LONGEST_SHOWN = 10_000  # characters of a rewrite, when the judge speaks of it


def observation_space() -> spaces.Dict:
    """A Dict of four texts and `features`, a float32 vector named by FEATURE_NAMES."""
    return spaces.Dict(
        {
            **{name: SQLText(LONGEST_TEXT) for name in TEXTS},
            "features": spaces.Box(0.0, _LARGEST_FEATURE, shape=(len(FEATURE_NAMES),), dtype=np.float32),
        }
    )


def observe(brief: Brief, feedback: str = "") -> Observation:
    """The observation of a task; new objects at every call."""
    return {
        "schema": f"-- SQLite {brief.sqlite_version}\n{brief.schema}"[:LONGEST_TEXT],
        "query": brief.task.query[:LONGEST_TEXT],
        "plan": str(brief.plan)[:LONGEST_TEXT],
        "feedback": feedback[:LONGEST_TEXT],
        "features": np.array(_features(brief), dtype=np.float32),
    }


def plan_counts(plan: Plan) -> dict[str, int]:
    """How often each of PLAN_WORDS stands in the plan."""
    details = [detail for _, detail in plan.steps]
    return {name: sum(word in detail for detail in details) for name, word in PLAN_WORDS.items()}


@lru_cache(maxsize=512)
def _features(brief: Brief) -> tuple[float, ...]:
    rows = [count for _, count in brief.row_counts]
    values = (
        *_tree_counts(brief.task.query),
        log10(1 + len(brief.task.query)),
        *plan_counts(brief.plan).values(),
        log10(1 + sum(rows)),
        log10(1 + max(rows, default=0)),
        len(rows),
        brief.schema.upper().count("CREATE INDEX") + brief.schema.upper().count("CREATE UNIQUE INDEX"),
    )
    return tuple(min(float(value), _LARGEST_FEATURE) for value in values)


def _tree_counts(query: str) -> list[int]:
    try:
        tree = sqlglot.parse_one(query, dialect="sqlite")
    except (SqlglotError, RecursionError):
        return [0] * len(_TREE_COUNTS)
    nodes = list(tree.walk())
    return [sum(isinstance(node, kinds) for node in nodes) for kinds in _TREE_COUNTS.values()]


def feedback(evaluation: Evaluation) -> str:
    """What the judge says to a policy that may try again."""
    lines = [f"{evaluation.outcome}: {evaluation.reason}"]
    if evaluation.verdict is not None and evaluation.verdict.witness:
        lines.append(f"They differ on this database:\n{evaluation.verdict.witness}")
        for role, rows in (
            ("original", evaluation.verdict.original_rows),
            ("rewrite", evaluation.verdict.rewrite_rows),
        ):
            lines.append(f"The {role} returns there: {', '.join(rows) or 'no row'}")
    if evaluation.effective_speedup is not None and evaluation.index_seconds:
        lines.append(f"With the building of the indexes charged: {evaluation.effective_speedup:.2f} times as fast.")
    if evaluation.plan_after is not None:
        lines.append(f"Plan of the rewrite:\n{evaluation.plan_after}")
    script = evaluation.rewrite.script
    shown = script if len(script) <= _LONGEST_SHOWN else script[:_LONGEST_SHOWN] + " ..."
    lines.append(f"The rewrite was:\n```sql\n{shown}\n```")
    return "\n".join(lines)


_INSTRUCTIONS = """\
You make SQLite queries faster. Answer with one rewrite: optional CREATE INDEX statements, then exactly one query.
The rewrite must return exactly the original's rows on every database of this schema: duplicates and NULLs count,
and so does the order where the outermost query has ORDER BY. Rely only on constraints that the schema declares.
The time to build the indexes is charged, spread over many executions.
Answer with a JSON object:
{"optimized_query": "CREATE INDEX ...; SELECT ...", "explanation": "...", "optimization_type": "..."}
The optimization_type is one of indexing, join, projection, limit, redundancy."""


def observation_to_messages(observation: Mapping[str, Any]) -> list[dict[str, str]]:
    """The chat prompt of an observation: a system and a user message, as OpenAI-compatible servers take them."""
    parts = [
        f"Schema:\n```sql\n{observation['schema']}\n```",
        f"Slow query:\n```sql\n{observation['query']}\n```",
        f"Its plan (EXPLAIN QUERY PLAN):\n```\n{observation['plan']}\n```",
    ]
    if observation["feedback"]:
        parts.append(f"The judge on your last rewrite:\n{observation['feedback']}\nTry again, and do better.")
    return [
        {"role": "system", "content": _INSTRUCTIONS},
        {"role": "user", "content": "\n\n".join(parts)},
    ]
