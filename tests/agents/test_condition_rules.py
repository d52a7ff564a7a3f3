"""Every technique on conditions, on conditions of all kinds drawn by chance, against random databases."""

from __future__ import annotations

import random

import pytest
from pairs_and_databases import shape, unequal
from sqlopt_agents.rules import rule

from sqlopt_env.databases.shop import SCHEMA
from sqlopt_env.trees.draft import parse_draft

QUERIES = 12  # of one seed
SHOP = shape(SCHEMA)
TECHNIQUES = (
    "or_to_in", "sargable_date", "sargable_arithmetic", "sargable_cast", "sargable_concat", "drop_coalesce",
    "case_to_condition", "push_not", "prefix_to_range", "factor_or", "transitive_filter", "own_key_to_filter",
    "merge_derived_table",
)  # fmt: skip
SOURCES = (
    "users u JOIN orders o ON o.user_id = u.id",
    "users u LEFT JOIN (SELECT id, user_id, product, order_date FROM orders WHERE amount > 1) o ON o.user_id = u.id",
    "(SELECT DISTINCT * FROM users WHERE age < 20) u LEFT JOIN orders o ON o.user_id = u.id AND o.user_id > 1",
)
COMPARED = (
    ("u.age, u.id, o.user_id, u.age + 2, 3 - u.age, u.age * 2, u.age / 2, COALESCE(u.age; 2)", "-1, 0, 1, 2, 7"),
    ("u.city, u.city || '', CAST(o.product AS TEXT), COALESCE(u.city; 'a'), substr(u.name; 1; 1)", "'a', 'b', 'ab'"),
    ("date(o.order_date), u.signup_date", "'2024-01-01', '2024-02-29'"),
    ("strftime('%Y'; o.order_date), substr(u.signup_date; 1; 4)", "'2023', '2024'"),
    ("CAST(u.age AS TEXT), o.user_id || ''", "'1', '-1', '01'"),
)
OTHERS = (
    "u.age IS NULL",
    "u.city LIKE '1%'",
    "u.name LIKE 'a%'",
    "u.id BETWEEN 1 AND 3",
    "o.id IN (SELECT q.id FROM orders q WHERE q.amount > 1)",
    "EXISTS (SELECT 1 FROM users q WHERE q.id = u.id AND q.age <= 2)",
)


def one_test(draws: random.Random) -> str:
    if draws.random() < 0.25:
        return draws.choice(OTHERS)
    sides, literals = draws.choice(COMPARED)
    side = draws.choice(sides.split(", ")).replace(";", ",")
    low, high = (draws.choice(literals.split(", ")) for _ in range(2))
    sign = draws.choice(("=", "<>", "<", "<=", ">", ">="))
    case = f"CASE {side} WHEN {low} THEN 1 WHEN {high} THEN {draws.randint(0, 1)} ELSE {draws.randint(0, 2)} END = 1"
    return draws.choice(
        (f"{side} {sign} {low}", f"{side} IN ({low}, {high})", f"{side} BETWEEN {low} AND {high}", case)
    )


def condition(draws: random.Random, depth: int = 0) -> str:
    kind = draws.random() if depth < 2 else 0.0
    if kind < 0.4:
        return one_test(draws)
    one, other = condition(draws, depth + 1), condition(draws, depth + 1)
    if kind < 0.8:
        return f"({one} {draws.choice(('AND', 'OR'))} {other})"
    return f"NOT ({one})" if kind < 0.9 else f"(({one} AND {other}) OR ({one} AND {one_test(draws)}))"


@pytest.mark.parametrize("seed", range(6))
def test_a_technique_on_conditions_leaves_the_rows_as_they_are(seed: int) -> None:
    draws = random.Random(seed)
    for _ in range(QUERIES):
        where = f"{condition(draws)} AND {condition(draws)}" if draws.random() < 0.5 else condition(draws)
        query = f"SELECT u.id, o.id, {one_test(draws)} FROM {draws.choice(SOURCES)} WHERE {where}"
        draft = parse_draft(query, SHOP)
        assert draft is not None, query
        for name in TECHNIQUES:
            for application in rule(name).applications(draft, SHOP):
                message = unequal(SCHEMA, query, application.draft.script, n=8, seed=seed)
                assert not message, f"{name}: {message}"
