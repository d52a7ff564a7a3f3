"""The shipped seeds: every answer returns the question's rows and is faster beyond doubt."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from sqlopt_env import Judge, load_tasks, seed_examples
from sqlopt_env.databases.shop import SCHEMA

EXAMPLES = seed_examples()
FIELDS = {
    "id", "description", "database", "schema", "slow_query", "fast_query", "explanation", "optimization_type",
}  # fmt: skip


def test_there_are_twenty_of_five_types() -> None:
    assert len(EXAMPLES) == 20
    assert len({example["id"] for example in EXAMPLES}) == 20
    types = Counter(example["optimization_type"] for example in EXAMPLES)
    assert set(types) == {"indexing", "join", "projection", "limit", "redundancy"}
    assert min(types.values()) >= 3


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example["id"])
def test_an_example_is_complete(example: dict[str, Any]) -> None:
    assert set(example) == FIELDS
    assert all(isinstance(value, str) and value.strip() for value in example.values())
    assert example["schema"] == SCHEMA


@pytest.mark.parametrize("task", load_tasks(), ids=lambda task: task.id)
def test_an_answer_is_the_same_query_and_at_least_one_and_a_half_times_faster(judge: Judge, task: Any) -> None:
    evaluation = judge.evaluate(task, task.reference)
    assert evaluation.outcome == "improved", evaluation.reason
    assert evaluation.speedup_interval is not None
    assert evaluation.effective_speedup is not None
    assert evaluation.speedup_interval[0] >= 1.5
    assert evaluation.effective_speedup >= 1.5
    assert not evaluation.baseline_is_lower_bound
