"""Every curriculum keeps the rules of `CurriculumConformance`, also within others, and what breaks one is found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from curricula.curriculum_conformance import CurriculumConformance
from sqlopt_curricula import Adaptive, Difficulty, Epochs, Grade, Sequential, Stage1, WeightedMix

from sqlopt_env import SqlOptError, Task
from sqlopt_env.curriculum import Curriculum


def tasks(name: str, count: int) -> list[Task]:
    return [Task(f"{name}-{number:02d}", "shop", f"SELECT {number}") for number in range(count)]


def grade(task: Task) -> Grade:
    number = int(task.id[-2:])
    return Grade(1 + number // 4, number % 4)


class Countdown:
    """A curriculum of somebody's own: tasks without end, counted."""

    def __init__(self) -> None:
        self.count = 0

    def next_task(self) -> Task:
        self.count += 1
        return Task(f"own-{self.count:04d}", "shop", f"SELECT {self.count}")

    def record(self, task: Task, *, success: bool, reward: float) -> None:
        pass

    def state(self) -> dict[str, Any]:
        return {"curriculum": "Countdown", "count": self.count}

    def restore(self, state: Mapping[str, Any]) -> None:
        if not isinstance(state, Mapping) or state.get("curriculum") != "Countdown":
            raise SqlOptError("this is no state of a Countdown")
        if type(state.get("count")) is not int:
            raise SqlOptError("count must be a whole number")
        self.count = state["count"]


class TestEpochs(CurriculumConformance):
    def make(self) -> Curriculum:
        return Epochs(tasks("a", 6), seed=3)


class TestStage1(CurriculumConformance):
    def make(self) -> Curriculum:
        return Stage1(1)


class TestSequential(CurriculumConformance):
    def make(self) -> Curriculum:
        return Sequential(tasks("a", 5), tasks("b", 5), switch_at=0.6, window=4, after=12)


class TestWeightedMix(CurriculumConformance):
    def make(self) -> Curriculum:
        return WeightedMix([(tasks("a", 3), 0.3), (Countdown(), 0.5), (tasks("c", 4), 0.2)])


class TestAdaptive(CurriculumConformance):
    def make(self) -> Curriculum:
        return Adaptive(tasks("a", 8), pool=4, fresh=0.25, decay=0.9, seed=2)


class TestAdaptiveOfAnEndlessSource(CurriculumConformance):
    def make(self) -> Curriculum:
        return Adaptive(Countdown(), pool=3, fresh=0.5)


class TestDifficulty(CurriculumConformance):
    def make(self) -> Curriculum:
        return Difficulty(tasks("a", 16), grade=grade, levels=4, window=3, patience=6)


class TestDifficultyOfAnEndlessSource(CurriculumConformance):
    def make(self) -> Curriculum:
        return Difficulty(Countdown(), grade=grade, levels=3, window=2, batch=7, review=0.5)


class TestNested(CurriculumConformance):
    def make(self) -> Curriculum:
        mix = WeightedMix.of_stages(tasks("a", 4), Adaptive(Countdown(), pool=3))
        later = Sequential(Difficulty(tasks("b", 9), grade=grade, levels=3, window=2), mix, switch_at=None, after=5)
        return Sequential(tasks("a", 2), later, switch_at=0.5, window=2, after=6)


class Forgetful(Countdown):
    """Takes any state, and starts anew."""

    def restore(self, state: Mapping[str, Any]) -> None:
        self.count = 0


class Aliasing(Countdown):
    """Its state goes on changing."""

    def __init__(self) -> None:
        super().__init__()
        self.all: dict[str, Any] = {"curriculum": "Countdown", "count": 0}

    def next_task(self) -> Task:
        task = super().next_task()
        self.all["count"] = self.count
        return task

    def state(self) -> dict[str, Any]:
        return self.all


class Moody(Countdown):
    """No two of them are alike."""

    made = 0

    def __init__(self) -> None:
        super().__init__()
        Moody.made += 1
        self.count = Moody.made * 1000


class Jumpy(Countdown):
    """A stranger's result upsets it."""

    def record(self, task: Task, *, success: bool, reward: float) -> None:
        self.count += 1


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (Forgetful, "test_a_restored_one_goes_on_as_if_nothing_had_been"),
        (Forgetful, "test_what_is_no_state_of_its_is_refused_and_changes_nothing"),
        (Aliasing, "test_a_state_is_a_copy_and_can_be_gone_back_to"),
        (Moody, "test_the_same_calls_give_the_same_tasks"),
        (Jumpy, "test_the_result_of_a_strangers_task_is_left_alone_or_refused_in_a_sentence"),
        (object, "test_it_has_the_methods_of_a_curriculum"),
    ],
)
def test_a_curriculum_that_breaks_a_rule_is_found(kind: Any, name: str) -> None:
    class Broken(CurriculumConformance):
        def make(self) -> Curriculum:
            made: Curriculum = kind()
            return made

    arguments = {"state": {}} if "state_of_its" in name else {}
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        getattr(Broken(), name)(**arguments)


class TestOwn(CurriculumConformance):
    def make(self) -> Curriculum:
        return Countdown()
