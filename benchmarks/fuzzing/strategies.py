"""Actions made of nothing: texts, bytes, soups of SQL's tokens, nested queries, and the forms an answer may have."""

from __future__ import annotations

import json
import warnings
from typing import Any, TypeAlias

import apsw
import hypothesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import HypothesisWarning

from sqlopt_env.sqlite.authorizer import FUNCTIONS

Texts: TypeAlias = st.SearchStrategy[str]

KEYWORDS = """
    ALL AND AS ASC BETWEEN BY CASE CAST COLLATE CREATE CROSS DELETE DESC DISTINCT ELSE END ESCAPE EXCEPT EXISTS EXPLAIN
    FILTER FROM FULL GLOB GROUP HAVING IN INDEX INDEXED INNER INSERT INTERSECT INTO IS ISNULL JOIN LEFT LIKE LIMIT
    MATERIALIZED NATURAL NOT NOTNULL NULL NULLS OFFSET ON OR ORDER OUTER OVER PARTITION PRAGMA RANGE RECURSIVE REGEXP
    ROWS SELECT TABLE THEN UNION UNIQUE UPDATE USING VALUES WHEN WHERE WINDOW WITH
""".split()
OPERATORS = "+ - * / % || = == <> != < <= > >= & | << >> ~ -> ->> ( ) , ; . IS BETWEEN IN LIKE GLOB AND OR NOT".split()
NAMES = [
    *"users u orders o id name email age city signup_date user_id product amount order_date rowid i r x".split(),
    *'sales tree parent "select" "from" "ünï" small twice pairs k n v roots sqlite_schema pragma_table_info'.split(),
    *'json_each generate_series random load_extension "a b"'.split(" ", 4),
]
LITERALS = (
    "0 1 -1 2 439 1.5 1e308 -9e999 9223372036854775807 -9223372036854775808 9223372036854775808 0x7fffffffffffffff"
    " NULL '' 'a' 'tablet' '2024-02-30' '2024-05-01' x'' x'00ff' x'6 '%d%%' '%*d' '$' '$.a' '{\"a\":[1]}' 'é\u202e'"
    " ?1 :a"
).split()
_COLUMNS = ("u.id", "o.id", "u.name", "u.age", "u.city", "o.user_id", "o.amount", "o.order_date", "u.signup_date")
_FORMS = (
    "(%s + %s)", "(%s || %s)", "(%s = %s)", "(%s IS NOT %s)", "(%s < %s)", "nullif(%s, %s)", "coalesce(%s, %s)",
    "(%s IN (%s, 1))", "(%s BETWEEN 0 AND %s)", "(%s LIKE %s)", "(%s -> %s)", "iif(%s, %s, 2)", "printf('%%s', %s, %s)",
    "CASE %s WHEN %s THEN 1 END", "(SELECT max(%s) FROM users WHERE age > %s)", "substr(%s, %s)", "round(%s, %s)",
    "replace(%s, 'a', %s)", "EXISTS (SELECT %s FROM orders WHERE id = %s)", "sum(%s) OVER (ORDER BY %s)",
    "count(DISTINCT %s) FILTER (WHERE %s)", "date(%s, %s)", "json_array(%s, %s)", "(%s %% %s)", "(%s << %s)",
)  # fmt: skip


# The functions that compute a value, with the number of their arguments.
_CALLS = sorted(
    (name, arguments if arguments >= 0 else 2)
    for name, arguments in apsw.Connection(":memory:").execute(
        "SELECT DISTINCT name, narg FROM pragma_function_list WHERE type = 's'"
    )
    if name in FUNCTIONS and not name.startswith("-")
)


def _nesting(inner: Texts) -> Texts:
    calls = st.sampled_from(_CALLS).flatmap(
        lambda call: st.tuples(st.just(call[0]), st.lists(inner, min_size=call[1], max_size=call[1]))
    )
    forms = st.tuples(st.sampled_from(_FORMS), inner, inner)
    return st.one_of(
        forms.map(lambda drawn: drawn[0] % drawn[1:]), calls.map(lambda drawn: f"{drawn[0]}({', '.join(drawn[1])})")
    )


