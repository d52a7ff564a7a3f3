"""Techniques one after another, as a policy applies them: what comes of a few random steps is still the same query."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from pairs_and_databases import blocks, drafted, shape, unequal
from sqlopt_agents.rules import RULES

FIXTURES = Path(__file__).parents[1] / "fixtures" / "rules"
TECHNIQUES = [technique for technique in RULES if technique.KIND != "indexing"]
FILES = sorted(path for path in FIXTURES.glob("*.sql") if path.stem in {technique.NAME for technique in TECHNIQUES})
QUERIES = [block for path in FILES for block in blocks(path) if block.expected]


@pytest.mark.parametrize("seed", range(24))
def test_a_few_random_techniques_in_a_row_leave_the_query_equivalent(seed: int) -> None:
    draws = random.Random(seed)
    block = draws.choice(QUERIES)
    draft, schema, path = drafted(block), shape(block.ddl), []
    for _ in range(3):
        found = [(rule.NAME, application) for rule in TECHNIQUES for application in rule.applications(draft, schema)]
        if found:
            name, application = draws.choice(found)
            path.append(name)
            draft = application.draft
    message = unequal(block.ddl, block.query, draft.script, n=20, seed=seed)
    assert not message, f"{block.name}: {path}\n{message}"
