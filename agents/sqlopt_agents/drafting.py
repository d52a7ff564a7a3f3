"""What may be done next to a draft: every technique at every place, with what its plan would become.

A drafting board belongs to one schema. It is the rule policy's world model: nothing here is measured.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from sqlglot import exp
from sqlglot.errors import SqlglotError

from sqlopt_env.sqlite.plan import WhatIf
from sqlopt_env.trees.draft import MAX_INDEXES, Draft, parse_draft
from sqlopt_env.trees.schema import Schema, read_schema
from sqlopt_env.types import Plan

from .plan_cost import log_cost
from .rules import RULES
from .rules.base import Application


@dataclass(frozen=True, slots=True)
class Option:
    """A technique applied at a target; `draft` and `plan` are what comes of it."""

    technique: str
    target: str
    draft: Draft
    plan: Plan

    @property
    def name(self) -> str:
        return f"{self.technique}({self.target})"


class Board:
    """Expands drafts over one schema. Remembers what it has expanded."""

    def __init__(self, ddl: str) -> None:
        self._what_if = WhatIf(ddl)
        self.schema: Schema = read_schema(ddl, self._what_if.connection)
        self._options: dict[str, tuple[Option, ...]] = {}
        self._by_query: dict[str, list[tuple[str, Application]]] = {}
        self._sizes: dict[str, dict[str, float]] = {}

    def start(self, query: str) -> tuple[Draft, Plan] | None:
        """The query as a draft and its plan; None where sqlglot cannot read it, or reads another query."""
        draft = parse_draft(query, self.schema)
        if draft is None:
            return None
        plan = self._what_if.plan((), draft.sql)
        return None if plan is None else (draft, plan)

    def options(self, draft: Draft) -> tuple[Option, ...]:
        """Everything that may be done next; places that lead to the same script are named once."""
        known = self._options.get(draft.script)
        if known is None:
            known = self._options[draft.script] = tuple(self._expand(draft))
        return known

    def _expand(self, draft: Draft) -> Iterator[Option]:
        seen = {draft.script}
        for technique, application in self._applications(draft):
            indexes = tuple(dict.fromkeys((*draft.indexes, *application.draft.indexes)))
            after = application.draft.with_indexes(indexes)
            if after.script in seen or len(indexes) > MAX_INDEXES:
                continue
            seen.add(after.script)
            plan = self._what_if.plan(indexes, after.sql)  # None where two indexes would have one name
            if plan is not None:
                yield Option(technique, application.target, after, plan)

    def _applications(self, draft: Draft) -> list[tuple[str, Application]]:
        """(technique, application) for the draft's query alone: what may be done does not depend on its indexes."""
        known = self._by_query.get(draft.sql)
        if known is None:
            known = self._by_query[draft.sql] = []
            for rule in RULES:
                try:
                    found = list(rule.applications(draft.with_indexes(()), self.schema))
                except SqlglotError:
                    continue  # sqlglot cannot write what it read: the technique does not apply
                known += [(rule.NAME, application) for application in found]
        return known

    def log_cost(self, draft: Draft, plan: Plan) -> float:
        """log10 of the rows that the plan of the draft seems to visit."""
        sizes = self._sizes.get(draft.sql)
        if sizes is None:
            named = {table.alias_or_name: self.schema.table(table.name) for table in draft.query.find_all(exp.Table)}
            sizes = {name: float(table.rows) for name, table in named.items() if table}
            self._sizes[draft.sql] = sizes
        return log_cost(plan, sizes)


@lru_cache(maxsize=16)
def board_for(ddl: str) -> Board:
    """The board of a schema; one is kept for each of the last schemas."""
    return Board(ddl)
