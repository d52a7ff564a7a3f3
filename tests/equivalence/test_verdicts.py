"""Right and wrong rewrites over schemas of our own, and witnesses replayed with SQLite alone."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import apsw
import pytest

from sqlopt_env import verify

FOLDER = Path(__file__).parents[1] / "fixtures" / "verdicts"
SCHEMAS = tomllib.loads((FOLDER / "schemas.toml").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Case:
    name: str
    schema: str
    original: str
    rewrite: str


def cases(label: str) -> Iterator[Case]:
    for path in sorted(FOLDER.glob("*.toml")):
        for query in tomllib.loads(path.read_text(encoding="utf-8")).get("query", []):
            for why, rewrite in query.get(label, []):
                yield Case(f"{path.stem}: {why}", SCHEMAS[query["schema"]], query["original"], rewrite)


def named(case: Case) -> str:
    return case.name


@pytest.mark.parametrize("case", list(cases("equivalent")), ids=named)
def test_a_right_rewrite_is_accepted(case: Case) -> None:
    verdict = verify(case.schema, case.original, case.rewrite)
    assert verdict.status in ("proved", "tested"), f"{verdict.reason}\n{verdict.witness}"


@pytest.mark.parametrize("case", list(cases("inequivalent")), ids=named)
def test_a_wrong_rewrite_is_refuted_by_a_legal_database(case: Case) -> None:
    verdict = verify(case.schema, case.original, case.rewrite)
    assert verdict.status == "refuted", verdict.reason
    connection = apsw.Connection(":memory:")
    connection.pragma("foreign_keys", True)
    for script in (case.schema, verdict.witness):
        connection.execute(script).fetchall()
    *indexes, query = case.rewrite.split("; ")
    expected = [comparable(row) for row in connection.execute(case.original)]
    for index in indexes:
        connection.execute(index)
    got = [comparable(row) for row in connection.execute(query)]
    differ = expected != got if "ORDER BY" in case.original else Counter(expected) != Counter(got)
    assert differ or width(connection, case.original) != width(connection, query), verdict.witness


@pytest.mark.parametrize("case", list(cases("unknown")), ids=named)
def test_what_no_small_database_shows_is_unknown(case: Case) -> None:
    verdict = verify(case.schema, case.original, case.rewrite)
    assert verdict.status == "unknown", verdict.reason
    assert case.name.partition(": ")[2] in verdict.reason


def width(connection: apsw.Connection, query: str) -> int:
    """The number of columns, also where there are no rows."""
    return len(connection.execute(f"SELECT * FROM (SELECT 1) LEFT JOIN ({query}) LIMIT 1").fetchall()[0])


def comparable(row: tuple[apsw.SQLiteValue, ...]) -> tuple[tuple[str, str], ...]:
    """The row with its numbers to nine digits, so that what counts as a difference is beyond the tolerance of sums."""
    return tuple(("number", f"{v:.9g}") if isinstance(v, int | float) else (type(v).__name__, str(v)) for v in row)
