"""A curriculum in the environment: its tasks come, its results are told, once each."""

from __future__ import annotations

import copy
import pickle
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest
from gymnasium.utils.env_checker import check_env
from small_shop import small_tasks
from sqlopt_agents.rules_env import SQLOptimizeRulesEnv
from sqlopt_curricula import Adaptive, Epochs, Sequential, Stage1, Stage2

import sqlopt_env
from sqlopt_env import Judge, SqlOptError, SQLOptimizeEnv, Task

INDEX = "CREATE INDEX i ON orders (product, amount); "


class Noting(Epochs):
    """In the order of the list, and remembers what it was told."""

    def __init__(self, tasks: list[Task]) -> None:
        super().__init__(tasks)
        self.told: list[tuple[str, bool, float]] = []
        self.handed: list[str] = []

    def next_task(self) -> Task:
        task = self._tasks[len(self.handed) % len(self._tasks)]
        self.handed.append(task.id)
        return task

    def record(self, task: Task, *, success: bool, reward: float) -> None:
        self.told.append((task.id, success, reward))


@pytest.fixture
def tasks(tmp_path: Path) -> list[Task]:
    return small_tasks(tmp_path)[:2]


@pytest.fixture
def noting(tasks: list[Task]) -> Noting:
    return Noting(tasks)


def good(env: Any) -> str:
    return INDEX + env.unwrapped.task.query


def test_every_reset_takes_the_next_task_and_every_end_is_told_once(noting: Noting, steps_judge: Judge) -> None:
    env = SQLOptimizeEnv(curriculum=noting, judge=steps_judge)
    _, info = env.reset(seed=0)
    assert info["task_id"] == "either"
    _, reward, terminated, *_ = env.step(good(env))
    assert terminated
    assert noting.told == [("either", True, reward)]
    assert env.reset()[1]["task_id"] == "counts"
    env.step("DROP TABLE users")
    env.reset()
    assert noting.told[1:] == [("counts", False, -1.0)]
    assert noting.handed == ["either", "counts", "either"]
    assert env.curriculum is noting


def test_an_episode_of_several_turns_is_a_success_where_one_of_them_was(noting: Noting, steps_judge: Judge) -> None:
    env = SQLOptimizeEnv(curriculum=noting, judge=steps_judge, max_turns=3)
    env.reset()
    rewards = [env.step(action)[1] for action in ("SELECT 1", good(env), "SELECT 2")]
    assert noting.told == [("either", True, pytest.approx(sum(rewards)))]


def test_an_episode_that_is_broken_off_is_told_if_it_had_a_step(noting: Noting, steps_judge: Judge) -> None:
    env = SQLOptimizeEnv(curriculum=noting, judge=steps_judge, max_turns=2)
    env.reset()
    env.reset()
    assert noting.told == []
    env.step(good(env).replace("CREATE", "SELECT"))
    env.reset()
    assert noting.told == [("counts", False, -1.0)]
    env.step(good(env))
    env.reset(options={"task": "counts"})
    assert [name for name, *_ in noting.told] == ["counts", "either"]
    assert noting.told[1][1]


def test_a_task_that_was_handed_out_can_be_asked_for_again_and_no_other(noting: Noting, steps_judge: Judge) -> None:
    env = SQLOptimizeEnv(curriculum=noting, judge=steps_judge)
    with pytest.raises(SqlOptError, match=r"has handed out no task 'either', .* \(nothing yet\)"):
        env.reset(options={"task": "either"})
    env.reset()
    with pytest.raises(SqlOptError, match=r"has handed out no task 'counts', .* \(lately: either\)"):
        env.reset(options={"task": "counts"})
    assert env.reset(options={"task": "either"})[1]["task_id"] == "either"
    env.step("SELECT 1")
    assert noting.handed == ["either"]
    assert [name for name, *_ in noting.told] == ["either"]
    assert [task.id for task in env.tasks] == ["either"]


def test_a_refused_reset_breaks_no_episode_off_and_draws_nothing(noting: Noting, steps_judge: Judge) -> None:
    env = SQLOptimizeEnv(curriculum=noting, judge=steps_judge, max_turns=2)
    env.reset()
    env.step("SELECT 1")
    for options in ({"task": "none"}, {"task": 5}, {"tsak": "either"}):
        with pytest.raises(SqlOptError):
            env.reset(options=options)
    assert (noting.told, noting.handed) == ([], ["either"])
    env.step("SELECT 2")
    assert len(noting.told) == 1


def test_a_task_that_is_none_is_named_and_the_last_episode_is_told_once(
    noting: Noting, tasks: list[Task], steps_judge: Judge
) -> None:
    broken = Noting([tasks[0], Task("broken", tasks[0].database, "SELECT nothing FROM nowhere"), tasks[1]])
    env = SQLOptimizeEnv(curriculum=broken, judge=steps_judge, max_turns=2)
    env.reset()
    env.step("SELECT 1")
    with pytest.raises(SqlOptError, match="broken"):
        env.reset()
    assert env.reset()[1]["task_id"] == "counts"
    assert [name for name, *_ in broken.told] == ["either"]


