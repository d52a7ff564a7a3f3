"""Scripts under other names mean what they meant: every case runs before and after, on rows of the real recipe."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Sequence
from functools import cache
from itertools import islice
from pathlib import Path

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqlopt_env import load_tasks
from sqlopt_env.augmentation import renamed_script
from sqlopt_env.augmentation.prose import renamed_prose
from sqlopt_env.databases import DOMAINS, find_domain, renaming_of
from sqlopt_env.databases.renamed import RenamedDomain
from sqlopt_env.tasks import heldout_examples, seed_examples

CASES = tomllib.loads((Path(__file__).parents[1] / "fixtures" / "renamed.toml").read_text(encoding="utf-8"))
SEEDS = (1, 2, 3, 4, 5, 6, 999)
SHOP = [(case["name"], case["sql"]) for case in CASES["query"]]
SCRIPTS = [("shop", example[key]) for example in seed_examples() for key in ("slow_query", "fast_query")]
HELD_OUT = [(task.database, task.query) for task in load_tasks("heldout")]
ANSWERS = [(e["database"], e["best"]["script"]) for e in heldout_examples() if e.get("best")]


@cache
def opened(name: str) -> apsw.Connection:
    """A database of the first rows of each table, in memory."""
    domain = find_domain(name)
    assert domain is not None
    connection = apsw.Connection(":memory:")
    connection.execute(domain.SCHEMA)
    tables = domain.renaming.tables if isinstance(domain, RenamedDomain) else {}
    for table, rows in first_rows(name.partition("~")[0]):
        places = ", ".join("?" * len(rows[0]))
        connection.executemany(f"INSERT INTO {tables.get(table, table)} VALUES ({places})", rows)
    return connection


@cache
def first_rows(base: str) -> list[tuple[str, list[Sequence[object]]]]:
    return [(table, list(islice(rows, 300))) for table, rows in DOMAINS[base].rows(0, 1)]


def rows(name: str, script: str) -> list[object]:
    """What the script's query returns; its indexes are taken back."""
    connection = opened(name)
    connection.execute("BEGIN")
    try:
        return list(connection.execute(script))
    finally:
        connection.execute("ROLLBACK")


def renamed(database: str, seed: int, script: str) -> str:
    made = renamed_script(script, renaming_of(f"{database}~{seed}"))
    assert made is not None, script
    return made[0]


@pytest.mark.parametrize(("name", "sql"), SHOP, ids=[name for name, _ in SHOP])
def test_a_name_that_means_different_things_means_them_still(name: str, sql: str) -> None:
    expected = rows("shop", sql)
    assert expected
    for seed in SEEDS:
        new = renamed("shop", seed, sql)
        assert rows(f"shop~{seed}", new) == expected, new


@pytest.mark.parametrize("case", CASES["refused"], ids=lambda case: case["name"])
def test_what_is_not_certain_is_not_renamed(case: dict[str, str]) -> None:
    assert renamed_script(case["sql"], renaming_of("shop~1")) is None


def test_every_seed_query_and_answer_returns_the_same_rows_in_the_same_order() -> None:
    for database, script in SCRIPTS:
        expected = rows(database, script)
        for seed in (1, 2, 3):
            assert rows(f"{database}~{seed}", renamed(database, seed, script)) == expected, script


def test_generated_queries_return_the_same_rows() -> None:
    for number, (database, script) in enumerate([*HELD_OUT[:100:7], *ANSWERS[:100:7]]):  # of two domains
        seed = 1 + number % 2
        expected = rows(database, script)
        assert rows(f"{database}~{seed}", renamed(database, seed, script)) == expected, script


