"""Every technique against its fixture, and every rewrite in a fixture against the original on random databases."""

from __future__ import annotations

from pathlib import Path

import pytest
from pairs_and_databases import Block, blocks, drafted, plain, shape, unequal
from sqlopt_agents.rules import RULES, rule
from sqlopt_agents.rules.base import KINDS

from sqlopt_env.databases.shop import SCHEMA
from sqlopt_env.trees.draft import parse_draft

FIXTURES = Path(__file__).parents[1] / "fixtures" / "rules"


BLOCKS = [block for path in sorted(FIXTURES.glob("*.sql")) for block in blocks(path)]
each_block = pytest.mark.parametrize("block", BLOCKS, ids=lambda block: f"{block.name}: {block.shows}")


@each_block
def test_a_technique_gives_what_its_fixture_shows_and_leaves_the_draft_alone(block: Block) -> None:
    draft, schema = drafted(block), shape(block.ddl)
    before = repr(draft.query)
    found = [f"-- target: {a.target}\n{a.draft.script}" for a in rule(block.name).applications(draft, schema)]
    assert plain("\n".join(found)) == plain(block.expected)
    assert repr(draft.query) == before


@each_block
def test_every_rewrite_that_any_technique_makes_of_a_fixture_query_is_equivalent(block: Block) -> None:
    draft, schema = drafted(block), shape(block.ddl)
    scripts = [draft.script]
    for technique in RULES:
        scripts += [application.draft.script for application in technique.applications(draft, schema)]
    for script in scripts:
        message = unequal(block.ddl, block.query, script)
        assert not message, message


def test_every_technique_has_a_fixture_with_two_firing_and_two_silent_blocks() -> None:
    for technique in RULES:
        mine = [block for block in BLOCKS if block.name == technique.NAME]
        firing = sum(bool(block.expected) for block in mine)
        assert firing >= 2, technique.NAME
        assert len(mine) - firing >= 2, technique.NAME
        assert technique.KIND in KINDS
    assert {block.name for block in BLOCKS} == {technique.NAME for technique in RULES}


def test_an_unknown_technique_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        rule("no_such_technique")


@pytest.mark.parametrize(
    "query",
    [
        "SELECT id FROM users WHERE +age = '1'",  # sqlglot drops the plus, and with it the meaning
        'SELECT id FROM users WHERE city = "Wien"',  # a string to SQLite, a column to sqlglot
        "SELECT u.id FROM users u NATURAL JOIN orders o",
        "VALUES (1), (2)",
        "DELETE FROM users",
        "SELECT FROM WHERE",
    ],
)
def test_a_query_that_sqlglot_reads_otherwise_than_sqlite_is_refused(query: str) -> None:
    assert parse_draft(query, shape(SCHEMA)) is None


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("SELECT u.id FROM users u, orders o", "SELECT u.id AS id FROM users AS u, orders AS o"),
        (
            "SELECT id FROM users WHERE age > (SELECT AVG(age) FROM users)",
            "SELECT users.id AS id FROM users AS users "
            "WHERE users.age > (SELECT AVG(users_2.age) AS _col_0 FROM users AS users_2)",
        ),
        (
            "SELECT lower(name) AS name FROM users ORDER BY upper(name)",
            "SELECT LOWER(users.name) AS name FROM users AS users ORDER BY UPPER(users.name)",
        ),
        (
            "SELECT id, (SELECT COUNT(*) FROM orders) FROM users ORDER BY 2",
            "SELECT users.id AS id, (SELECT COUNT(*) AS _col_0 FROM orders AS orders) AS _col_1 "
            "FROM users AS users ORDER BY _col_1",
        ),
    ],
    ids=["commas stay", "no name is hidden", "ORDER BY names its sources", "subqueries have names"],
)
def test_a_draft_is_written_out_in_full(query: str, expected: str) -> None:
    draft = parse_draft(query, shape(SCHEMA))
    assert draft is not None
    assert draft.sql == expected
