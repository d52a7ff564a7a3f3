"""The generator on real databases: good tasks, the same ones for a seed, none that another fold has."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import apsw
import numpy as np
import pytest
from sqlopt_curricula.diversity import diversity, fingerprints
from sqlopt_curricula.generator.author import Candidate, GrammarAuthor
from sqlopt_curricula.generator.catalogue import Catalogue
from sqlopt_curricula.generator.generate import GIVE_UP, Generator, Known, Slot
from sqlopt_curricula.generator.indexing import index_pool
from sqlopt_curricula.generator.pessimisers import PESSIMISERS
from sqlopt_curricula.generator.shapes import SHAPES
from sqlopt_curricula.generator.slow_query import SlowQuery
from sqlopt_curricula.generator.summary import summarise

from sqlopt_env import Judge, SqlOptError, seed_examples
from sqlopt_env.databases import HELD_OUT, TRAINING
from sqlopt_env.types import Demands

KINDS = ("exact", "literals", "names", "shape")


def texts(slots: list[Slot]) -> list[str]:
    return [slot.query.task.query for slot in slots if slot.query]


@pytest.fixture(scope="module")
def two() -> Iterator[Judge]:
    with Judge(workers=2, measure="steps") as judge:
        yield judge


@pytest.fixture(scope="module")
def made(two: Judge) -> list[Slot]:
    return list(Generator(two, "shop", 0).slots(len(SHAPES)))


def test_there_are_shapes_and_pessimisers_enough_with_names_of_their_own() -> None:
    for kinds in ([shape.NAME for shape in SHAPES], [pessimiser.NAME for pessimiser in PESSIMISERS]):
        assert len(set(kinds)) == len(kinds) >= 14


def test_every_slot_has_a_query_that_the_judge_takes_with_an_answer_that_it_pays(
    made: list[Slot], steps_judge: Judge
) -> None:
    improved = 0
    for slot in made:
        assert slot.query is not None
        steps_judge.prepare(slot.query.task)
        evaluation = steps_judge.evaluate(slot.query.task, slot.query.task.reference)
        assert evaluation.outcome in ("improved", "equivalent", "unverified"), evaluation.reason
        if evaluation.outcome == "improved":
            improved += 1
            assert evaluation.rewrite_seconds is not None
            # More where the rewrite does more once the database is a little changed: the judge takes that.
            assert round(evaluation.rewrite_seconds * 1e6) >= slot.query.reference_steps
    assert improved >= 0.85 * len(made)


def test_queries_are_new_of_many_shapes_and_of_their_fold(made: list[Slot]) -> None:
    summary = summarise(made)
    assert summary.diversity == diversity(texts(made))
    assert (summary.diversity.literals, summary.diversity.names) == (1.0, 1.0)
    assert len(summary.shapes) >= 14
    assert {fingerprints(text).fold for text in texts(made)} == {"even"}


def test_one_worker_makes_the_same_queries_and_can_begin_in_the_middle(made: list[Slot], steps_judge: Judge) -> None:
    known = Known()
    first = list(Generator(steps_judge, "shop", 0, known=known).slots(5))
    assert [slot.query for slot in first] == [slot.query for slot in made[:5]]
    rest = list(Generator(steps_judge, "shop", 0, known=known).slots(8, closed=5))
    assert [slot.query for slot in rest] == [slot.query for slot in made[5:8]]


def test_neighbouring_seeds_and_held_out_tasks_share_no_fingerprint(made: list[Slot], two: Judge) -> None:
    neighbour = texts(list(Generator(two, "shop", 1).slots(8)))
    held_out = texts(list(Generator(two, "shop", 0, fold="heldout").slots(8)))
    for some, others in ((neighbour, texts(made)), (held_out, texts(made)), (neighbour, held_out)):
        for kind in KINDS:
            assert not {getattr(fingerprints(q), kind) for q in some} & {getattr(fingerprints(q), kind) for q in others}


def test_known_queries_and_tree_shapes_are_kept_away_from() -> None:
    seeds = [example["slow_query"] for example in seed_examples()]
    known = Known(away_from=seeds[:1])
    assert seeds[0] in known
    assert seeds[1] not in known
    known.add(seeds[1])
    assert seeds[1].replace("lower", "LOWER") in known


def test_a_record_survives_a_trip_through_a_dictionary(made: list[Slot]) -> None:
    for slot in made:
        assert slot.query is not None
        assert SlowQuery.from_dict(slot.query.to_dict()) == slot.query
    with pytest.raises(SqlOptError, match="no generated task"):
        SlowQuery.from_dict({"id": "x"})


@pytest.mark.parametrize("domain", [*TRAINING, *(name for name in HELD_OUT if name != "tpch")])
def test_what_shapes_and_pessimisers_write_is_valid_on_every_domain(domain: str, steps_judge: Judge) -> None:
    author = GrammarAuthor(steps_judge.survey(domain), "even")
    connection = apsw.Connection(str(Judge.database_path(domain)), flags=apsw.SQLITE_OPEN_READONLY)
    written = 0
    for number in range(3 * len(SHAPES)):
        candidate = author.write(author.shapes[number % len(SHAPES)], np.random.default_rng([5, number]))
        if candidate is not None:
            written += 1
            for query in (candidate.query, candidate.good):
                connection.execute(f"EXPLAIN {query}").fetchall()
    assert written > len(SHAPES)


ODD = """
CREATE TABLE "order" ("select" INTEGER PRIMARY KEY, "a b" TEXT, "quo""te" REAL, [group] INTEGER, d TEXT, "Müll" TEXT);
CREATE TABLE child ("order_id" INTEGER, n INTEGER NOT NULL, blobs BLOB, void TEXT, when_ TEXT,
    PRIMARY KEY (order_id, n)) WITHOUT ROWID;
