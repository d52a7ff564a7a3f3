"""A rewrite that knows the answer on the real database by heart gains nothing by it."""

from __future__ import annotations

from collections.abc import Iterator

import apsw
import pytest

from sqlopt_env import Judge, Task

ORIGINAL = (
    "SELECT count(*) FROM orders AS o JOIN users AS u ON u.id = o.user_id WHERE o.amount + 0 > 40 AND u.city LIKE '%a%'"
)
INDEXES = "CREATE INDEX i ON users (id, city);\n"
SIGN = "(SELECT sum(CAST(amount * 100 AS INTEGER) % 97) FROM orders)"
PADDINGS = (
    "0",
    "(SELECT count(*) FROM users WHERE age > 40)",
    "(SELECT count(*) FROM orders WHERE amount + 0 > 40)",
    "(SELECT count(*) FROM orders) + (SELECT count(*) FROM orders WHERE amount + 0 > 40)",
)


@pytest.fixture(scope="module", params=["steps", "time"])
def judge(request: pytest.FixtureRequest) -> Iterator[Judge]:
    with Judge(workers=1, measure=request.param) as judge:
        yield judge


@pytest.mark.parametrize("padding", PADDINGS)
def test_an_answer_by_heart_is_not_paid_more_than_the_query(judge: Judge, padding: str) -> None:
    connection = apsw.Connection(str(Judge.database_path("shop")), flags=apsw.SQLITE_OPEN_READONLY)
    answer, sign = connection.execute(ORIGINAL).get, connection.execute(f"SELECT {SIGN}").get
    task = Task("remembered", "shop", ORIGINAL)
    honest = judge.evaluate(task, INDEXES + ORIGINAL)
    script = f"{INDEXES}SELECT CASE WHEN {SIGN} = {sign} THEN {answer} + 0 * ({padding}) ELSE ({ORIGINAL}) END"
    evaluation = judge.evaluate(task, script)
    assert honest.outcome in ("improved", "equivalent")
    assert honest.speedup is not None
    if evaluation.outcome == "improved":
        assert evaluation.speedup is not None
        assert evaluation.speedup < 1.2 * max(1.0, honest.speedup), evaluation.reason
