"""Queries are found in whatever a language model wrote around them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlopt_curricula.generator.slow_query_answers import Written, queries_of

WRITTEN = [Written("SELECT 1", "SELECT 2", "what?"), Written("WITH a AS (SELECT 1) SELECT * FROM a")]
OBJECT = {"queries": [{"question": "what?", "query": "SELECT 1;", "better": "SELECT 2"}, {"query": WRITTEN[1].query}]}
JSON = json.dumps(OBJECT)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (JSON, WRITTEN),
        (json.dumps(OBJECT["queries"]), WRITTEN),
        (f"Sure {{thing}}!\n```json\n{json.dumps(OBJECT, indent=2)}\n```\nGood luck.", WRITTEN),
        (f"<think>{{'query': no}} {JSON}</think>{JSON}", WRITTEN),
        (JSON[:-40], WRITTEN[:1]),
        ("\n".join(json.dumps(query) for query in OBJECT["queries"]), WRITTEN),
        (json.dumps({"queries": {"first": OBJECT["queries"][0]}}), WRITTEN[:1]),
        (json.dumps(["SELECT 1", "not a query", "SELECT 1"]), [Written("SELECT 1")]),
        ("```sql\nSELECT 1;\n```\nand\n```\nwith a as (select 1) select * from a\n```",
         [Written("SELECT 1"), Written("with a as (select 1) select * from a")]),
        (json.dumps({"query": "```sql\nSELECT 1\n```"}), [Written("SELECT 1")]),
        ('{"query": "SELECT \'\\ud800\'"}', [Written("SELECT '?'")]),
        ("SELECT 1;\n", [Written("SELECT 1")]),
        ("I cannot help with that.", []),
        ('{"queries": [{"query": 5}, {"query": ""}, null, [], "SELEC"]}', []),
        ("[" * 100_000, []),
        ("", []),
    ],
    ids=range(16),
)  # fmt: skip
def test_queries_are_found_however_they_are_wrapped(text: str, expected: list[Written]) -> None:
    assert queries_of(text) == expected


@settings(deadline=None, max_examples=100)
@given(st.text() | st.from_regex(r"[\[{}\]\"a-z:,`\\ ]{0,60}", fullmatch=True))
def test_any_text_gives_a_list(text: str) -> None:
    assert isinstance(queries_of(text), list)


@settings(deadline=None, max_examples=100)
@given(st.lists(st.from_regex(r"SELECT [a-z]{1,6}", fullmatch=True), max_size=5, unique=True), st.integers(0, 400))
def test_what_is_cut_off_keeps_its_whole_queries(queries: list[str], end: int) -> None:
    text = json.dumps({"queries": [{"query": query, "better": ""} for query in queries]})
    found = [written.query for written in queries_of(text[:end])]
    assert found == queries[: len(found)]
    assert len(found) == text[:end].count("}") - (end >= len(text))
