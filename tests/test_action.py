"""What is taken for SQL in a policy's text."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sqlopt_env.action import parse_action

SQL = "CREATE INDEX i ON t (a);\nSELECT a FROM t WHERE b = '```' OR c = '{}'"
PLAIN = "SELECT 1"
OBJECT = {"optimized_query": PLAIN, "explanation": "because", "optimization_type": "indexing"}


@pytest.mark.parametrize(
    ("text", "script"),
    [
        (SQL, SQL),
        (f"  {PLAIN}\n", PLAIN),
        (f"```sql\n{PLAIN}\n```", PLAIN),
        (f"```SQL\r\n{PLAIN}\r\n```", PLAIN),
        (f"```\n{PLAIN}\n```", PLAIN),
        (f"Sure:\n```sqlite\n{PLAIN}\n```\nDone.", PLAIN),
        (f"The original:\n```sql\nSELECT 2\n```\nBetter:\n```sql\n{PLAIN}\n```", PLAIN),
        (f"```sql\n{PLAIN}\n```\n```text\nSCAN t\n```", PLAIN),
        (f"```sql\n{PLAIN}", PLAIN),
        (f"<think>\nSELECT 3? ```sql\nSELECT 4\n```\n</think>\n{PLAIN}", PLAIN),
        (json.dumps(OBJECT), PLAIN),
        (f"```json\n{json.dumps(OBJECT, indent=2)}\n```", PLAIN),
        (f"My answer is {json.dumps(OBJECT)}, I hope.", PLAIN),
        ('{"optimized_query": "SELECT\n1"}', "SELECT\n1"),
        ('Use {x} and {"explanation": "of {y}", "optimized_query": "SELECT 1"} here.', PLAIN),
        (f"```sql {PLAIN}```", PLAIN),
        (f"```{PLAIN}```", PLAIN),
        (f"```mysql\n{PLAIN}\n```", PLAIN),
        (f"```sql\nCREATE INDEX i ON t (a);\n```\nand\n```sql\n{PLAIN}\n```", f"CREATE INDEX i ON t (a);\n{PLAIN}"),
        (json.dumps({"optimized_query": f"```sql\n{PLAIN}\n```"}), PLAIN),
        ('{"query": "SELECT 1"}', '{"query": "SELECT 1"}'),
        ('{"optimized_query": 5}', '{"optimized_query": 5}'),
        ("", ""),
    ],
)
def test_sql_is_found_in_what_models_write(text: str, script: str) -> None:
    assert parse_action(text).script == script


def test_explanation_and_type_are_taken_from_the_object() -> None:
    rewrite = parse_action(json.dumps(OBJECT))
    assert (rewrite.explanation, rewrite.optimization_type) == ("because", "indexing")


@given(st.text())
def test_any_text_gives_a_rewrite(text: str) -> None:
    assert isinstance(parse_action(text).script, str)


@pytest.mark.parametrize(
    "text", ["{" * 100_000, '{"optimized_query": ' + "[" * 100_000, "```" * 100_000, "`" * 300_000]
)
def test_hostile_text_is_read_quickly(text: str) -> None:
    assert isinstance(parse_action(text).script, str)
