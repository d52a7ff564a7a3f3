"""What every curriculum must do. Subclass `CurriculumConformance` for one of your own; pytest finds the tests.

class TestMine(CurriculumConformance):
    def make(self) -> Curriculum:
        return Mine(seed=0)  # always with the same arguments
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sqlopt_env import SqlOptError, Task
from sqlopt_env.curriculum import Curriculum

# What happens to a curriculum: None is a draw, a pair the result of one of the tasks that it has handed out.
Move = tuple[int, bool] | None
MOVES = st.lists(st.one_of(st.none(), st.tuples(st.integers(0, 50), st.booleans())), max_size=40)
JUNK = st.sampled_from([None, True, -1, 1.5, 10**30, "x", "", [], [[]], {}, {"id": 1}, float("nan")])
STRANGER = Task("a task of nobody's", "shop", "SELECT 1")
often = settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.differing_executors, HealthCheck.too_slow]
)


def play(curriculum: Curriculum, moves: Sequence[Move], handed: list[Task]) -> list[str]:
    """Does all that, and gives the ids of what was drawn; `handed` grows by them."""
    drawn = []
    for move in moves:
        if move is None:
            handed.append(curriculum.next_task())
            drawn.append(handed[-1].id)
        elif handed:
            number, success = move
            curriculum.record(handed[-1 - number % len(handed)], success=success, reward=float(success))
    return drawn


def through_json(state: Any) -> Any:
    return json.loads(json.dumps(state, allow_nan=False))


def refusal(call: Callable[[], object]) -> str:
    """What a SqlOptError says; "" where there is none."""
    try:
        call()
    except SqlOptError as error:
        return str(error)
    return ""


class CurriculumConformance:
    """Ten more draws tell whether two curricula are in the same state."""

    NEXT: Sequence[Move] = (None,) * 10

    def make(self) -> Curriculum:
        """A new curriculum, always with the same arguments."""
        raise NotImplementedError

    def test_it_has_the_methods_of_a_curriculum(self) -> None:
        curriculum = self.make()
        assert isinstance(curriculum, Curriculum)
        assert isinstance(curriculum.next_task(), Task)

    @often
    @given(moves=MOVES)
    def test_the_same_calls_give_the_same_tasks(self, moves: list[Move]) -> None:
        assert play(self.make(), [*moves, *self.NEXT], []) == play(self.make(), [*moves, *self.NEXT], [])

    @often
    @given(before=MOVES, after=MOVES)
    def test_a_restored_one_goes_on_as_if_nothing_had_been(self, before: list[Move], after: list[Move]) -> None:
        one, handed = self.make(), []
        play(one, before, handed)
        other = self.make()
        other.restore(through_json(one.state()))
        assert through_json(other.state()) == through_json(one.state())
        rest = [*after, *self.NEXT]
        assert play(other, rest, list(handed)) == play(one, rest, list(handed))

    @often
    @given(before=MOVES, more=MOVES)
    def test_a_state_is_a_copy_and_can_be_gone_back_to(self, before: list[Move], more: list[Move]) -> None:
        curriculum, handed = self.make(), []
        play(curriculum, before, handed)
        state = curriculum.state()
        written = through_json(state)
        rest = [*more, *self.NEXT]
        first = play(curriculum, rest, list(handed))
        assert through_json(state) == written
        curriculum.restore(written)
        assert play(curriculum, rest, list(handed)) == first

    def test_results_may_come_late_in_any_order_many_times_or_never(self) -> None:
        curriculum = self.make()
        tasks = [curriculum.next_task() for _ in range(30)]
        for number in (29, 0, 7, 7, 7, 3, 29):
            curriculum.record(tasks[number], success=number % 2 == 0, reward=0.5)
        assert isinstance(curriculum.next_task(), Task)

    def test_the_result_of_a_strangers_task_is_left_alone_or_refused_in_a_sentence(self) -> None:
        one, other = self.make(), self.make()
        for curriculum in (one, other):
            curriculum.next_task()
        assert "\n" not in refusal(lambda: one.record(STRANGER, success=True, reward=1.0))
        assert play(one, self.NEXT, []) == play(other, self.NEXT, [])

    @pytest.mark.parametrize("state", [None, [], "", 5, {}, {"curriculum": "another"}])
    def test_what_is_no_state_of_its_is_refused_and_changes_nothing(self, state: Any) -> None:
        one, other = self.make(), self.make()
        for curriculum in (one, other):
            play(curriculum, self.NEXT, [])
        with pytest.raises(SqlOptError, match=r"^[^\n]+$"):
            one.restore(state)
        assert play(one, self.NEXT, []) == play(other, self.NEXT, [])

    @often
    @given(moves=MOVES, data=st.data())
    def test_a_damaged_state_is_refused_in_a_sentence_or_can_be_gone_on_with(
        self, moves: list[Move], data: st.DataObject
    ) -> None:
        """A number may be wrong and still be a number; but nothing may fail in another way, now or later."""
        one, handed = self.make(), []
        play(one, moves, handed)
        state = through_json(one.state())
        damage(state, data)
        before = through_json(one.state())
        said = refusal(lambda: one.restore(state))
        assert "\n" not in said
        assert not said or through_json(one.state()) == before
        assert play(one, self.NEXT, handed)


def damage(state: Any, data: st.DataObject) -> None:
    """Puts something else in one place of it, or takes the place away."""
    places = sorted(all_places(state), key=str)
    path = data.draw(st.sampled_from(places))
    within = state
    for step in path[:-1]:
        within = within[step]
    if data.draw(st.booleans()):
        within[path[-1]] = data.draw(JUNK)
    else:
        del within[path[-1]]


def all_places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = [path] if path else []
    for key, item in inside:
        found += all_places(item, (*path, key))
    return found