def test_a_real_curriculum_moves_on_by_what_the_environment_tells(tasks: list[Task], steps_judge: Judge) -> None:
    env = SQLOptimizeEnv(curriculum=Sequential(tasks[:1], tasks[1:], window=2), judge=steps_judge)
    seen = []
    for _ in range(5):
        seen.append(env.reset()[1]["task_id"])
        env.step("SELECT 1" if len(seen) == 1 else good(env))
    assert seen == ["either", "either", "either", "counts", "counts"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"tasks": "seeds", "curriculum": Stage1()}, "give tasks or a curriculum, not both"),
        ({"curriculum": [1]}, "next_task, record, state and restore; list lacks some"),
        ({"curriculum": "stage1"}, "str lacks some"),
    ],
)
@pytest.mark.parametrize("make", [SQLOptimizeEnv, sqlopt_env.SQLOptimizeVectorEnv, SQLOptimizeRulesEnv])
def test_what_is_no_curriculum_is_said_in_one_sentence(
    make: Callable[..., Any], arguments: dict[str, Any], said: str, steps_judge: Judge
) -> None:
    with pytest.raises(SqlOptError, match=f"^[^\n]*{said}[^\n]*$"):
        make(**arguments, judge=steps_judge)


def test_what_hands_out_no_task_is_said_in_one_sentence(noting: Noting, steps_judge: Judge) -> None:
    noting.next_task = lambda: "either"  # type: ignore[assignment, method-assign, return-value]
    with pytest.raises(SqlOptError, match="hands out a Task, not str"):
        SQLOptimizeEnv(curriculum=noting, judge=steps_judge).reset()


def test_gymnasiums_checker_passes_with_a_curriculum_of_one_task(tasks: list[Task], steps_judge: Judge) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(SQLOptimizeEnv(curriculum=Epochs(tasks[:1]), judge=steps_judge), skip_render_check=True)


def test_no_seed_rewinds_a_curriculum_which_gymnasiums_checker_minds(tasks: list[Task], steps_judge: Judge) -> None:
    env = SQLOptimizeEnv(curriculum=Epochs(tasks), judge=steps_judge)
    assert {env.reset(seed=1)[1]["task_id"] for _ in range(2)} == {"either", "counts"}
    with pytest.raises(AssertionError, match="seed"):
        check_env(SQLOptimizeEnv(curriculum=Epochs(tasks), judge=steps_judge), skip_render_check=True)


def test_gym_make_takes_the_very_curriculum_and_its_spec_can_be_copied(tasks: list[Task], steps_judge: Judge) -> None:
    curriculum = Adaptive(tasks)
    env = gym.make("SQLOptimize-v0", curriculum=curriculum, judge=steps_judge)
    env.reset(seed=0)
    env.step(good(env))
    env.reset()
    assert (curriculum.state()["drawn"], curriculum.state()["told"]) == (2, 1)
    assert env.unwrapped.curriculum is curriculum
    spec = env.spec
    assert spec is not None
    assert spec.nondeterministic
    for again in (copy.deepcopy(spec), pickle.loads(pickle.dumps(spec))):
        other = gym.make(again)
        other.reset(seed=0)
        other.close()
    assert curriculum.state()["drawn"] == 2  # a copy has a curriculum of its own


def test_an_unopened_stage_2_can_be_given_to_make(steps_judge: Judge) -> None:
    with Stage2() as stage:
        env = gym.make("SQLOptimize-v0", curriculum=stage, judge=steps_judge)
        assert env.spec is not None
        assert env.unwrapped.curriculum is stage


def test_environments_side_by_side_share_one_curriculum(noting: Noting) -> None:
    envs = gym.make_vec("SQLOptimize-v0", num_envs=3, curriculum=noting, measure="steps", workers=1)
    assert isinstance(envs.unwrapped, sqlopt_env.SQLOptimizeVectorEnv)
    observations, infos = envs.reset(seed=5)
    assert list(infos["task_id"]) == ["either", "counts", "either"] == noting.handed
    observations, infos = envs.reset(options={"task": "counts"})  # which only the second was handed itself
    assert list(infos["task_id"]) == ["counts"] * 3
    for _ in range(2):
        ids = list(infos["task_id"])
        actions = [INDEX + query for query in observations["query"]]
        actions[1] = "SELECT 1"
        told = len(noting.told)
        observations, rewards, terminations, _, infos = envs.step(actions)
        assert terminations.all()
        assert [(name, reward) for name, _, reward in noting.told[told:]] == list(zip(ids, rewards, strict=True))
        assert list(infos["final_info"]["task_id"]) == ids
        assert list(infos["task_id"]) == noting.handed[-3:]
    assert len(noting.handed) == 9
    assert len(noting.told) == 6
    envs.close()


@pytest.mark.parametrize("name", ["SQLOptimize-v0", "SQLOptimizeRules-v0"])
def test_gymnasiums_own_synchronous_environments_share_it_too(name: str, noting: Noting, steps_judge: Judge) -> None:
    envs = gym.make_vec(name, num_envs=3, curriculum=noting, judge=steps_judge, vectorization_mode="sync")
    assert list(envs.reset(seed=0)[1]["task_id"]) == ["either", "counts", "either"] == noting.handed
    envs.close()


def test_the_rules_environment_takes_one_too(noting: Noting, steps_judge: Judge) -> None:
    env = gym.make("SQLOptimizeRules-v0", curriculum=noting, judge=steps_judge, action_cost=0.5)
    _, info = env.reset(seed=0)
    assert info["task_id"] == "either"
    env.step(0)  # stops at once: the query as it was
    assert noting.told == [("either", False, 0.0)]
    assert env.reset()[1]["task_id"] == "counts"
    env.step(next(action for action in range(1, env.action_space.n) if env.unwrapped.action_masks()[action]))
    env.reset()  # broken off before anything was judged
    assert len(noting.told) == 1
    assert env.unwrapped.curriculum is noting
    assert [task.id for task in env.unwrapped.tasks] == ["counts", "either"]
