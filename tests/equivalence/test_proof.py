"""Every rule of the proof proves its pair, and not the pair's near miss; what is proved holds on small databases."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import apsw
import pytest

from sqlopt_env.equivalence.proof import prove
from sqlopt_env.equivalence.refute import Refuter
from sqlopt_env.equivalence.shape import TableShape, read_shape
from sqlopt_env.sqlite.connection import memory_connection
from sqlopt_env.sqlite.copies import Copy
from sqlopt_env.sqlite.script import read_script
from sqlopt_env.types import Settings

FIXTURES = Path(__file__).parents[1] / "fixtures" / "proof"
SCHEMA = (FIXTURES / "schema.sql").read_text(encoding="utf-8")
RULES = [
    rule
    for file in ("rules.toml", "conditions.toml")
    for rule in tomllib.loads((FIXTURES / file).read_text(encoding="utf-8"))["rule"]
]


def named(rule: dict[str, Any]) -> str:
    return str(rule["name"])


def shapes(schema: str) -> list[TableShape]:
    connection = apsw.Connection(":memory:")
    connection.execute(schema).fetchall()
    return read_shape(connection)


def difference(schema: str, original: str, rewrite: str, instances: int) -> str:
    """How the two differ on one of so many random legal databases, or ""."""
    connection = memory_connection()
    connection.execute(schema).fetchall()
    settings = Settings(measure="steps")
    copy = Copy(connection, settings)
    first, second = (read_script(connection, copy.authorizer, query, settings) for query in (original, rewrite))
    return Refuter(copy).search(first, second, instances, 0, 10.0).difference


@pytest.mark.parametrize("rule", RULES, ids=named)
def test_a_rule_proves_its_pair(rule: dict[str, Any]) -> None:
    schema = rule.get("schema", SCHEMA)
    proof = prove(shapes(schema), rule["original"], rule["rewrite"])
    assert proof
    assert rule.get("by", "") in proof


@pytest.mark.parametrize("rule", RULES, ids=named)
def test_a_pair_that_is_proved_holds_on_small_databases(rule: dict[str, Any]) -> None:
    assert difference(rule.get("schema", SCHEMA), rule["original"], rule["rewrite"], instances=100) == ""


@pytest.mark.parametrize("rule", [rule for rule in RULES if "near_miss" in rule], ids=named)
def test_a_near_miss_is_not_proved(rule: dict[str, Any]) -> None:
    original = rule.get("near_original", rule["original"])
    assert prove(shapes(rule.get("schema", SCHEMA)), original, rule["near_miss"]) == ""


@pytest.mark.parametrize("rule", [rule for rule in RULES if "near_schema" in rule], ids=named)
def test_a_pair_is_not_proved_under_a_weaker_schema(rule: dict[str, Any]) -> None:
    strong, weak = rule["near_schema"]
    assert strong in SCHEMA
    schema = SCHEMA.replace(strong, weak)
    assert prove(shapes(schema), rule["original"], rule["rewrite"]) == ""
    assert difference(schema, rule["original"], rule["rewrite"], instances=100)


@pytest.mark.parametrize(
    "query",
    [
        "",
        "SELECT",
        "SELECT * FROM nowhere",
        "SELECT nothing FROM books",
        "SELECT random() FROM books",
        "SELECT rowid FROM books",
        "SELECT title COLLATE NOCASE FROM books",
        "SELECT title, COUNT(*) FROM books",
        "SELECT group_concat(title) FROM books",
        "SELECT * FROM (SELECT title FROM books LIMIT 1)",
        "SELECT (SELECT title FROM books)",
        "SELECT a.id FROM books AS a, books AS a",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5) SELECT i FROM n",
        "SELECT " + "(" * 400 + "1" + ")" * 400,
        "SELECT id FROM books WHERE " + " OR ".join(f"pages = {number} AND price > {number}" for number in range(300)),
    ],
)
def test_what_is_not_understood_is_not_proved_and_raises_nothing(query: str) -> None:
    assert prove(shapes(SCHEMA), query, query + " ") in ("", "both have the same normal form")
    assert prove(shapes(SCHEMA), "SELECT id FROM books", query) == ""


def test_the_same_pair_gets_the_same_proof() -> None:
    rule = next(rule for rule in RULES if rule.get("by"))
    proofs = {prove(shapes(SCHEMA), rule["original"], rule["rewrite"]) for _ in range(3)}
    assert len(proofs) == 1
