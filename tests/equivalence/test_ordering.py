"""Which orders of an ordered query's rows are legal, judged on a real database."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sqlopt_env import Judge, Task

SCRIPT = """
CREATE TABLE t (id INTEGER PRIMARY KEY, k INTEGER, name TEXT, x REAL);
INSERT INTO t VALUES (1, 1, 'b', 0.1), (2, 1, 'a', 0.2), (3, NULL, 'B', 0.3), (4, 2, 'c', 0.4), (5, 2, 'C', 0.5),
                     (6, 2, 'd', 0.1), (7, 3, 'e', 0.2), (8, NULL, 'e', 0.3);
"""


@pytest.mark.parametrize(
    ("query", "rewrite", "same"),
    [
        ("SELECT id FROM t", "SELECT id FROM t ORDER BY id DESC", True),
        ("SELECT id FROM t ORDER BY k", "SELECT id FROM t ORDER BY k, id DESC", True),
        ("SELECT id FROM t ORDER BY k", "SELECT id FROM t ORDER BY k DESC", False),
        ("SELECT id FROM t ORDER BY k", "SELECT id FROM t ORDER BY k NULLS LAST", False),
        ("SELECT id FROM t ORDER BY k", "SELECT id FROM t", False),
        ("SELECT id FROM t ORDER BY k, id", "SELECT id FROM t ORDER BY k, id DESC", False),
        ("SELECT id, k AS kk FROM t ORDER BY kk DESC", "SELECT id, k FROM t ORDER BY k DESC, name", True),
        ("SELECT k, id FROM t ORDER BY 1", "SELECT k, id FROM t ORDER BY k, name", True),
        ("SELECT * FROM t ORDER BY k", "SELECT * FROM t ORDER BY k, name DESC", True),
        ("SELECT id FROM t ORDER BY name COLLATE NOCASE", "SELECT id FROM t ORDER BY lower(name), id DESC", True),
        ("SELECT id FROM t ORDER BY name", "SELECT id FROM t ORDER BY lower(name), id", False),
        ("SELECT id FROM t ORDER BY k LIMIT 4", "SELECT id FROM t ORDER BY k, id DESC LIMIT 4", True),
        ("SELECT id FROM t ORDER BY k LIMIT 6", "SELECT id FROM t ORDER BY k, id DESC LIMIT 6", True),
        ("SELECT id FROM t ORDER BY k LIMIT 6", "SELECT id FROM t ORDER BY k, id LIMIT 6", True),
        ("SELECT id FROM t ORDER BY k LIMIT 6", "SELECT id FROM t ORDER BY k LIMIT 5", False),
        ("SELECT id FROM t ORDER BY k LIMIT 6", "SELECT id FROM t ORDER BY k DESC LIMIT 6", False),
        ("SELECT id FROM t ORDER BY k LIMIT 2 OFFSET 3", "SELECT id FROM t ORDER BY k, id DESC LIMIT 2 OFFSET 3", True),
        ("SELECT id FROM t ORDER BY k LIMIT 3, 2", "SELECT id FROM t ORDER BY k, id DESC LIMIT 3, 2", True),
        ("SELECT id FROM t ORDER BY k LIMIT 3, 2", "SELECT id FROM t ORDER BY k LIMIT 2, 2", False),
        ("SELECT id FROM t ORDER BY k LIMIT 100 OFFSET 100", "SELECT 1 WHERE 0", False),
        ("SELECT DISTINCT k FROM t ORDER BY k", "SELECT k FROM t GROUP BY k ORDER BY k", True),
        ("SELECT DISTINCT k FROM t ORDER BY k", "SELECT k FROM t GROUP BY k ORDER BY k DESC", False),
        (
            "SELECT k, count(*) AS n FROM t GROUP BY k ORDER BY n DESC",
            "SELECT k, count(*) FROM t GROUP BY k ORDER BY 2 DESC, k DESC",
            True,
        ),
        (
            "SELECT k FROM t UNION ALL SELECT id FROM t ORDER BY 1",
            "SELECT id FROM t UNION ALL SELECT k FROM t ORDER BY 1",
            True,
        ),
        (
            "SELECT k, id FROM t UNION ALL SELECT id, k FROM t ORDER BY k",
            "SELECT id AS k, k AS id FROM t UNION ALL SELECT k, id FROM t ORDER BY k, id DESC",
            True,
        ),
        ("WITH w AS (SELECT * FROM t) SELECT id FROM w ORDER BY k", "SELECT id FROM t ORDER BY k, id DESC", True),
        ("SELECT id FROM (SELECT * FROM t ORDER BY id DESC)", "SELECT id FROM t", True),
        ("SELECT name, id FROM t ORDER BY (1)", "SELECT name, id FROM t", False),
        ("SELECT k, id FROM t ORDER BY k, (2)", "SELECT k, id FROM t ORDER BY k, id DESC", False),
        ("SELECT t.*, id % 2 AS k FROM t ORDER BY k", "SELECT t.*, id % 2 AS k FROM t ORDER BY id % 2", False),
        (
            "SELECT k * 100 + id AS k FROM t ORDER BY (k)",
            "SELECT k * 100 + id AS k FROM t ORDER BY t.k, id DESC",
            False,
        ),
        ("VALUES (1), (2)", "VALUES (2), (1)", True),
        ("SELECT id FROM t ORDER BY k LIMIT -1", "SELECT id FROM t ORDER BY k, id DESC", True),
        # A sum in another order may exchange two groups whose sums differ by less than floats can tell.
        (
            "SELECT k, sum(x) FROM t WHERE id IN (1, 2, 4, 5, 6, 7) GROUP BY k ORDER BY sum(x) LIMIT 2",
            "SELECT k, sum(x) FROM (SELECT * FROM t ORDER BY id DESC) WHERE id IN (1, 2, 4, 5, 6, 7)"
            " GROUP BY k ORDER BY sum(x) LIMIT 2",
            True,
        ),
    ],
)
def test_an_order_is_legal_or_not(
    steps_judge: Judge, database: Callable[..., str], query: str, rewrite: str, same: bool
) -> None:
    evaluation = steps_judge.evaluate(Task("t", database(SCRIPT), query), rewrite)
    assert (evaluation.outcome in ("improved", "equivalent")) is same, evaluation.reason
    assert same or evaluation.outcome == "refuted"
