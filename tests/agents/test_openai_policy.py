"""A language model as a policy, against the real server of examples/serve_rules.py, and its choice of examples."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from serving import Served, rewrites, serving
from sqlopt_agents.few_shot import Example, chosen, features, similarity
from sqlopt_agents.openai_policy import OpenAIPolicy
from sqlopt_agents.policy import Policy, TrainablePolicy, make_policy
from sqlopt_agents.rule_policy import RulePolicy

from sqlopt_env import Judge, SqlOptError, Task, load_tasks
from sqlopt_env.chat import ServerFailed
from sqlopt_env.fingerprint import normal_form
from sqlopt_env.observation import TEXTS, Observation, feedback, observe
from sqlopt_env.trajectory import Proposal, Trajectory

ADDRESS = "http://127.0.0.1:9/v1"  # where nobody listens
TASK = next(task for task in load_tasks() if task.id == "shop-03")
QUERIES = [
    "SELECT count(*) FROM users WHERE city = 'Oslo'",
    "SELECT  COUNT(*) FROM users\nWHERE city = 'Oslo' -- again",
    "SELECT count(*) FROM users WHERE city = 'Bergen'",
    "SELECT u.name FROM users u JOIN orders o ON o.user_id = u.id ORDER BY u.name LIMIT 3",
    "SELECT name FROM users WHERE id NOT IN (SELECT user_id FROM orders)",
    "SELECT city, avg(amount) FROM users JOIN orders ON user_id = users.id GROUP BY city HAVING avg(amount) > 3",
    "SELECT name, rank() OVER (ORDER BY id) FROM users",
    "this is no SQL (",
    "",
]
PLANS = ["SCAN users", "SEARCH orders USING INDEX i (user_id=?)", "SCAN users\nUSE TEMP B-TREE FOR ORDER BY"]


@pytest.fixture(scope="module")
def observation(steps_judge: Judge) -> Observation:
    return observe(steps_judge.prepare(TASK))


@pytest.fixture
def server() -> Iterator[Served]:
    with serving([rewrites(RulePolicy())]) as server:
        yield server


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def example(query: str, plan: str = "SCAN t", rewrite: str = "SELECT 1") -> Example:
    return Example("CREATE TABLE t (x);", query, plan, rewrite, "why", "join")


def kept(judge: Judge, task: Task, observation: Observation, text: str) -> Trajectory:
    return Trajectory(
        task=task,
        observation={name: observation[name] for name in TEXTS},
        proposal=Proposal(text, explanation="because", optimization_type="indexing"),
        evaluation=judge.evaluate(task, text),
        reward=1.0,
        success=True,
        policy="openai:rules",
        iteration=0,
        candidate=0,
        seed=0,
    )


def test_what_the_model_wrote_is_what_the_judge_gets(
    server: Served, observation: Observation, steps_judge: Judge
) -> None:
    policy = OpenAIPolicy("rules", server.url)
    proposals = policy.propose(observation, 4, rng())
    assert len({proposal.text for proposal in proposals}) > 1
    assert all(set(json.loads(p.text)) == {"optimized_query", "explanation", "optimization_type"} for p in proposals)
    assert all(p.explanation == json.loads(p.text)["explanation"] for p in proposals)
    outcomes = {steps_judge.evaluate(TASK, proposal.text).outcome for proposal in proposals}
    assert outcomes <= {"improved", "equivalent"}
    assert isinstance(policy, TrainablePolicy)


def test_equal_seeds_give_equal_requests_and_others_others(server: Served, observation: Observation) -> None:
    runs = [OpenAIPolicy("rules", server.url).propose(observation, 3, rng(seed)) for seed in (1, 1, 2)]
    assert runs[0] == runs[1] != runs[2]
    first, again, other = server.offer.seen
    assert first == again != other


def test_the_greedy_answer_is_asked_for_without_chance(server: Served, observation: Observation) -> None:
    policy = OpenAIPolicy("rules", server.url)
    assert policy.greedy(observation) == policy.greedy(observation)
    assert server.offer.seen[0]["temperature"] == 0.0


@pytest.mark.parametrize("fault", ["prose", "silent"])
def test_an_answer_that_is_no_rewrite_is_still_a_proposal(
    fault: str, observation: Observation, steps_judge: Judge
) -> None:
    with serving(faults=[fault]) as server:
        (proposal,) = OpenAIPolicy("rules", server.url).propose(observation, 1, rng())
    assert steps_judge.evaluate(TASK, proposal.text).outcome == "invalid"


def test_a_server_that_fails_stops_the_run_with_one_sentence(observation: Observation) -> None:
    with serving(faults=["500"]) as server, pytest.raises(ServerFailed, match="status 500"):
        OpenAIPolicy("rules", server.url, retries=0).propose(observation, 2, rng())


def test_a_prompt_that_is_refused_alone_does_not_stop_the_run(observation: Observation, steps_judge: Judge) -> None:
    with serving(faults=["400", "ok", "400"]) as server:
        policy = OpenAIPolicy("rules", server.url)
        with pytest.raises(ServerFailed, match="status 400"):  # the settings may be wrong
            policy.propose(observation, 2, rng())
        policy.propose(observation, 2, rng())
        refused = policy.propose(observation, 2, rng())
    assert [proposal.text for proposal in refused] == ["", ""]
    assert steps_judge.evaluate(TASK, "").outcome == "invalid"


def test_later_turns_show_what_the_judge_said(server: Served, observation: Observation, steps_judge: Judge) -> None:
    wrong = steps_judge.evaluate(TASK, f"SELECT * FROM ({TASK.query}) LIMIT 1")
    assert wrong.outcome == "refuted"
    OpenAIPolicy("rules", server.url).propose({**observation, "feedback": feedback(wrong)}, 1, rng())
    asked = server.offer.seen[0]["messages"][-1]["content"]
    assert wrong.reason in asked
    assert wrong.verdict is not None
    assert wrong.verdict.witness in asked


def test_the_m_step_is_a_pool_of_examples(server: Served, observation: Observation, steps_judge: Judge) -> None:
    policy = OpenAIPolicy("rules", server.url, few_shot=2)
    others = [task for task in load_tasks() if task.id in ("shop-01", "shop-02", "shop-05")]
    pool = [
        kept(steps_judge, task, observe(steps_judge.prepare(task)), f"CREATE INDEX i ON users (city); {task.query}")
        for task in others
    ]
    own = kept(steps_judge, TASK, observation, TASK.query)
    fitted = policy.fit([own, *pool, *pool])
    assert policy.pool == ()
    assert len(fitted.pool) == 4
    fitted.propose(observation, 1, rng())
    system, *shown, task = server.offer.seen[0]["messages"]
    assert system["role"] == "system"
    assert [message["role"] for message in shown] == ["user", "assistant"] * 2
    assert TASK.query in task["content"]
    assert not any(TASK.query in message["content"] for message in shown)
    assert all("CREATE TABLE" not in message["content"] for message in shown), "the schema is told once"
    answers = [json.loads(message["content"]) for message in shown if message["role"] == "assistant"]
    assert all(answer["optimized_query"].startswith("CREATE INDEX i ON users (city)") for answer in answers)
    assert all(answer["explanation"] == "because" for answer in answers)


@given(
    pool=st.lists(st.builds(example, st.sampled_from(QUERIES), st.sampled_from(PLANS), st.text("ab", max_size=2))),
    query=st.sampled_from(QUERIES),
    plan=st.sampled_from(PLANS),
    count=st.integers(0, 5),
)
def test_examples_are_of_other_tasks_and_each_of_another(
    pool: list[Example], query: str, plan: str, count: int
) -> None:
    found = chosen(pool, {"query": query, "plan": plan}, count)
    forms = [normal_form(example.query) for example in found]
    others = {normal_form(example.query) for example in pool} - {normal_form(query)}
    assert len(found) == min(count, len(others))
    assert len(set(forms)) == len(forms)
    assert set(forms) <= others
    assert found == chosen(pool, {"query": query, "plan": plan}, count)
    if found:
        task = features(query, plan)
        near = [similarity(task, features(e.query, e.plan)) for e in pool if normal_form(e.query) in others]
        assert similarity(task, features(found[0].query, found[0].plan)) == max(near)


def test_examples_are_like_the_task_and_unlike_one_another() -> None:
    join = "SELECT u.name FROM users u JOIN orders o ON o.user_id = u.id WHERE u.city = 'Oslo'"
    grouped = "SELECT city, count(*) FROM users GROUP BY city ORDER BY count(*) DESC"
    twin = grouped.replace("city", "name")
    window = "SELECT rank() OVER (PARTITION BY city) FROM users"
    task = {
        "query": "SELECT u.city, count(*) FROM users u JOIN orders o ON o.user_id = u.id GROUP BY u.city ORDER BY 2",
        "plan": "SCAN users",
    }
    pool = [example(query, "SCAN users") for query in (window, join, grouped, twin)]
    assert [example.query for example in chosen(pool, task, 2)] == [grouped, join]
    near = [example for example in pool if example.query != join]
    assert [example.query for example in chosen(near, task, 2)] == [grouped, twin], "rather a twin than what is far off"


def test_an_example_that_is_too_long_is_not_shown() -> None:
    pool = [example("SELECT 1", rewrite="SELECT " + "1," * 10_000 + "1"), example("SELECT 2")]
    assert chosen(pool, {"query": "SELECT 3", "plan": ""}, 5) == [pool[1]]


def test_a_saved_policy_is_the_same_without_its_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-from-the-environment")
    policy = OpenAIPolicy("m", ADDRESS, "sk-secret", few_shot=2, temperature=None, several=False, prices={"m": (1, 2)})
    policy.pool = (example("SELECT 'é\ud800'"), example("SELECT 2"))
    path = tmp_path / "policy.json"
    policy.save(path)
    assert "sk-" not in path.read_text()
    again = OpenAIPolicy.load(path)
    assert again.pool[1] == policy.pool[1]
    observation = {"schema": "s", "query": "q", "plan": "p", "feedback": ""}
    assert again.messages(observation)[-1] == policy.messages(observation)[-1]
    again.save(tmp_path / "again.json")
    assert json.loads((tmp_path / "again.json").read_text()) == json.loads(path.read_text())
    assert isinstance(make_policy(str(path), {"base_url": "http://127.0.0.1:8/v1"}), OpenAIPolicy)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"format": "sqlopt rule policy 1"}',
        '{"format": "sqlopt openai policy 1", "settings": {"model": "m", "zeal": 3}, "pool": []}',
        '{"format": "sqlopt openai policy 1", "settings": {"model": "m"}, "pool": [{"query": 1}]}',
        '{"format": "sqlopt openai policy 1", "settings": {"model": "m", "retries": "x"}, "pool": []}',
        "[" * 100_000,
    ],
)
def test_another_file_is_told_in_one_sentence(text: str, tmp_path: Path) -> None:
    path = tmp_path / "policy.json"
    path.write_text(text)
    with pytest.raises(SqlOptError):
        OpenAIPolicy.load(path, ADDRESS)
    with pytest.raises(SqlOptError, match="there is no policy file"):
        OpenAIPolicy.load(tmp_path / "none.json", ADDRESS)


def test_a_policy_is_made_by_its_name_and_options() -> None:
    options = {"base_url": ADDRESS, "few_shot": "5", "temperature": "none", "answer_format": "text", "several": "no"}
    policy = make_policy("openai:org/model:latest", options)
    assert isinstance(policy, OpenAIPolicy)
    assert policy.model == "org/model:latest"
    assert isinstance(policy, Policy)
    for wrong in ({"few_shot": "-1"}, {"answer_format": "xml"}, {"zeal": "1"}):
        with pytest.raises(SqlOptError):
            make_policy("openai:m", {"base_url": ADDRESS, **wrong})
    with pytest.raises(SqlOptError, match="needs its name"):
        make_policy("openai:", {"base_url": ADDRESS})


def test_another_model_of_the_server_is_a_policy_of_its_own(server: Served, observation: Observation) -> None:
    policy: Any = OpenAIPolicy("rules", server.url)
    policy.pool = (example("SELECT 1"),)
    other = policy.with_model("ft:rules")
    other.propose(observation, 1, rng())
    assert [body["model"] for body in server.offer.seen] == ["ft:rules"]
    assert (policy.model, other.pool) == ("rules", ())
    assert other.spent == 0.0


def test_a_run_that_the_limit_ended_is_resumed_and_pays_nothing_twice(server: Served, tmp_path: Path) -> None:
    tasks, prices, out = tmp_path / "tasks.json", tmp_path / "prices.json", tmp_path / "run"
    chosen_tasks = [task for task in load_tasks() if task.id in ("shop-01", "shop-05")]
    tasks.write_text(json.dumps([{"id": t.id, "database": t.database, "query": t.query} for t in chosen_tasks]))
    prices.write_text('{"rules": [100, 1000]}')

    def train(max_cost: float, *more: str) -> subprocess.CompletedProcess[str]:
        options = {"base_url": server.url, "prices": prices, "max_cost": max_cost, "several": "no", "max_tokens": 400}
        given = [part for name, value in options.items() for part in ("--policy-option", f"{name}={value}")]
        command = [
            str(Path(sys.executable).with_name("sqlopt")), "train", "--policy", "openai:rules", *given, "--tasks",
            str(tasks), "--iterations", "0", "--threshold", "1e6", "--candidates", "2", "--measure", "steps",
            "--workers", "1", "--out", str(out), *more,
        ]  # fmt: skip
        environment = {name: value for name, value in os.environ.items() if not name.startswith("OPENAI_")}
        return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)

    ended = train(0.9)
    assert ended.returncode == 2
    assert "sqlopt: stopped before max_cost: $" in ended.stderr
    first = len(server.offer.seen)
    assert 0 < first < 4
    ended = train(1000.0, "--resume")
    assert ended.returncode == 0, ended.stderr
    assert len(server.offer.seen) == 4
    assert len({body["seed"] for body in server.offer.seen}) == 4
    assert len((out / "trajectories.jsonl").read_text().splitlines()) == 4
