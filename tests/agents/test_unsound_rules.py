"""The deliberately unsound techniques: none of them is among the real ones, and the judge refutes what each does."""

from __future__ import annotations

import pytest
from pairs_and_databases import shape
from sqlopt_agents.rules import RULES
from sqlopt_agents.rules.base import KINDS, Rule
from sqlopt_agents.rules.unsound import UNSOUND

from sqlopt_env import Judge, Task
from sqlopt_env.databases.shop import SCHEMA
from sqlopt_env.trees.draft import parse_draft

QUERIES = {
    "add_limit": "SELECT o.id, o.amount FROM orders o WHERE o.amount > 100 ORDER BY o.amount, o.id",
    "drop_condition": "SELECT COUNT(*) FROM orders o WHERE o.user_id < 700 AND o.amount > 100",
    "ignore_nulls": "SELECT id FROM users WHERE id < 9 AND id NOT IN (SELECT user_id FROM orders o WHERE o.id < 999)",
    "join_for_in": "SELECT id FROM users WHERE id < 9 AND id IN (SELECT user_id FROM orders o WHERE o.id < 999)",
    "keep_duplicates": "SELECT u.city FROM users u WHERE u.id < 99 UNION SELECT o.product FROM orders o WHERE o.id < 9",
}
each = pytest.mark.parametrize("technique", UNSOUND, ids=lambda technique: technique.NAME)


def test_none_of_them_is_among_the_techniques() -> None:
    assert not {technique.NAME for technique in UNSOUND} & {technique.NAME for technique in RULES}
    assert {technique.NAME for technique in UNSOUND} == set(QUERIES)


@each
def test_the_judge_refutes_what_it_makes_of_some_query(technique: Rule, judge: Judge) -> None:
    query = QUERIES[technique.NAME]
    draft = parse_draft(query, shape(SCHEMA))
    assert draft is not None
    before = repr(draft.query)
    rewrites = [application.draft.script for application in technique.applications(draft, shape(SCHEMA))]
    assert repr(draft.query) == before
    assert technique.KIND in KINDS
    assert rewrites
    task = Task(technique.NAME, "shop", query)
    assert {judge.evaluate(task, rewrite).outcome for rewrite in rewrites} == {"refuted"}
