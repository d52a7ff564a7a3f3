"""Shares that are kept to the task, results that find their part, and the one curriculum after the other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlopt_curricula import Epochs, Sequential, WeightedMix
from sqlopt_curricula.routing import Handed

from sqlopt_env import SqlOptError, Task
from sqlopt_env.curriculum import Curriculum, stream


def tasks(name: str, count: int = 3) -> list[Task]:
    return [Task(f"{name}{number}", "shop", f"SELECT {number}") for number in range(count)]


class Listening(Epochs):
    """Remembers what it was told."""

    def __init__(self, name: str, count: int = 3) -> None:
        super().__init__(tasks(name, count))
        self.told: list[tuple[str, bool, float]] = []

    def record(self, task: Task, *, success: bool, reward: float) -> None:
        self.told.append((task.id, success, reward))


def names(curriculum: Curriculum, count: int) -> str:
    """The first letters of the next tasks."""
    return "".join(task.id[0] for task in stream(curriculum, count))


@settings(max_examples=40, deadline=None)
@given(weights=st.lists(st.integers(0, 50), min_size=1, max_size=8).filter(any), count=st.integers(1, 120))
@example(weights=[8, 8, 8, 1, 1, 1], count=27)  # the largest deficit alone strays here
def test_each_part_has_its_share_to_within_less_than_one_task_after_any_number(weights: list[int], count: int) -> None:
    mix = WeightedMix([(tasks(chr(97 + number)), weight) for number, weight in enumerate(weights)])
    given_so_far: Counter[str] = Counter()
    for drawn in range(1, count + 1):
        given_so_far[names(mix, 1)] += 1
        for number, weight in enumerate(weights):
            assert abs(given_so_far[chr(97 + number)] * sum(weights) - weight * drawn) < sum(weights)


def test_of_every_twenty_tasks_six_are_of_stage_1() -> None:
    mix = WeightedMix.of_stages(tasks("a"), tasks("b"))
    assert [names(mix, 20).count("a") for _ in range(50)] == [6] * 50


def test_weights_need_not_add_up_to_one_and_decimals_are_what_they_look_like() -> None:
    mix = WeightedMix([(tasks("a"), 0.1), (tasks("b"), 0.2), (tasks("c"), 0.4)])
    assert [Counter(names(mix, 7)) for _ in range(30)] == [Counter(a=1, b=2, c=4)] * 30


def test_results_go_to_the_part_that_handed_the_task_out() -> None:
    one, other = Listening("a"), Listening("b")
    mix = WeightedMix([(one, 1), (other, 1)])
    drawn = list(stream(mix, 4))
    for number in (3, 0, 0):
        mix.record(drawn[number], success=number == 0, reward=number / 2)
    told = {task.id[0]: (task.id, success, reward) for task, success, reward in [(drawn[0], True, 0.0)]}
    assert one.told + other.told == [(drawn[0].id, True, 0.0)] * 2 + [(drawn[3].id, False, 1.5)]
    assert told[drawn[0].id[0]] in one.told


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ([], "at least one pair"),
        (None, "at least one pair"),
        ([(tasks("a"), 0.0)], "above 0"),
        ([(tasks("a"), -1)], "a share must be a number from 0"),
        ([(tasks("a"), float("nan"))], "a share must be a number"),
        ([(tasks("a"), True)], "a share must be a number"),
        ([tasks("a")], "part 1 of a mix must be a pair"),
        ([(5, 1)], "lacks some of them"),
        ([("tasks.json", 1)], "lacks some of them"),
        ([([], 1)], "the list is empty"),
    ],
)
def test_what_is_no_mix_is_said_in_one_sentence(parts: Any, said: str) -> None:
    with pytest.raises(SqlOptError, match=f"^[^\n]*{said}[^\n]*$"):
        WeightedMix(parts)


def test_a_mix_beyond_one_is_refused() -> None:
    with pytest.raises(SqlOptError, match="mix must be a share from 0 to 1"):
        WeightedMix.of_stages(tasks("a"), tasks("b"), mix=30)


def test_the_second_part_begins_when_the_first_is_mastered_and_not_before() -> None:
    both = Sequential(tasks("a"), tasks("b"), switch_at=0.75, window=4)
    for success in (True, True, True):  # three of three, but the window is not full
        both.record(both.next_task(), success=success, reward=0.0)
        assert not both.switched
    both.record(both.next_task(), success=False, reward=0.0)
    assert both.switched
    assert names(both, 10) == "b" * 10


def test_only_the_last_attempts_count() -> None:
    both = Sequential(tasks("a"), tasks("b"), switch_at=1.0, window=3)
    for success, switched in zip((False, True, True, True), (False, False, False, True), strict=True):
        both.record(both.next_task(), success=success, reward=0.0)
        assert both.switched is switched


def test_the_second_part_begins_after_so_many_tasks_whatever_came_of_them() -> None:
    both = Sequential(tasks("a"), tasks("b"), switch_at=None, after=5)
    assert names(both, 8) == "aaaaabbb"


def test_three_parts_come_one_after_the_other() -> None:
    three = Sequential(tasks("a"), Sequential(tasks("b"), tasks("c"), after=3), after=2)
    assert names(three, 8) == "aabbbccc"


def test_a_late_result_of_the_first_part_goes_there_and_switches_nothing_back() -> None:
    first, second = Listening("a"), Listening("b")
    both = Sequential(first, second, window=2, after=3)
    early = list(stream(both, 3))
    late = both.next_task()
    for task in (*early, late, early[0]):
        both.record(task, success=False, reward=-1.0)
    assert [name for name, *_ in first.told] == [task.id for task in (*early, early[0])]
    assert second.told == [(late.id, False, -1.0)]
    assert names(both, 5) == "bbbbb"


def test_results_of_the_second_part_do_not_count_for_the_first() -> None:
    both = Sequential(tasks("a"), Sequential(tasks("b"), tasks("c"), switch_at=1.0, window=2), after=1, window=9)
    both.next_task()
    for _ in range(2):
        both.record(both.next_task(), success=True, reward=1.0)
    assert names(both, 3) == "ccc"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"switch_at": 1.5}, "switch_at must be a success rate"),
        ({"switch_at": "high"}, "switch_at must be a success rate"),
        ({"window": 0}, "window must be a whole number"),
        ({"window": True}, "window must be a whole number"),
        ({"after": 0}, "after must be a whole number"),
        ({"after": 2.0}, "after must be a whole number"),
        ({"switch_at": None}, "would never begin"),
    ],
)
def test_what_would_never_switch_is_said_in_one_sentence(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(SqlOptError, match=f"^[^\n]*{said}[^\n]*$"):
        Sequential(tasks("a"), tasks("b"), **arguments)


@pytest.mark.parametrize(
    ("task", "success", "said"), [("a0", True, "for a Task, not for str"), (tasks("a")[0], 1, "True or False, not 1")]
)
def test_what_is_no_result_is_said_in_one_sentence(task: Any, success: Any, said: str) -> None:
    for curriculum in (Sequential(tasks("a"), tasks("b")), WeightedMix([(tasks("a"), 1)])):
        with pytest.raises(SqlOptError, match=said):
            curriculum.record(task, success=success, reward=0.0)


def test_a_state_of_other_arguments_is_refused() -> None:
    state = Sequential(tasks("a"), tasks("b"), window=4).state()
    with pytest.raises(SqlOptError, match="its window is 4, here it is 5"):
        Sequential(tasks("a"), tasks("b"), window=5).restore(state)
    mix = WeightedMix.of_stages(tasks("a"), tasks("b")).state()
    with pytest.raises(SqlOptError, match="another curriculum: its shares"):
        WeightedMix.of_stages(tasks("a"), tasks("b"), mix=0.5).restore(mix)


def test_where_one_part_refuses_its_state_no_part_is_changed() -> None:
    def mix(second: list[Task]) -> WeightedMix:
        return WeightedMix([(tasks("a"), 1), (second, 1)])

    moved = mix(tasks("b", 4))
    list(stream(moved, 7))
    one, other = mix(tasks("b", 3)), mix(tasks("b", 3))
    with pytest.raises(SqlOptError, match="its tasks is"):
        one.restore(moved.state())
    assert [task.id for task in stream(one, 9)] == [task.id for task in stream(other, 9)]


def test_what_was_handed_out_long_ago_is_forgotten() -> None:
    handed = Handed(limit=3)
    for number, task in enumerate(tasks("a", 5)):
        handed.note(task, number % 2)
    handed.note(tasks("a", 5)[2], 1)
    assert [handed.part_of(task) for task in tasks("a", 5)] == [None, None, 1, 1, 0]


class Ending:
    """A source that ends after one task."""

    def __init__(self) -> None:
        self.left = tasks("a", 1)

    def next_task(self) -> Task:
        if not self.left:
            raise SqlOptError("there is no task any more")
        return self.left.pop()

    def record(self, task: Task, *, success: bool, reward: float) -> None: ...

    def state(self) -> dict[str, Any]:
        return {}

    def restore(self, state: Mapping[str, Any]) -> None: ...


def test_a_part_that_ends_says_so_and_is_not_counted() -> None:
    mix = WeightedMix([(Ending(), 1), (tasks("b"), 1)])
    assert names(mix, 2) == "ab"
    for _ in range(2):
        with pytest.raises(SqlOptError, match="no task any more"):
            mix.next_task()
    assert mix.state()["given"] == [1, 1]
