"""LIMITs that only one of two queries has: none is paid that no small database can check."""

from __future__ import annotations

import time

import pytest

from sqlopt_env.equivalence.limits import strange_limit
from sqlopt_env.equivalence.tiebreak import tie_broken

NUMBERED = "SELECT id FROM (SELECT id, row_number() OVER (ORDER BY day, id) {} FROM loans) AS x WHERE {}"
PLAIN = "SELECT id FROM loans ORDER BY day, id {}"


@pytest.mark.parametrize("alias", ["AS rn", "rn", 'AS "rn"'])
@pytest.mark.parametrize(
    ("condition", "limit"),
    [
        ("rn <= 10", "LIMIT 10"),
        ("rn < 11 ORDER BY rn", "LIMIT 10"),
        ("x.rn <= 10", "LIMIT 2 * 5"),
        ("10 >= rn", "LIMIT 10"),
        ("11 > x.rn AND id > 0", "LIMIT 10"),
        ("rn BETWEEN 11 AND 20", "LIMIT 10 OFFSET 10"),
        ("rn BETWEEN 10 + 1 AND (20) ORDER BY rn", "LIMIT 10, 10"),
        ("rn > 10 AND rn <= 20", "LIMIT 10 OFFSET 10"),
        ("rn >= 11 AND rn < 21", "LIMIT 10 OFFSET 10"),
        ("10 < rn AND 20 >= rn", "LIMIT 10 OFFSET 10"),
        ("rn = 5000", "LIMIT 1 OFFSET 4999"),
        ("rn > 5000", "LIMIT -1 OFFSET 5000"),
        ("rn <= 5000", "LIMIT 5000"),
    ],
)
def test_comparisons_with_row_numbers_may_become_limits(alias: str, condition: str, limit: str) -> None:
    assert strange_limit(NUMBERED.format(alias, condition), PLAIN.format(limit)) == ""


def test_a_row_number_may_be_named_by_with() -> None:
    query = "WITH t (id, rn) AS (SELECT id, row_number() OVER w FROM loans WINDOW w AS (ORDER BY day, id)) SELECT id"
    assert strange_limit(f"{query} FROM t WHERE rn <= 700", PLAIN.format("LIMIT 700")) == ""
    assert strange_limit(f"{query} FROM t WHERE id <= 700", PLAIN.format("LIMIT 700"))


@pytest.mark.parametrize(
    ("original", "rewrite"),
    [
        ("SELECT id FROM loans ORDER BY id LIMIT 5 * 4", "SELECT id FROM loans ORDER BY id LIMIT 20"),
        ("SELECT id FROM loans ORDER BY id LIMIT 20", "SELECT id FROM loans ORDER BY id LIMIT (40 / 2)"),
        ("SELECT id FROM loans ORDER BY id LIMIT 10, 20", "SELECT id FROM loans ORDER BY id LIMIT 20 OFFSET 10"),
        ("SELECT count(*) FROM t WHERE offset > 1450", "SELECT count(*) FROM t WHERE +offset > 1450"),
        ("SELECT offset FROM t WHERE offset > 1450", "SELECT offset FROM t WHERE 1450 < offset LIMIT -1"),
        ("SELECT sum(x) FROM (SELECT x FROM t LIMIT 1000)", "SELECT sum(x) FROM t"),  # small databases judge it
        ("SELECT x FROM t LIMIT -1 OFFSET 5", "SELECT x FROM t LIMIT 9223372036854775807 OFFSET 5"),
        ("SELECT sum(x) FROM (SELECT x FROM t LIMIT 9223372036854775807)", "SELECT sum(x) FROM t"),
        ("SELECT sum(x) FROM (SELECT x FROM t LIMIT 100000)", "SELECT sum(x) FROM (SELECT x FROM t LIMIT 1e5)"),
        (
            "SELECT id FROM t ORDER BY id LIMIT 9 OFFSET 5000",
            "SELECT id FROM (SELECT id, row_number() OVER (ORDER BY id) AS n FROM t) WHERE n > 5000 AND n <= 5009",
        ),
        ("SELECT max(x) FROM t", "SELECT x FROM t ORDER BY x DESC LIMIT 1"),
    ],
)
def test_limits_that_both_have_are_let_alone(original: str, rewrite: str) -> None:
    assert strange_limit(original, rewrite) == ""


