"""Renamed queries run on renamed databases, in worker processes: the same rows, or a sentence that says why not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sqlopt_env.augmentation import renamed_script
from sqlopt_env.augmentation.rows import RowCheck
from sqlopt_env.databases import renaming_of
from sqlopt_env.tasks import seed_examples


@pytest.fixture(scope="module")
def check() -> Iterator[RowCheck]:
    with RowCheck(seconds=1.0) as check:
        yield check


def renamed(query: str) -> str:
    made = renamed_script(query, renaming_of("shop~1"))
    assert made is not None
    return made[0]


def test_the_seeds_return_their_rows_on_a_renamed_shop(check: RowCheck) -> None:
    for example in seed_examples()[:5]:
        query = example["slow_query"]
        assert check.difference("shop", query, "shop~1", renamed(query)) == ""
        assert check.rows("shop", query).number > 0


@pytest.mark.parametrize(
    ("query", "other"),
    [
        ("SELECT id FROM users ORDER BY id LIMIT 9", "SELECT id FROM users ORDER BY id LIMIT 8"),
        ("SELECT id FROM users ORDER BY id LIMIT 9", "SELECT id FROM users WHERE id < 11 ORDER BY id DESC LIMIT 9"),
        ("SELECT 1 FROM users", "SELECT 1.0 FROM users"),
        ("SELECT 1 FROM users", "SELECT '1' FROM users"),
    ],
)
def test_other_rows_orders_and_types_are_seen(check: RowCheck, query: str, other: str) -> None:
    assert "it returns other rows" in check.difference("shop", query, "shop~1", renamed(other))


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ('SELECT id FROM users WHERE city = "product"', 'no such column: "product"'),
        ("SELECT colour FROM users", "no such column: colour"),
        ("DELETE FROM users", "DELETE users is not allowed"),
        ("CREATE INDEX i ON users (id); SELECT 1", "it must be one query"),
        ("SELECT random() FROM users", "random"),
        ("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n", "longer than 1 s"),
        ("", "it holds no SQL"),
    ],
)
def test_what_returns_no_rows_is_told_in_a_sentence(check: RowCheck, query: str, reason: str) -> None:
    assert reason in check.rows("shop", query).problem
    assert check.difference("shop", query, "shop~1", query).startswith("the original on shop: ")


def test_a_text_in_double_quotes_is_a_problem_in_an_index_too(check: RowCheck) -> None:
    assert check.problem("shop", "CREATE INDEX i ON users (lower(city)); SELECT 1") == ""
    assert "no such column" in check.problem("shop", 'CREATE INDEX i ON users ("colour"); SELECT 1')
    assert "no such column" in check.problem("shop", 'SELECT id FROM users WHERE city = "Wien"')