@settings(max_examples=50, deadline=None)
@given(
    case=st.sampled_from([*SCRIPTS, *HELD_OUT, *ANSWERS, *(("shop", sql) for _, sql in SHOP if sql.isascii())]),
    seed=st.integers(1, 12),
)
def test_the_way_back_leads_to_the_query(case: tuple[str, str], seed: int) -> None:
    database, script = case
    made = renamed_script(script, renaming_of(f"{database}~{seed}"))
    assert made is not None
    new, renaming = made
    assert ascii_lower(renaming.inverted().written(new)) == ascii_lower(script)
    old = {name.lower() for name in renaming.tables} | {column.lower() for _, column in renaming.columns}
    names = {word.lower() for word in re.findall(r"\w+", re.sub(r"'[^']*'|--.*|/\*.*?\*/", "", new))}
    assert not names & {name for name in old if name in renaming.names}


def ascii_lower(text: str) -> str:
    return "".join(chr(ord(c) + 32) if "A" <= c <= "Z" else c for c in text)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(1, 999), database=st.sampled_from(["shop", "social", "hr", "analytics", "content", "tpch"]))
def test_no_two_names_become_one(seed: int, database: str) -> None:
    domain = find_domain(f"{database}~{seed}")
    assert isinstance(domain, RenamedDomain)
    new = [name.lower() for name in domain.renaming.names.values()]
    assert len(set(new)) == len(new)
    assert not set(new) & set(domain.renaming.names)
    assert not set(new) & {"rowid", "oid", "_rowid_"}
    assert not set(new) & {keyword.lower() for keyword in apsw.keywords}
    assert all(re.fullmatch(r"[A-Za-z]\w*", name) and not name.startswith("sqlite_") for name in new)


@settings(max_examples=60, deadline=None)
@given(first=st.integers(1, 12), second=st.integers(1, 12))
def test_other_seeds_give_other_names(first: int, second: int) -> None:
    for database in ("shop", "social", "hr", "analytics", "content"):
        one, other = renaming_of(f"{database}~{first}").names, renaming_of(f"{database}~{second}").names
        assert (one == other) == (first == second)


def test_only_names_are_touched() -> None:
    sql = "SELECT  'users' AS x,id\tFROM users -- users\nWHERE name='id' AND 1=1"
    assert re.sub(r"\w+", "_", renamed("shop", 1, sql)) == re.sub(r"\w+", "_", sql)
    assert "'users'" in renamed("shop", 1, sql)
    assert "-- users" in renamed("shop", 1, sql)


def test_indexes_get_names_of_their_own() -> None:
    script = "CREATE INDEX idx_orders_user ON orders (user_id); SELECT id FROM orders INDEXED BY idx_orders_user"
    new = renamed("shop", 2, script + " WHERE user_id = 7")
    assert "idx_orders_user" not in new
    assert rows("shop~2", new) == rows("shop", script + " WHERE user_id = 7")


def test_an_answer_that_belongs_to_a_query_says_the_same_names() -> None:
    first = renamed_script("SELECT sum(amount) AS turnover_total FROM orders", renaming_of("shop~1"))
    assert first is not None
    second = renamed_script("SELECT sum(amount) AS turnover_total FROM orders", first[1])
    assert second is not None
    assert first[0] == second[0]


def test_prose_renames_names_and_leaves_words() -> None:
    made = renamed_script("SELECT a.amount AS order_sum FROM orders a", renaming_of("shop~1"))
    assert made is not None
    text = "Orders of a user in order: orders.user_id and a.amount, as order_sum. That is a. End"
    new = renamed_prose(text, made[1])
    names = made[1].names
    assert new.startswith(names["orders"].capitalize() + " of a user in order: ")
    assert f"{names['orders']}.{names['user_id']} and {names['a']}.{names['amount']}, as {names['order_sum']}." in new
    assert new.endswith("That is a. End")


@pytest.mark.parametrize("script", ["(" * 5000, "SELECT " + "a," * 3000, "\0", "'", "\ud800", "", "SELECT " * 3000])
def test_hostile_texts_are_refused_in_little_time(script: str) -> None:
    made = renamed_script(script, renaming_of("shop~1"))
    assert made is None or json.dumps(made[0])