@pytest.mark.parametrize(
    ("original", "rewrite"),
    [
        (
            "SELECT id, count(*) OVER () AS all_of_them FROM loans WHERE days < 3500",
            "SELECT id, count(*) OVER () AS all_of_them FROM loans WHERE days < 3500 LIMIT 3500",
        ),
        (NUMBERED.format("AS rn", "rn < 11"), PLAIN.format("LIMIT 11")),
        (NUMBERED.format("AS rn", "rn > 500"), PLAIN.format("LIMIT 500")),
        (NUMBERED.format("AS rn", "rn > 10 AND id < 700"), PLAIN.format("LIMIT 700 OFFSET 10")),
        (
            "SELECT id FROM (SELECT id, sum(days) OVER (ORDER BY id) AS s FROM loans) WHERE s <= 900",
            "SELECT id FROM loans ORDER BY id LIMIT 900",
        ),
        (
            "SELECT id FROM (SELECT id, rank() OVER (PARTITION BY day ORDER BY id) AS n FROM loans) WHERE n <= 900",
            "SELECT id FROM loans ORDER BY id LIMIT 900",
        ),
        ("SELECT id FROM loans ORDER BY id LIMIT 20", "SELECT id FROM loans ORDER BY id LIMIT 40"),
        ("SELECT sum(x) FROM (SELECT x FROM t ORDER BY x DESC LIMIT 100000)", "SELECT sum(x) FROM t"),
        ("SELECT sum(x) FROM (SELECT x FROM t ORDER BY x DESC LIMIT 1000 * 100)", "SELECT sum(x) FROM t"),
        ("SELECT sum(x) FROM (SELECT x FROM t LIMIT (SELECT 100000))", "SELECT sum(x) FROM t"),
        ("SELECT sum(x) FROM (SELECT x FROM t LIMIT -1 OFFSET 90000)", "SELECT 0"),
        ("SELECT x FROM t", "SELECT x FROM t LIMIT (SELECT 700 LIMIT 1)"),
        ("SELECT x FROM t", "SELECT x FROM t \ufeffLIMIT \ufeff700"),
        ("SELECT x FROM t", "SELECT x FROM t LIMIT 0x2BC"),
        ("SELECT x FROM t", "SELECT x FROM t LIMIT 1, 700"),
        ("SELECT max(x, 1) FROM t", "SELECT max(x, 1) FROM t LIMIT 700"),
    ],
)
def test_limits_that_only_one_has_are_told(original: str, rewrite: str) -> None:
    assert strange_limit(original, rewrite)


@pytest.mark.parametrize("piece", ["LIMIT ", "LIMIT (", "LIMIT 1, ", "OVER ", "OVER (", "rn < 1 + ", "1 + ", "(", ")"])
def test_hostile_texts_are_read_in_a_short_time(piece: str) -> None:
    start = time.thread_time()
    strange_limit("SELECT 1", f"SELECT row_number() OVER () rn LIMIT {piece * (60_000 // len(piece))}")
    assert time.thread_time() - start < 6.0  # what takes the square of its length needs a minute


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("SELECT a, b FROM t ORDER BY NULL /* x", "SELECT a, b FROM t ORDER BY NULL, 1, 2"),
        ("SELECT a, b FROM t ORDER BY a -- x", "SELECT a, b FROM t ORDER BY a, 1, 2"),
        ("SELECT a, b FROM t ORDER BY a -- x\n LIMIT 5 /* y", "SELECT a, b FROM t ORDER BY a, 1, 2 LIMIT 5"),
        ("SELECT a, b FROM t ORDER BY (SELECT 1 LIMIT 1) -- x", "SELECT a, b FROM t ORDER BY (SELECT 1 LIMIT 1), 1, 2"),
        ("SELECT a, b FROM (SELECT * FROM t ORDER BY 1) -- ORDER BY 1", ""),
    ],
)
def test_ties_are_broken_where_order_by_ends(query: str, expected: str) -> None:
    assert tie_broken(query, 2, descending=False) == expected
