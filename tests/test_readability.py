"""How large queries are said to be, and what an evaluation says of it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sqlopt_env import Evaluation, Judge, Task
from sqlopt_env.readability import counts, size_of
from sqlopt_env.types import Size, SizeChange


@pytest.mark.parametrize(
    ("query", "nodes", "depth", "joins", "subqueries"),
    [
        ("SELECT 1", 2, 0, 0, 0),
        ("SELECT a FROM t WHERE a >= -1.5e3 AND b = 'x y z'", 13, 0, 0, 0),
        ("  SELECT /* a comment ( */ a -- and ) another\n FROM t ; ", 4, 0, 0, 0),
        ('SELECT t."a b" FROM [t]', 5, 0, 0, 0),
        ("SELECT count(*), max(abs(a)) FROM t", 8, 2, 0, 0),
        ("SELECT a, b FROM t, u WHERE f(a, b) = 1 ORDER BY a, b", 16, 1, 1, 0),
        ("SELECT * FROM t JOIN u ON t.a = u.b LEFT JOIN v USING (a, b)", 18, 1, 2, 0),
        ("SELECT * FROM t JOIN (u, v) ON f(t.a, 1), w", 13, 1, 3, 0),
        ("SELECT * FROM ((t, u)), json_each('[]', '$') GROUP BY 1, 2", 12, 2, 2, 0),
        ("SELECT a FROM t JOIN u ON t.a IS NOT DISTINCT FROM u.b, v", 16, 0, 2, 0),
        ("SELECT a IS DISTINCT FROM b, c FROM t", 9, 0, 0, 0),
        ("SELECT a FROM t WHERE a IN (1, 2) AND b IN (SELECT b FROM u)", 16, 1, 0, 1),
        ("WITH c AS (SELECT 1), d(x) AS (VALUES (1), (2)) SELECT * FROM c, d", 16, 2, 1, 2),
        ("SELECT (((SELECT (SELECT a) FROM t))) FROM u", 8, 4, 0, 2),
        ("SELECT a FROM t UNION SELECT b FROM u", 9, 0, 0, 0),
    ],
)
def test_what_is_counted(query: str, nodes: int, depth: int, joins: int, subqueries: int) -> None:
    assert counts(query) == (nodes, depth, joins, subqueries)
    assert size_of(query) == Size(nodes, depth, joins, subqueries, indexes=0)


@given(st.text())
def test_any_text_has_a_size(text: str) -> None:
    assert min(counts(text)) >= 0


@given(st.lists(st.sampled_from("SELECT a FROM ( ) , t JOIN 'x' WHERE = .".split()), max_size=30))
def test_white_space_and_comments_count_nothing_and_a_pair_of_parentheses_is_a_level(parts: list[str]) -> None:
    query = " ".join(parts)
    assert counts("\n /* ( */ ".join(parts) + "-- , JOIN") == counts(query)
    nodes, depth, _, _ = counts(query)
    wider = counts(f"({query})")
    assert wider[0] == nodes
    assert wider[1] == depth + 1 or query.count(")") > 0


def test_a_hostile_text_is_counted_in_no_time() -> None:
    start = time.perf_counter()
    for text in ("(" * 60_000, "FROM," * 12_000, "'" * 60_000, "(SELECT " * 8_000):
        counts(text)
    assert time.perf_counter() - start < 3.0


@pytest.fixture
def task(database: Callable[..., str]) -> Task:
    path = database("CREATE TABLE t (a INTEGER, b INTEGER); INSERT INTO t VALUES (1, 2), (2, 3);")
    return Task("t", path, "SELECT a /* the first */ FROM t WHERE a = 1;")


@pytest.mark.parametrize(
    ("action", "after"),
    [
        ("SELECT a FROM t WHERE a = 1", Size(8, 0, 0, 0, 0)),
        ("CREATE INDEX i ON t (a); CREATE INDEX j ON t (b); SELECT a FROM (SELECT a FROM t) WHERE a IN (1)",
         Size(11, 1, 0, 1, 2)),
        ("SELECT b FROM t", Size(4, 0, 0, 0, 0)),  # refuted
        ("SELECT t.a, u.b FROM t, t AS u", Size(10, 0, 1, 0, 0)),  # the wrong number of columns
        ("DROP TABLE t", None),
        ("SELECT a FROM nowhere", None),
        ("", None),
    ],
)  # fmt: skip
def test_an_evaluation_carries_both_sizes_where_there_is_a_query(
    steps_judge: Judge, task: Task, action: str, after: Size | None
) -> None:
    evaluation = steps_judge.evaluate(task, action)
    assert evaluation.size == (after and SizeChange(Size(8, 0, 0, 0, 0), after))
    assert Evaluation.from_dict(json.loads(json.dumps(evaluation.to_dict()))) == evaluation


def test_a_record_from_before_there_were_sizes_is_read(steps_judge: Judge, task: Task) -> None:
    record = steps_judge.evaluate(task, task.query).to_dict()
    del record["size"]
    assert Evaluation.from_dict(record).size is None