EXPRESSIONS: Texts = st.recursive(
    st.sampled_from([*_COLUMNS, *(value for value in LITERALS if value[0] not in "?:" and value != "x'6")]),
    _nesting,
    max_leaves=8,
)
SOUP: Texts = st.recursive(
    st.sampled_from([*KEYWORDS, *OPERATORS, *NAMES, *LITERALS, *sorted(FUNCTIONS)]),
    lambda inner: st.lists(inner, min_size=1, max_size=8).map(lambda parts: f"({' '.join(parts)})"),
    max_leaves=25,
)
_FROM = ("", " FROM users u", " FROM orders o", *[" FROM users u JOIN orders o ON o.user_id = u.id AND u.id < 500"] * 5)
_TAILS = ("", " LIMIT 20", " GROUP BY 1", " ORDER BY 1 LIMIT -1 OFFSET 3", " UNION SELECT 1, 2, 3", " LIMIT 1e400")


def _query(columns: int) -> Texts:
    terms = st.lists(EXPRESSIONS, min_size=columns, max_size=columns).map(", ".join)
    where = st.one_of(st.just(""), EXPRESSIONS.map(lambda condition: f" WHERE {condition}"))
    parts = st.tuples(terms, st.sampled_from(_FROM), where, st.sampled_from(_TAILS))
    return parts.map(lambda drawn: "SELECT " + "".join(drawn))


NESTED: Texts = st.sampled_from([1, 2, 3, 3, 6]).flatmap(_query)
_SCRIPTS = st.one_of(NESTED, SOUP, st.just("SELECT id, product, amount FROM orders LIMIT 20"))


def _answer(drawn: tuple[str, Any, dict[str, Any], int]) -> str:
    """An answer in JSON: whole, cut short, in prose, or in a fence."""
    script, other, more, form = drawn
    text = json.dumps({**more, "optimized_query": script, "explanation": other}, ensure_ascii=form % 2 == 0)
    return (text, text[: len(text) * 2 // 3], f"Well: {text} so!", f"```json\n{text}\n```", f"[{text}]", text * 2)[
        form % 6
    ]


_VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda v: st.lists(v) | st.dictionaries(st.text(), v),
    max_leaves=6,
)
_KEYS = st.sampled_from(["optimized_query", "optimization_type", "query", "sql", ""]) | st.text()
ANSWERS: Texts = st.tuples(_SCRIPTS, _VALUES, st.dictionaries(_KEYS, _VALUES, max_size=3), st.integers(0, 11)).map(
    _answer
)
_LANGUAGES = st.sampled_from(["", "sql", "SQL", "json", "sqlite", "python", "`", "sql\r"])
_FENCES = st.tuples(_LANGUAGES, _SCRIPTS, st.sampled_from(["```", "", "``", "~~~", "``` ```"]), st.text(max_size=20))
FENCED: Texts = st.lists(_FENCES.map(lambda f: f"{f[3]}\n```{f[0]}\n{f[1]}\n{f[2]}"), min_size=1, max_size=3).map(
    "\n".join
)

STRATEGIES: dict[str, Texts] = {
    "text": st.text(st.characters(), max_size=400),  # with lone surrogates
    "bytes": st.binary(max_size=400).map(lambda raw: raw.decode("latin-1")),
    "soup": st.tuples(st.sampled_from(["", "SELECT ", "WITH r AS ", "CREATE INDEX i ON orders "]), SOUP).map("".join),
    "nested": NESTED,
    "answers": ANSWERS,
    "fences": FENCED,
}


def examples(strategy: Texts, count: int, seed: int) -> list[str]:
    """So many texts of the strategy, the same for the same seed."""
    drawn: list[str] = []

    def collect(example: str) -> None:
        drawn.append(example)

    for again in range(20):
        if len(drawn) < count:
            quiet = settings(
                max_examples=count - len(drawn), database=None, phases=[Phase.generate], deadline=None,
                suppress_health_check=list(HealthCheck),
            )  # fmt: skip
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", HypothesisWarning)
                hypothesis.seed(seed * 1000 + again)(quiet(given(strategy)(collect)))()
    return drawn[:count]
