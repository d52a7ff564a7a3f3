"""The Gymnasium environment: its contract, its texts, its rewards, its pictures."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import sqlopt_env
from sqlopt_env import FEATURE_NAMES, Evaluation, Judge, SqlOptError, SQLOptimizeEnv, Task, observation_to_messages

CITY = Task("city", "shop", "SELECT count(*) FROM users WHERE city = 'Łódź' OR city = 'Oslo'", description="A count")
NEWEST = Task("newest", "shop", "SELECT id FROM orders WHERE user_id = 439 ORDER BY order_date DESC, id LIMIT 20")
TASKS = [CITY, NEWEST]
GOOD = {
    "city": "CREATE INDEX i ON users (city); SELECT count(*) FROM users WHERE city IN ('Łódź', 'Oslo')",
    "newest": "CREATE INDEX i ON orders (user_id); " + NEWEST.query,
}


@pytest.fixture
def env(judge: Judge) -> Iterator[SQLOptimizeEnv]:
    env = SQLOptimizeEnv(TASKS, judge=judge)
    yield env
    env.close()


def test_gymnasiums_checker_passes_on_the_raw_class(env: SQLOptimizeEnv) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env, skip_render_check=True)


def test_gymnasiums_checker_passes_through_make() -> None:
    env = gym.make("SQLOptimize-v0", tasks=[{"id": "c", "database": "shop", "query": CITY.query}], render_mode="ansi")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env.unwrapped)
    assert env.spec is not None
    assert json.loads(env.spec.to_json())["id"] == "SQLOptimize-v0"
    env.close()


def test_the_default_tasks_are_the_seeds(judge: Judge) -> None:
    assert len(SQLOptimizeEnv(judge=judge).tasks) == 20


def test_an_episode_pays_the_logarithm_of_the_effective_speedup(env: SQLOptimizeEnv) -> None:
    observation, info = env.reset(seed=0, options={"task": "newest"})
    assert observation["query"] == NEWEST.query
    assert info["outcome"] == ""
    observation, reward, terminated, truncated, info = env.step(GOOD["newest"])
    assert (terminated, truncated) == (True, False)
    assert info["outcome"] == "improved"
    assert reward == pytest.approx(np.log10(info["effective_speedup"]))
    assert info["speedup_low"] < info["speedup"] < info["speedup_high"]
    assert "improved" in observation["feedback"]


def test_info_has_the_same_keys_and_types_whatever_happens(env: SQLOptimizeEnv) -> None:
    shapes = set()
    for action in (GOOD["newest"], "SELECT 1", "DROP TABLE users", "", NEWEST.query):
        _, first = env.reset(seed=1, options={"task": "newest"})
        *_, last = env.step(action)
        shapes |= {tuple((name, type(value)) for name, value in info.items()) for info in (first, last)}
    assert len(shapes) == 1


def test_the_seed_chooses_the_task(env: SQLOptimizeEnv) -> None:
    def tasks(seed: int) -> list[str]:
        return [env.reset(seed=seed)[1]["task_id"], *(env.reset()[1]["task_id"] for _ in range(9))]

    assert tasks(3) == tasks(3)
    assert len({tuple(tasks(seed)) for seed in range(4)}) > 1


def test_several_turns_add_up_to_the_best_rewrite(judge: Judge) -> None:
    worth = {"improved": 2.0, "equivalent": 0.5, "refuted": -1.0, "invalid": -3.0}
    env = SQLOptimizeEnv([NEWEST], judge=judge, max_turns=4, reward=lambda e: worth[e.outcome])
    actions = {"good": GOOD["newest"], "same": NEWEST.query, "wrong": "SELECT 1", "broken": "SELEC"}
    for plan, rewards in {
        ("wrong", "same", "good", "wrong"): [-1.0, 1.5, 1.5, 0.0],
        ("good", "wrong", "same", "broken"): [2.0, 0.0, 0.0, 0.0],
        ("broken", "wrong", "wrong", "broken"): [-3.0, 2.0, 0.0, 0.0],
    }.items():
        env.reset(seed=0)
        steps = [env.step(actions[name]) for name in plan]
        assert [step[1] for step in steps] == rewards
        assert [step[2] for step in steps] == [False, False, False, True]
        assert steps[0][0]["feedback"].startswith(steps[0][4]["outcome"])
        assert sum(rewards) == max(worth[step[4]["outcome"]] for step in steps) == steps[-1][4]["best_reward"]


def test_misuse_is_said_in_one_sentence(judge: Judge) -> None:
    env = SQLOptimizeEnv(TASKS, judge=judge)
    with pytest.raises(SqlOptError, match="call reset"):
        env.step("SELECT 1")
    with pytest.raises(SqlOptError, match="there is no task 'x'; the tasks are: city, newest"):
        env.reset(options={"task": "x"})
    for options, sentence in (
        ("x", "options must be a dict .* not str"),
        ({"tsk": "city"}, "unknown option 'tsk'; the options of reset are: task"),
        ({"task": CITY}, "the option task is the id of a task: 'city' in place of the Task itself$"),
        ({"task": 5}, "must be the id of a task, not int"),
    ):
        with pytest.raises(SqlOptError, match=sentence):
            env.reset(options=options)  # type: ignore[arg-type]
    env.reset(seed=0, options={})
    with pytest.raises(SqlOptError, match="an action is a text, not int"):
        env.step(5)  # type: ignore[arg-type]
    env.step("SELECT 1")
    with pytest.raises(SqlOptError, match="the episode is over"):
        env.step("SELECT 1")
    for arguments, sentence in (
        ({"max_turns": 0}, "max_turns"),
        ({"max_turns": True}, "max_turns"),
        ({"render_mode": "gif"}, "render_mode"),
        ({"reward": "gold"}, "unknown reward"),
        ({"timeout": 1.0}, "give settings to the judge"),
    ):
        with pytest.raises(SqlOptError, match=sentence):
            SQLOptimizeEnv(TASKS, judge=judge, **arguments)


@pytest.mark.parametrize("make", [gym.make, gym.make_vec])
def test_what_is_no_judge_is_named(make: Any) -> None:
    with pytest.raises(SqlOptError, match="judge must be a Judge, not str"):
        make("SQLOptimize-v0", judge="x")


def test_the_package_runs_as_a_program() -> None:
    done = subprocess.run([sys.executable, "-m", "sqlopt_env", "--help"], capture_output=True, text=True, check=True)
    assert "verify" in done.stdout


def test_tasks_come_from_a_file_too(judge: Judge, tmp_path: Path) -> None:
    path = tmp_path / "tasks.json"
    path.write_text(json.dumps([{"database": "shop", "query": "SELECT 1", "more": 5}]))
    assert SQLOptimizeEnv(path, judge=judge).tasks[0].id == "task-1"
    path.write_text("{]")
    with pytest.raises(SqlOptError, match="is not JSON"):
        SQLOptimizeEnv(str(path), judge=judge)


def test_observations_are_named_finite_and_new(env: SQLOptimizeEnv) -> None:
    first, _ = env.reset(seed=0, options={"task": "newest"})
    second, _ = env.reset(seed=0, options={"task": "newest"})
    assert first["features"].shape == (len(FEATURE_NAMES),)
    assert first["features"] is not second["features"]
    named = dict(zip(FEATURE_NAMES, first["features"], strict=True))
    assert (named["query_tables"], named["query_limits"], named["plan_scans"]) == (1, 1, 1)
    assert named["rows_largest_log10"] == pytest.approx(np.log10(50_001))
    assert "-- SQLite" in first["schema"]
    assert first["plan"].startswith("SCAN orders")


def test_the_prompt_shows_all_that_the_observation_has(env: SQLOptimizeEnv) -> None:
    observation, _ = env.reset(seed=0, options={"task": "newest"})
    system, user = observation_to_messages(observation)
    assert (system["role"], user["role"]) == ("system", "user")
    assert all(observation[name] in user["content"] for name in ("schema", "query", "plan"))
    assert "optimized_query" in system["content"]
    assert "Try again" not in user["content"]
    again, *_ = env.step("SELECT 1, 2")
    assert "2 columns, the original 1" in observation_to_messages(again)[1]["content"]


def test_ansi_shows_query_plan_rewrite_verdict_and_speedup(judge: Judge) -> None:
    env = SQLOptimizeEnv(TASKS, judge=judge, render_mode="ansi")
    assert "reset" in str(env.render())
    env.reset(seed=0, options={"task": "city"})
    text = str(env.render())
    assert "SCAN users" in text
    assert "A count" in text
    env.step(GOOD["city"])
    text = str(env.render())
    for part in ("Łódź", "CREATE INDEX i", "COVERING INDEX i", "verdict: tested", "speedup:", "improved"):
        assert part in text
    assert "\x1b" not in text


def test_human_prints_the_same_in_colour(judge: Judge, capsys: pytest.CaptureFixture[str]) -> None:
    env = SQLOptimizeEnv(TASKS, judge=judge, render_mode="human")
    env.reset(seed=0, options={"task": "city"})
    env.step("DROP TABLE users")
    assert "forbidden" in capsys.readouterr().out


def test_a_callable_reward_gets_the_evaluation(judge: Judge) -> None:
    seen: list[Evaluation] = []
    env = SQLOptimizeEnv(TASKS, judge=judge, reward=lambda e: seen.append(e) or 0.25)  # type: ignore[func-returns-value]
    env.reset(seed=0)
    assert env.step("SELECT 1, 2, 3")[1] == 0.25
    assert seen[0] == env.evaluation


def test_a_vector_environment_judges_side_by_side_and_wastes_no_step() -> None:
    envs = gym.make_vec(
        "SQLOptimize-v0", num_envs=4, tasks=[{"id": t.id, "database": "shop", "query": t.query} for t in TASKS]
    )
    observations, infos = envs.reset(seed=7)
    ids = list(infos["task_id"])
    assert set(ids) == {"city", "newest"}
    for _ in range(3):
        assert observations in envs.observation_space
        queries = {t.id: t.query for t in TASKS}
        assert [queries[name] for name in ids] == list(observations["query"])
        actions = [GOOD[name] for name in ids]
        actions[1] = "DROP TABLE users"
        observations, rewards, terminations, truncations, infos = envs.step(actions)
        assert list(terminations) == [True] * 4
        assert not truncations.any()
        assert list(infos["final_info"]["outcome"]) == ["improved", "forbidden", "improved", "improved"]
        assert list(infos["final_info"]["task_id"]) == ids
        assert rewards[1] == -1.0
        assert (rewards[[0, 2, 3]] > 0.1).all()
        assert infos["final_obs"][1]["feedback"].startswith("forbidden")
        assert [queries[name] for name in infos["task_id"]] == list(observations["query"])
        ids = list(infos["task_id"])
    envs.close()


def test_vector_actions_must_be_one_text_for_each() -> None:
    envs = sqlopt_env.SQLOptimizeVectorEnv(2, tasks=TASKS)
    envs.reset(seed=0)
    for actions in ("ab", ["a"], ["a", 5]):
        with pytest.raises(SqlOptError):
            envs.step(actions)  # type: ignore[arg-type]
    assert envs.step(np.array(["SELECT", "SELECT"]))[1].tolist() == [-1.0, -1.0]  # type: ignore[arg-type]
    envs.close()


def test_gymnasiums_own_async_environment_works_without_shared_memory_and_says_so_with_it() -> None:
    arguments: dict[str, Any] = {"tasks": [{"id": "c", "database": "shop", "query": CITY.query}], "num_envs": 2}
    envs = gym.make_vec(
        "SQLOptimize-v0", vectorization_mode="async", vector_kwargs={"shared_memory": False}, **arguments
    )
    observations, _ = envs.reset(seed=0)
    assert observations["query"] == (CITY.query, CITY.query)
    assert envs.step(("SELEC", GOOD["city"]))[1][0] == -1.0
    envs.close()
    with pytest.raises(ValueError, match="shared_memory=False"):
        gym.make_vec("SQLOptimize-v0", vectorization_mode="async", **arguments)
