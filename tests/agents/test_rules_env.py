"""SQLOptimizeRules-v0: the contract of Gymnasium, what the mask says, and what an episode pays."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlopt_agents.rules_env import SQLOptimizeRulesEnv
from sqlopt_agents.rules_view import ACTIONS, NAMES, SLOTS, STOP, action_name

import sqlopt_env  # noqa: F401 - registers the environment
from sqlopt_env import Judge, SqlOptError, Task
from sqlopt_env.reward import LogReward

ROOT = Path(__file__).parents[2]
CITY = {"id": "city", "database": "shop", "query": "SELECT count(*) FROM users WHERE city = 'Łódź' OR city = 'Oslo'"}
NEWEST = {"id": "newest", "database": "shop", "query": "SELECT id FROM orders WHERE user_id = 439 ORDER BY id LIMIT 20"}
PAIRS = {
    "id": "pairs",
    "database": "shop",
    "query": "SELECT u.name, o.amount FROM users u JOIN orders o ON o.user_id = u.id WHERE u.city = 'Oslo'"
    " AND o.amount > 900 AND o.order_date >= '2024-01-01' ORDER BY o.amount, u.name",
}
TASKS = [CITY, NEWEST, PAIRS]


@pytest.fixture
def env(steps_judge: Judge) -> SQLOptimizeRulesEnv:
    return SQLOptimizeRulesEnv(TASKS, judge=steps_judge)


def action(name: str) -> int:
    return next(number for number in range(ACTIONS) if action_name(number) == name)


INDEX = action("index_filter, place 1")


def walk(env: SQLOptimizeRulesEnv, seed: int) -> list[tuple[Any, ...]]:
    """An episode by chance among what the mask allows: the action, what was seen before, and what came of it."""
    rng = np.random.default_rng(seed)
    observation, info = env.reset(seed=seed)
    steps, over = [], False
    while not over:
        chosen = int(rng.choice(np.flatnonzero(info["action_mask"])))
        seen, known = observation, info
        observation, reward, over, truncated, info = env.step(chosen)
        assert not truncated
        steps.append((chosen, seen, known, reward, observation, info))
    return steps


def test_gymnasiums_checker_passes_on_the_raw_class(env: SQLOptimizeRulesEnv) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env, skip_render_check=True)


def test_gymnasiums_checker_passes_through_make() -> None:
    env = gym.make("SQLOptimizeRules-v0", tasks=[CITY], measure="steps", instances=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env.unwrapped, skip_render_check=True)
    assert env.spec is not None
    assert json.loads(env.spec.to_json())["id"] == "SQLOptimizeRules-v0"
    env.close()


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_vector_environments_work(mode: Any, steps_judge: Judge) -> None:
    judge = {"judge": steps_judge} if mode == "sync" else {"measure": "steps", "instances": 0}
    envs = gym.make_vec("SQLOptimizeRules-v0", num_envs=2, vectorization_mode=mode, tasks=[CITY], **judge)
    try:
        observations, infos = envs.reset(seed=0)
        assert observations.shape == (2, len(NAMES))
        assert infos["action_mask"].shape == (2, ACTIONS)
        assert envs.call("action_masks")[0].sum() == infos["action_mask"][0].sum()
        envs.step(np.array([INDEX, STOP]))
        observations, rewards, terminations, _, infos = envs.step(np.array([STOP, STOP]))
        assert observations in envs.observation_space
        assert terminations.tolist() == [True, False]  # the second one began anew
        assert rewards[0] > 0.3
    finally:
        envs.close()


def test_an_episode_pays_the_judges_reward_in_the_end_less_what_its_actions_cost(env: SQLOptimizeRulesEnv) -> None:
    env.reset(seed=0, options={"task": "city"})
    _, reward, terminated, _, info = env.step(INDEX)
    assert (reward, terminated, info["outcome"], info["turn"]) == (0.0, False, "", 1)
    assert "CREATE INDEX" in info["script"]
    assert info["techniques"] == "index_filter(users.city)"
    _, reward, terminated, truncated, info = env.step(STOP)
    assert (terminated, truncated, info["outcome"]) == (True, False, "improved")
    assert env.evaluation is not None
    assert reward == pytest.approx(LogReward()(env.evaluation) - 0.01)
    assert info["best_reward"] == LogReward()(env.evaluation) > 0.3


def test_an_episode_ends_by_itself_after_the_last_step(steps_judge: Judge) -> None:
    env = SQLOptimizeRulesEnv([CITY], judge=steps_judge, max_steps=1)
    env.reset(seed=0)
    _, reward, terminated, _, info = env.step(INDEX)
    assert terminated
    assert info["outcome"] == "improved"
    assert reward > 0.3


def test_stopping_at_once_is_judged_and_pays_nothing(env: SQLOptimizeRulesEnv) -> None:
    env.reset(seed=0, options={"task": "newest"})
    _, reward, terminated, _, info = env.step(STOP)
    assert (reward, terminated, info["outcome"], info["script"]) == (0.0, True, "equivalent", NEWEST["query"])


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10**6))
def test_what_the_mask_allows_changes_the_rewrite_and_is_in_the_observation(
    env: SQLOptimizeRulesEnv, seed: int
) -> None:
    for chosen, seen, known, _, after, info in walk(env, seed):
        assert seen in env.observation_space
        assert after in env.observation_space
        assert np.isfinite(after).all()
        named = dict(zip(NAMES, seen, strict=True))
        flags = [named[f"{action_name(number)}: possible"] for number in range(1, ACTIONS)]
        assert [1, *flags] == known["action_mask"].tolist()
        for first in range(1, ACTIONS, SLOTS):  # the cheapest place first, and no gap before a place
            falls = [named[f"{action_name(number)}: log cost falls"] for number in range(first, first + SLOTS)]
            count = int(sum(flags[first - 1 : first - 1 + SLOTS]))
            assert flags[first - 1 : first - 1 + count] == [1] * count
            assert falls[:count] == sorted(falls[:count], reverse=True)
        assert (info["script"] != known["script"]) == (chosen != STOP)
        assert info["turn"] == known["turn"] + 1


def test_the_observation_foretells_the_cost(env: SQLOptimizeRulesEnv) -> None:
    observation, _ = env.reset(seed=0, options={"task": "city"})
    before = dict(zip(NAMES, observation, strict=True))
    after = dict(zip(NAMES, env.step(INDEX)[0], strict=True))
    falls = before["index_filter, place 1: log cost falls"]
    assert falls > 0.5
    assert after["log cost"] == pytest.approx(before["log cost"] - falls, abs=1e-5)
    assert after["log cost gained"] == pytest.approx(falls, abs=1e-5)
    assert (after["done: index_filter"], after["indexes"], after["steps"], after["steps left"]) == (1, 1, 1, 4)


def test_what_the_mask_rules_out_does_nothing_costs_a_little_and_counts_as_a_step(env: SQLOptimizeRulesEnv) -> None:
    _, info = env.reset(seed=0, options={"task": "city"})
    out = int(np.flatnonzero(info["action_mask"] == 0)[0])
    for number in range(1, 6):
        _, reward, terminated, _, after = env.step(out)
        assert reward == pytest.approx(-0.1)
        assert after["script"] == info["script"]
        assert terminated == (number == 5)
    assert after["outcome"] == "equivalent"


def test_a_query_that_cannot_be_drafted_can_only_be_left_alone(steps_judge: Judge) -> None:
    query = "SELECT rowid FROM users WHERE city = 'Oslo'"
    env = SQLOptimizeRulesEnv([Task("odd", "shop", query)], judge=steps_judge)
    observation, info = env.reset(seed=0)
    assert np.flatnonzero(info["action_mask"]).tolist() == [STOP]
    assert observation in env.observation_space
    *_, info = env.step(STOP)
    assert (info["outcome"], info["script"]) == ("equivalent", query)


def test_shaping_pays_on_the_way_and_nothing_over_all(steps_judge: Judge) -> None:
    plain = SQLOptimizeRulesEnv([PAIRS], judge=steps_judge)
    shaped = SQLOptimizeRulesEnv([PAIRS], judge=steps_judge, shaping=0.5)
    for seed in range(4):
        without, with_it = walk(plain, seed), walk(shaped, seed)
        assert [step[0] for step in without] == [step[0] for step in with_it]
        assert sum(step[3] for step in without) == pytest.approx(sum(step[3] for step in with_it))
    shaped.reset(seed=0)
    assert shaped.step(INDEX)[1] > 0.0


def test_the_same_seed_gives_the_same_episode(env: SQLOptimizeRulesEnv) -> None:
    for one, other in zip(walk(env, 5), walk(env, 5), strict=True):
        assert one[0] == other[0]
        assert one[3] == other[3]
        assert (one[4] == other[4]).all()
        assert {**one[5], "action_mask": one[5]["action_mask"].tolist()} == {
            **other[5],
            "action_mask": other[5]["action_mask"].tolist(),
        }


def test_info_has_the_same_keys_and_types_whatever_happens(env: SQLOptimizeRulesEnv) -> None:
    infos = [info for seed in range(3) for step in walk(env, seed) for info in (step[2], step[5])]
    assert len({tuple((name, type(value)) for name, value in info.items()) for info in infos}) == 1
    masks = [id(info["action_mask"]) for info in infos]
    assert len(set(masks)) > len(infos) // 2  # a step's info is the next one's; none is shared beyond that


def test_ansi_shows_the_steps_and_then_the_judgement(steps_judge: Judge) -> None:
    env = SQLOptimizeRulesEnv([CITY], judge=steps_judge, render_mode="ansi")
    assert "reset" in str(env.render())
    env.reset(seed=0)
    env.step(INDEX)
    text = str(env.render())
    assert "1. index_filter(users.city)" in text
    assert "so far:\nCREATE INDEX" in text
    env.step(STOP)
    assert "improved: the same rows" in str(env.render())


def test_human_prints_at_every_step(steps_judge: Judge, capsys: pytest.CaptureFixture[str]) -> None:
    env = SQLOptimizeRulesEnv([CITY], judge=steps_judge, render_mode="human")
    env.reset(seed=0)
    env.step(INDEX)
    assert "1. index_filter(users.city)" in capsys.readouterr().out
    assert env.render() is None


@pytest.mark.parametrize("wrong", [-1, ACTIONS, 10**30, 1.0, "stop", None, np.array([0, 1])])
def test_what_is_no_action_is_refused_in_a_sentence(env: SQLOptimizeRulesEnv, wrong: Any) -> None:
    env.reset(seed=0)
    with pytest.raises(SqlOptError, match="an action is a "):
        env.step(wrong)


def test_an_action_may_be_any_kind_of_whole_number(env: SQLOptimizeRulesEnv) -> None:
    for zero in (0, np.int64(0), np.array(0)):
        env.reset(seed=0)
        assert env.step(zero)[2]


def test_no_step_before_the_first_reset_or_after_the_end(env: SQLOptimizeRulesEnv) -> None:
    with pytest.raises(SqlOptError, match=r"call reset\(\) first"):
        env.step(STOP)
    with pytest.raises(SqlOptError, match=r"call reset\(\) first"):
        env.action_masks()
    env.reset(seed=0)
    env.step(STOP)
    with pytest.raises(SqlOptError, match="the episode is over"):
        env.step(STOP)
    assert np.flatnonzero(env.action_masks()).tolist() == [STOP]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"max_steps": 0}, "max_steps must be a whole number from 1 to 100, not 0"),
        ({"action_cost": -1}, "action_cost must be a number from 0 to 1"),
        ({"mistake_cost": "much"}, "mistake_cost must be a number from 0 to 1"),
        ({"shaping": float("nan")}, "shaping must be a number from 0 to 1"),
        ({"discount": 2}, "discount must be a number from 0 to 1"),
        ({"max_turns": 3}, "max_steps in place of max_turns"),
        ({"speed": 3}, "unknown setting 'speed'"),
        ({"render_mode": "rgb_array"}, "render_mode must be one of"),
        ({"reward": "fast"}, "unknown reward 'fast'"),
    ],
)
def test_bad_arguments_are_named(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(SqlOptError, match=words):
        SQLOptimizeRulesEnv([CITY], **arguments)


def test_the_pages_lines_run_as_shown(capsys: pytest.CaptureFixture[str]) -> None:
    page = (ROOT / "docs" / "rules-env.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    exec(compile(block, "docs/rules-env.md", "exec"), {})
    assert re.search(r"CREATE INDEX[^$]*\nimproved the same rows", capsys.readouterr().out)


@pytest.mark.skipif(importlib.util.find_spec("sb3_contrib") is not None, reason="the extra is installed")
def test_the_example_says_what_to_install() -> None:
    program = str(ROOT / "examples" / "ppo_rules.py")
    ended = subprocess.run([sys.executable, program], capture_output=True, text=True, timeout=60)
    assert ended.returncode == 1
    assert re.fullmatch(r"\w+ is missing: pip install 'sqlopt-env\[rl\]' matplotlib\n", ended.stderr)
