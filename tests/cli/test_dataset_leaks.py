"""A held-out query is found within another one, and nothing innocent is taken for one."""

from __future__ import annotations

import pytest

from sqlopt_env import load_tasks, seed_examples
from sqlopt_env.cli.datasets.leaks import leak

ON_SHOP = {"database": "shop"}


@pytest.mark.parametrize(
    "wrapped",
    [
        "SELECT * FROM ({q}) AS zz",
        "WITH zz AS ({q}) SELECT * FROM zz",
        "{q} LIMIT -1",
        "SELECT count(*) FROM ({q}) WHERE 1",
        "SELECT 1 WHERE EXISTS ({q})",
        "SELECT 1 UNION ALL SELECT count(*) FROM ({q} LIMIT 7)",
    ],
)
def test_a_held_out_query_within_another_is_found(wrapped: str) -> None:
    held_out = [task.query for task in load_tasks("heldout") if "LIMIT" not in task.query]
    assert len(held_out) > 50
    assert all(leak({**ON_SHOP, "slow_query": wrapped.format(q=query)}) for query in held_out[::10])
    assert not any(leak({**ON_SHOP, "slow_query": wrapped.format(q=seed["slow_query"])}) for seed in seed_examples())


@pytest.mark.parametrize("query", ["", "SELECT", "(" * 3000, "SELECT 1 FROM" + " (SELECT" * 900, "\0", "\ud800"])
def test_a_query_that_nobody_can_read_is_no_leak(query: str) -> None:
    assert leak({**ON_SHOP, "slow_query": query}) == ""
