"""Tasks near one half: more is learnt of what is drawn, also while the policy learns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlopt_curricula import Adaptive
from sqlopt_curricula.arms import learnability

from sqlopt_env import SqlOptError, Task
from sqlopt_env.curriculum import different_tasks, stream

GROUP = 8


def tasks(count: int) -> list[Task]:
    return [Task(f"t{number:03d}", "shop", f"SELECT {number}") for number in range(count)]


def simulated(curriculum: Adaptive, rate: Callable[[Task, int], float], draws: int, batch: int = 10) -> list[Task]:
    """Draws in batches; a group of samples of each task succeeds with the probability `rate(task, draw)`."""
    rng = np.random.default_rng(0)
    drawn: list[Task] = []
    while len(drawn) < draws:
        now = [curriculum.next_task() for _ in range(batch)]
        for task in now:
            for success in rng.random(GROUP) < rate(task, len(drawn)):
                curriculum.record(task, success=bool(success), reward=0.0)
        drawn += now
    return drawn


def spread(task: Task, _: int) -> float:
    """The success rates of a policy that has learnt something: most tasks it always solves, or never."""
    return float(np.random.default_rng(int(task.id[1:])).beta(0.3, 0.3))


def mean_variance(drawn: list[Task], rate: Callable[[Task, int], float]) -> float:
    """The mean p (1 - p) of what was drawn, each at the time when it was."""
    found = [rate(task, number) for number, task in enumerate(drawn)]
    return float(np.mean([p * (1 - p) for p in found]))


@pytest.mark.parametrize("seed", range(3))
def test_what_is_drawn_has_more_variance_than_what_is_drawn_evenly(seed: int) -> None:
    evenly = mean_variance(tasks(200), spread)
    later = simulated(Adaptive(tasks(200), seed=seed), spread, 600)[200:]
    assert mean_variance(later, spread) > 1.75 * evenly


def test_it_follows_a_policy_that_learns() -> None:
    def learns(task: Task, draw: int) -> float:
        """Task number i is at one half after 20 i draws; it was out of reach long before, and is solved long after."""
        return float(1 / (1 + np.exp((int(task.id[1:]) - draw / 20) / 3)))

    drawn = simulated(Adaptive(tasks(60), pool=60, seed=1), learns, 1000)
    numbers = [int(task.id[1:]) for task in drawn]
    assert np.mean(numbers[300:400]) < np.mean(numbers[550:650]) < np.mean(numbers[800:900])
    evenly = np.mean([[(p := learns(task, draw)) * (1 - p) for task in tasks(60)] for draw in range(200, 1000, 10)])
    found = [learns(task, number) for number, task in enumerate(drawn)][200:]
    assert np.mean([p * (1 - p) for p in found]) > 1.5 * evenly


def test_what_is_always_solved_or_never_leaves_the_pool_and_comes_again_with_the_source() -> None:
    half = {"t000", "t001", "t002", "t003"}
    curriculum = Adaptive(tasks(40), decay=1.0)
    drawn = simulated(curriculum, lambda task, _: 0.5 if task.id in half else float(task.id < "t020"), 400, batch=4)
    pool = {entry["task"]["id"]: entry["results"] for entry in curriculum.state()["tasks"]}
    assert half <= set(pool)
    assert max(results for name, results in pool.items() if name not in half) < 16
    times = Counter(task.id for task in drawn)
    assert min(times[name] for name in half) > 2 * max(times[task.id] for task in tasks(40)[4:])
    assert min(times.values()) > 2  # two groups show that a task is dull, and the next one is after it came again


def test_nothing_is_drawn_again_before_its_result_is_there() -> None:
    curriculum = Adaptive(tasks(500), pool=30, fresh=0.25)
    for _ in range(6):
        batch = [curriculum.next_task() for _ in range(30)]
        assert len({task.id for task in batch}) == 30
        for number, task in enumerate(batch):
            curriculum.record(task, success=number % 2 == 0, reward=0.0)


def test_a_batch_is_as_large_as_there_are_tasks_and_needs_no_results() -> None:
    assert len(different_tasks(Adaptive(tasks(7), pool=3), 7)) == 7


@settings(max_examples=20, deadline=None)
@given(pool=st.integers(1, 12), draws=st.integers(1, 80), successes=st.lists(st.booleans(), min_size=1, max_size=9))
def test_the_pool_stays_small(pool: int, draws: int, successes: list[bool]) -> None:
    curriculum = Adaptive(tasks(500), pool=pool, fresh=0.5)
    for _ in range(draws):
        task = curriculum.next_task()
        for success in successes:
            curriculum.record(task, success=success, reward=0.0)
    assert len(curriculum.state()["tasks"]) <= 2 * pool


def test_the_share_of_new_tasks_is_kept_once_the_pool_is_full() -> None:
    curriculum = Adaptive(tasks(500), pool=10, fresh=0.25)
    drawn = simulated(curriculum, lambda *_: 0.5, 210)
    assert len({task.id for task in drawn}) == pytest.approx(10 + 200 * 0.25, abs=2)


def test_old_results_fade() -> None:
    def worth(decay: float) -> float:
        """Of a task that failed a few times long ago: what is expected of it now."""
        curriculum = Adaptive(tasks(2), pool=2, decay=decay)
        one, other = stream(curriculum, 2)
        for _ in range(6):
            curriculum.record(one, success=False, reward=0.0)
        for number in range(400):
            curriculum.record(other, success=number % 2 == 0, reward=0.0)
        curriculum.record(one, success=True, reward=0.0)
        entry = next(item for item in curriculum.state()["tasks"] if item["task"]["id"] == one.id)
        return learnability(entry["successes"], entry["failures"])

    assert worth(0.99) == pytest.approx(learnability(1, 0), rel=0.05)
    assert worth(1.0) == pytest.approx(learnability(1, 6))


def test_another_seed_draws_in_another_order() -> None:
    def drawn(seed: int) -> list[str]:
        return [task.id for task in simulated(Adaptive(tasks(30), seed=seed), spread, 60)]

    assert drawn(1) != drawn(2)
    assert drawn(1) == drawn(1)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"pool": 0}, "pool must be a whole number"),
        ({"fresh": 1.5}, "fresh must be a share"),
        ({"fresh": "some"}, "fresh must be a share"),
        ({"decay": 0.0}, "decay must be a number above 0"),
        ({"decay": float("nan")}, "decay must be a number above 0"),
        ({"seed": -1}, "seed must be a whole number"),
    ],
)
def test_a_bad_argument_is_said_in_one_sentence(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(SqlOptError, match=f"^[^\n]*{said}[^\n]*$"):
        Adaptive(tasks(3), **arguments)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"results": 9}, "more results than have been told"),
        ({"successes": 2.5}, "more results than have been told"),
        ({"at": 4}, "more results than have been told"),
        ({"successes": 1e400}, "successes must be a number of at least 0, not inf"),
        ({"waiting": 1}, "waiting must be true or false"),
        ({"task": {"id": "t", "database": "shop"}}, "must be a task with its id, database and query"),
    ],
)
def test_a_state_that_cannot_be_is_refused(changed: dict[str, Any], said: str) -> None:
    curriculum = Adaptive(tasks(3))
    simulated(curriculum, lambda *_: 0.5, 1, batch=1)
    state = curriculum.state()
    state["told"] = 3
    state["tasks"][0].update(successes=1.0, failures=1.0, results=2, at=3)
    curriculum.restore(state)
    state["tasks"][0].update(changed)
    with pytest.raises(SqlOptError, match=f"the curriculum's state is damaged: [^\n]*{said}"):
        curriculum.restore(state)