CREATE TABLE empty (id INTEGER PRIMARY KEY, x TEXT);
CREATE VIEW seen AS SELECT * FROM "order";
WITH RECURSIVE i (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i WHERE n < 6000)
INSERT INTO "order" SELECT n, 'it''s ' || (n % 50), n * 1.5, n % 40, date('2023-02-28', (n % 300) || ' days'),
    CASE n % 3 WHEN 0 THEN NULL WHEN 1 THEN 'ß' ELSE '2023-02-30' END FROM i;
INSERT INTO child SELECT "select" / 3 + 1, "select", x'00ff', NULL, d FROM "order";
"""


def test_an_own_database_with_odd_names_and_values_will_do(two: Judge, database: Callable[..., str]) -> None:
    path = database(ODD)
    before = Path(path).read_bytes()
    slots = list(Generator(two, path, 0).slots(20))
    refused = summarise(slots).refused
    assert len(texts(slots)) == 20
    assert not refused["invalid"]
    assert not refused["unequal"]
    assert not refused["undetermined"]
    assert Path(path).read_bytes() == before


@pytest.mark.parametrize(
    "script", ["CREATE TABLE t (a)", "CREATE VIEW v AS SELECT 1", "CREATE TABLE t (a); INSERT INTO t VALUES (1)"]
)
def test_a_database_without_a_large_table_is_refused(two: Judge, database: Callable[..., str], script: str) -> None:
    with pytest.raises(SqlOptError, match="no table of 1,000 rows"):
        Generator(two, database(script), 0)


def test_a_database_in_which_nothing_is_slow_ends_soon(two: Judge, database: Callable[..., str]) -> None:
    path = database("CREATE TABLE t (a INTEGER); WITH RECURSIVE i (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i"
                    " WHERE n < 1500) INSERT INTO t SELECT n FROM i")  # fmt: skip
    slots = list(Generator(two, path, 0, demands=Demands(4_000_000)).slots(50))
    assert len(slots) == GIVE_UP
    assert not texts(slots)
    assert summarise(slots).refused.most_common(1)[0][0] == "cheap"


def test_index_pools_are_accepted_by_sqlite(steps_judge: Judge, database: Callable[..., str]) -> None:
    path = database(ODD)
    pool = index_pool(Catalogue(steps_judge.survey(path)))
    connection = apsw.Connection(path)
    for statement in pool:
        connection.execute(statement)
    assert 5 <= len(pool) <= 60


class OwnAuthor:
    """An author as a language model would be one: its shapes are its own, and not all it writes is good."""

    shapes = ("mine",)

    def __init__(self, *_: object) -> None:
        self._texts = [
            "SELECT FROM",
            "DELETE FROM orders",
            "SELECT random() FROM orders",
            "SELECT id FROM orders LIMIT 5",
            "SELECT product, amount FROM orders GROUP BY product",
            "SELECT 1",
            "SELECT * FROM orders a, orders b, orders c",
            "SELECT id FROM orders WHERE product = 'no such thing'",
            "WITH RECURSIVE r (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT * FROM r",
        ]

    def write(self, shape: str, rng: np.random.Generator) -> Candidate | None:
        choice = int(rng.integers(len(self._texts) + 2))
        if choice < len(self._texts):
            return Candidate(self._texts[choice], "", shape)
        number = int(rng.integers(1000))
        order = "id" if choice % 2 else "amount, id"
        slow = f"SELECT id, amount FROM orders WHERE user_id + 0 = {number} ORDER BY {order}"
        return Candidate(slow, slow.replace(" + 0", ""), shape)


def test_another_author_gets_the_same_treatment(two: Judge) -> None:
    slots = list(Generator(two, "shop", 1, author=OwnAuthor).slots(6)) + list(
        Generator(two, "shop", 0, author=OwnAuthor).slots(6)
    )
    summary = summarise(slots)
    assert 1 <= summary.count <= 2  # there are two queries, of whatever folds
    assert all(query.startswith("SELECT id, amount") for query in texts(slots))
    assert {"invalid", "undetermined", "cheap"} <= set(summary.refused)


@pytest.mark.parametrize(("settings", "sentence"), [({"seed": -1}, "seed must be"), ({"seed": True}, "seed must be")])
def test_wrong_settings_are_named(two: Judge, settings: dict[str, int], sentence: str) -> None:
    with pytest.raises(SqlOptError, match=sentence):
        Generator(two, "shop", **settings)


def test_a_judge_of_time_is_refused(judge: Judge) -> None:
    with pytest.raises(SqlOptError, match='measure="steps"'):
        Generator(judge, "shop", 0)
