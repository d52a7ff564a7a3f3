"""What may be done next to a draft: every technique at every place, with what its plan would become.

A drafting board belongs to one schema. It is the rule policy's world model: nothing here is measured.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from sqlglot.errors import SqlglotError

from sqlopt_env.sqlite.plan import WhatIf
from sqlopt_env.trees.draft import MAX_INDEXES, Draft, parse_draft
from sqlopt_env.trees.schema import Schema, read_schema
from sqlopt_env.types import Plan

from .plan_cost import Index, log_cost
from .rules import RULES
from .rules.base import Application, Rule
from .rules.unsound import UNSOUND
from .selectivity import Facts, facts

_REMEMBERED = 2000  # drafts; of a schema's first ones, all are forgotten together


@dataclass(frozen=True, slots=True)
class Option:
    """A technique applied at a target; `draft` and `plan` are what comes of it, `cost` what the plan seems to take."""

    technique: str
    kind: str  # one of rules.base.KINDS
    target: str
    draft: Draft
    plan: Plan
    cost: float  # log10 of the rows visited

    @property
    def name(self) -> str:
        return f"{self.technique}({self.target})"


class Board:
    """Expands drafts over one schema. Remembers what it has expanded."""

    def __init__(self, ddl: str, rules: Sequence[Rule] = RULES) -> None:
        self._what_if = WhatIf(ddl)
        self._rules = tuple(rules)
        self.schema: Schema = read_schema(ddl, self._what_if.connection)
        self._starts: dict[str, tuple[Draft, Plan] | None] = {}
        self._rewrites: dict[str, tuple[Option, ...]] = {}
        self._indexings: dict[str, tuple[Option, ...]] = {}
        self._by_query: dict[str, list[tuple[Rule, Application]]] = {}
        self._facts: dict[str, Facts] = {}

    def start(self, query: str) -> tuple[Draft, Plan] | None:
        """The query as a draft and its plan; None where sqlglot cannot read it, or reads another query."""
        if query not in self._starts:
            self._forget()
            draft = parse_draft(query, self.schema)
            plan = self._what_if.plan((), draft.sql) if draft is not None else None
            self._starts[query] = None if draft is None or plan is None else (draft, plan)
        return self._starts[query]

    def options(self, draft: Draft) -> tuple[Option, ...]:
        """Everything that may be done next; places that lead to the same script are named once.

        Index techniques come with those indexes only that the plan would use.
        """
        return self.indexings(draft) + self.rewrites(draft)

    def indexings(self, draft: Draft) -> tuple[Option, ...]:
        """The options that add an index."""
        known = self._indexings.get(draft.script)
        if known is None:
            self._forget()
            known = self._indexings[draft.script] = tuple(self._expand(draft, indexing=True))
        return known

    def rewrites(self, draft: Draft) -> tuple[Option, ...]:
        """The options that change the query."""
        known = self._rewrites.get(draft.script)
        if known is None:
            self._forget()
            known = self._rewrites[draft.script] = tuple(self._expand(draft, indexing=False))
        return known

    def reach(self, draft: Draft, plan: Plan) -> float:
        """What the draft seems to take with the best index more, where one helps."""
        return min([self.log_cost(draft, plan), *(option.cost for option in self.indexings(draft))])

    def _expand(self, draft: Draft, indexing: bool) -> Iterator[Option]:
        seen = {draft.script}
        for rule, application in self._applications(draft):
            new = application.draft.indexes
            if bool(new) != indexing:
                continue
            indexes = tuple(dict.fromkeys((*draft.indexes, *new)))
            after = application.draft.with_indexes(indexes)
            if after.script in seen or len(indexes) > MAX_INDEXES:
                continue
            seen.add(after.script)
            plan = self._what_if.plan(indexes, after.sql)  # None where two indexes would have one name
            if plan is not None and all(_uses(plan, statement) for statement in new):
                yield Option(rule.NAME, rule.KIND, application.target, after, plan, self.log_cost(after, plan))

    def _applications(self, draft: Draft) -> list[tuple[Rule, Application]]:
        """(technique, application) for the draft's query alone: what may be done does not depend on its indexes."""
        known = self._by_query.get(draft.sql)
        if known is None:
            known = self._by_query[draft.sql] = []
            for rule in self._rules:
                try:
                    found = list(rule.applications(draft.with_indexes(()), self.schema))
                except SqlglotError:
                    continue  # sqlglot cannot write what it read: the technique does not apply
                known += [(rule, application) for application in found]
        return known

    def log_cost(self, draft: Draft, plan: Plan) -> float:
        """log10 of the rows that the plan of the draft seems to visit, the building of its indexes charged."""
        known = self._facts.get(draft.sql)
        if known is None:
            known = self._facts[draft.sql] = facts(draft, self.schema)
        return log_cost(plan, known, tuple(map(_index, draft.indexes)))

    def _forget(self) -> None:
        """Keeps a long run over many queries from growing without bound."""
        if len(self._rewrites) + len(self._indexings) > _REMEMBERED:
            for memory in (self._starts, self._rewrites, self._indexings, self._by_query, self._facts):
                memory.clear()


@lru_cache(maxsize=16)
def board_for(ddl: str, *, unsound: bool = False) -> Board:
    """The board of a schema; one is kept for each of the last schemas. `unsound` adds the unsound techniques."""
    return Board(ddl, (*RULES, *UNSOUND) if unsound else RULES)


def _uses(plan: Plan, index: str) -> bool:
    """Whether the plan reads the index of a CREATE INDEX statement of ours."""
    return any(_index(index).name in detail.split() for _, detail in plan.steps)


@lru_cache(maxsize=1000)
def _index(statement: str) -> Index:
    """A CREATE INDEX statement of ours, whose name has no blanks."""
    before, _, after = statement.partition(" ON ")
    table, _, rest = after.partition(" (")
    name = table.removeprefix('"').removesuffix('"').replace('""', '"')
    return Index(before.split(" ", 3)[2], name, ") WHERE " in rest)
