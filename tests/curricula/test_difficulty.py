"""From easy to hard: levels that open when the newest is mastered, and grades that say what is hard."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlopt_curricula import Difficulty, Grade, Stage2, grade_of, graded
from sqlopt_curricula.generator.slow_query import SlowQuery

from sqlopt_env import Judge, SqlOptError, Task
from sqlopt_env.curriculum import Curriculum, stream

ROWS = """
    CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER NOT NULL, b TEXT NOT NULL);
    WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n LIMIT 3000)
    INSERT INTO t (a, b) SELECT i * 7919 % 1000, 'b' || (i % 10) FROM n;
"""


def tasks(count: int, name: str = "t") -> list[Task]:
    return [Task(f"{name}{number:03d}", "shop", f"SELECT {number}") for number in range(count)]


def grade(task: Task) -> Grade:
    """Ten tasks of one technique, then ten of two, and so on."""
    number = int(task.id[1:])
    return Grade(1 + number // 10, number % 10)


class Endless:
    """New tasks for ever, with grades in no order."""

    def __init__(self) -> None:
        self.drawn = 0
        self.told: list[str] = []

    def next_task(self) -> Task:
        self.drawn += 1
        return Task(f"e{self.drawn * 37 % 50:03d}-{self.drawn}", "shop", "SELECT 1")

    def record(self, task: Task, *, success: bool, reward: float) -> None:
        self.told.append(task.id)

    def state(self) -> dict[str, Any]:
        return {"drawn": self.drawn}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.drawn = state["drawn"]


def attempt(curriculum: Curriculum, count: int, success: bool) -> list[Task]:
    drawn = []
    for _ in range(count):
        drawn.append(curriculum.next_task())
        curriculum.record(drawn[-1], success=success, reward=float(success))
    return drawn


def test_grades_are_ordered_by_techniques_first_and_then_by_cost() -> None:
    assert Grade(1, 6.5) < Grade(2, 4.0) < Grade(2, 4.5)


def test_it_begins_with_the_easiest_level_and_stays_there_until_it_is_mastered() -> None:
    curriculum = Difficulty(tasks(50), grade=grade, window=10, patience=None)
    drawn = attempt(curriculum, 60, success=False)
    assert curriculum.level == 0
    assert {task.id for task in drawn} == {f"t{number:03d}" for number in range(10)}


def test_levels_open_one_after_the_other_and_earlier_ones_keep_coming() -> None:
    curriculum = Difficulty(tasks(50), grade=grade, window=10, promote=0.8, review=0.2)
    opened = [curriculum.level]
    for _ in range(200):
        drawn = attempt(curriculum, 1, success=True)[0]
        assert grade(drawn).techniques <= opened[-1] + 1
        opened.append(curriculum.level)
    assert sorted(set(opened)) == [0, 1, 2, 3, 4]
    assert sorted(opened) == opened
    assert opened.count(0) == 10  # attempts at one level fill the window
    assert opened.count(1) == pytest.approx(10 / 0.8, abs=1.5)  # of which the reviewed ones are not
    later = Counter(grade(task).techniques for task in attempt(curriculum, 100, success=False))
    assert later == Counter({5: 80, 1: 5, 2: 5, 3: 5, 4: 5})


def test_a_level_that_cannot_be_mastered_ends_by_patience() -> None:
    curriculum = Difficulty(tasks(50), grade=grade, window=10, patience=25)
    attempt(curriculum, 24, success=False)
    assert curriculum.level == 0
    attempt(curriculum, 1, success=False)
    assert curriculum.level == 1


def test_late_results_of_an_earlier_level_open_nothing() -> None:
    curriculum = Difficulty(tasks(50), grade=grade, window=4)
    early = attempt(curriculum, 4, success=True)
    assert curriculum.level == 1
    for task in early * 5:
        curriculum.record(task, success=True, reward=1.0)
    assert curriculum.level == 1


def test_an_endless_source_is_graded_batch_by_batch() -> None:
    source = Endless()
    by_number: Callable[[Task], Grade] = lambda task: Grade(1, int(task.id[1:4]))  # noqa: E731
    curriculum = Difficulty(source, grade=by_number, levels=5, batch=50, window=5)
    drawn = attempt(curriculum, 3, success=True) + attempt(curriculum, 22, success=False)
    assert {int(task.id[1:4]) for task in drawn} == set(range(10))
    assert len({task.id for task in drawn}) == 25
    assert source.told == [task.id for task in drawn]
    assert curriculum.level_of(Grade(1, 49)) == 4
    assert max(map(len, curriculum.state()["queues"])) <= 50


def test_equal_grades_are_one_level() -> None:
    curriculum = Difficulty(tasks(20), grade=lambda _: Grade(1, 5.0), window=2)
    attempt(curriculum, 50, success=True)
    assert curriculum.level == 0


def test_a_level_of_which_nothing_comes_any_more_gives_way_to_its_neighbour() -> None:
    class Drying(Endless):
        def next_task(self) -> Task:
            task = super().next_task()
            return task if self.drawn <= 10 else Task(f"e004-{self.drawn}", "shop", "SELECT 1")

    by_number: Callable[[Task], Grade] = lambda task: Grade(1, int(task.id[1:4]))  # noqa: E731
    curriculum = Difficulty(Drying(), grade=by_number, levels=5, batch=10, window=3)
    assert len(list(stream(curriculum, 40))) == 40


def test_what_a_source_gave_before_it_ended_is_still_handed_out() -> None:
    class Short(Endless):
        def next_task(self) -> Task:
            if self.drawn == 7:
                raise SqlOptError("there is no task any more")
            return super().next_task()

    curriculum = Difficulty(Short(), grade=lambda _: Grade(1, 1.0), batch=5)
    assert len(list(stream(curriculum, 7))) == 7
    with pytest.raises(SqlOptError, match="no task any more"):
        curriculum.next_task()


@settings(max_examples=15, deadline=None)
@given(levels=st.integers(1, 8), count=st.integers(1, 30), successes=st.lists(st.booleans(), max_size=60))
def test_every_task_of_a_list_has_a_level_and_no_level_is_skipped(
    levels: int, count: int, successes: list[bool]
) -> None:
    curriculum = Difficulty(tasks(count), grade=grade, levels=levels, window=2, patience=3)
    before = 0
    for success in successes:
        attempt(curriculum, 1, success)
        assert curriculum.level - before in (0, 1)
        before = curriculum.level
    assert curriculum.level < min(levels, count)
    attempt(curriculum, 3 * count * levels, success=True)
    assert {task.id for task in attempt(curriculum, 12 * count * levels, success=True)} <= {t.id for t in tasks(count)}


def test_a_generated_query_is_graded_by_what_its_generator_noted() -> None:
    query = SlowQuery(tasks(1)[0], "lookup", ("or_for_in", "x"), 100_000, 10, 5, 100.0, 3, 1)
    assert grade_of(query) == Grade(3, 5.0)


def test_a_stage_2_brings_its_grades() -> None:
    class Small(Endless):
        """Answers as Stage2 does."""

        def query(self, task_id: str) -> SlowQuery:
            return SlowQuery(Task(task_id, "shop", ""), "", (), 10, 1, 1, 2.0, 1 + int(task_id[1:4]) // 10, 1)

    curriculum = Difficulty(Small(), batch=50)
    assert {int(task.id[1:4]) // 10 for task in attempt(curriculum, 20, success=False)} == {0}
    with Stage2() as stage:  # the real one: nothing is written before the first draw
        assert Difficulty(stage).level == 0


def test_known_answers_are_graded_by_what_their_indexes_do_alone(
    steps_judge: Judge, database: Callable[..., str]
) -> None:
    path = database(ROWS)
    either = "SELECT id FROM t WHERE a + 0 = 7"
    index = "CREATE INDEX i ON t (a);\n"
    given = [
        Task("index", path, "SELECT id FROM t WHERE a = 7", reference=f"{index}SELECT id FROM t WHERE a = 7"),
        Task("rewrite", path, either, reference=f"{index}SELECT id FROM t WHERE a = 7"),
        Task("unknown", path, either),
        Task("wrong", path, either, reference="SELECT 1"),
    ]
    grades = graded(given, steps_judge)
    assert {name: grade.techniques for name, grade in grades.items()} == {
        "index": 1, "rewrite": 2, "unknown": 1, "wrong": 1,
    }  # fmt: skip
    assert all(3.5 < grade.cost < 5 for grade in grades.values())  # a few steps for each of 3,000 rows
    assert grades == graded(given, steps_judge)
    first = Difficulty(given, grade=grades, levels=2, window=1)
    assert {task.id for task in attempt(first, 6, success=False)} < {"index", "unknown", "wrong"}


def test_grades_by_the_clock_are_refused(judge: Judge) -> None:
    with pytest.raises(SqlOptError, match='give a Judge\\(measure="steps"\\)'):
        graded(tasks(1), judge)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"grade": None}, "say how tasks are graded"),
        ({"grade": 5}, "grade must be a function"),
        ({"levels": 0}, "levels must be a whole number"),
        ({"batch": 1.5}, "batch must be a whole number"),
        ({"promote": 2}, "promote must be a share"),
        ({"review": -0.1}, "review must be a share"),
        ({"patience": 0}, "patience must be a whole number"),
        ({"window": -3}, "window must be a whole number"),
    ],
)
def test_a_bad_argument_is_said_in_one_sentence(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(SqlOptError, match=f"^[^\n]*{said}[^\n]*$"):
        Difficulty(tasks(3), **{"grade": grade, **arguments})


@pytest.mark.parametrize(("grades", "said"), [({}, "'t00.' needs a Grade, and there is none"), (str, "it is str")])
def test_a_task_without_a_grade_is_named(grades: Any, said: str) -> None:
    with pytest.raises(SqlOptError, match=said):
        Difficulty(tasks(3), grade=grades).next_task()


@pytest.mark.parametrize(("techniques", "cost"), [(-1, 1.0), (1.5, 1.0), (1, float("nan")), (1, "dear")])
def test_what_is_no_grade_is_refused(techniques: Any, cost: Any) -> None:
    with pytest.raises(SqlOptError, match="must be a"):
        Grade(techniques, cost)


def test_a_restored_one_asks_no_grade_of_what_was_graded() -> None:
    one = Difficulty(tasks(50), grade=grade, window=5)
    attempt(one, 6, success=True)
    other = Difficulty(tasks(50), grade={}, window=5)
    other.restore(json.loads(json.dumps(one.state())))
    assert other.level == one.level == 1
    assert list(stream(other, 5)) == list(stream(one, 5))
