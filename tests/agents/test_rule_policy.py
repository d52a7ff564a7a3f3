"""The rule policy: uniform at first, repeatable, saved as a readable file, and better after an M-step."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlopt_agents.drafting import board_for
from sqlopt_agents.policy import Policy, TrainablePolicy, make_policy
from sqlopt_agents.rule_policy import FEATURES, RulePolicy

from sqlopt_env import Evaluation, Judge, Rewrite, SqlOptError, Task
from sqlopt_env.observation import observe
from sqlopt_env.trajectory import Proposal, Trajectory

TASK = Task("t", "shop", "SELECT count(*) FROM users WHERE city = 'Oslo' OR city = 'Bergen'")


@pytest.fixture
def observation(judge: Judge) -> dict[str, Any]:
    return observe(judge.prepare(TASK))


def kept(observation: dict[str, Any], proposal: Proposal) -> Trajectory:
    evaluation = Evaluation(task_id="t", outcome="improved", reason="", rewrite=Rewrite(proposal.text))
    return Trajectory(TASK, observation, proposal, evaluation, 1.0, True, "rules", 0, 0, 0)


def test_it_has_the_shape_of_a_trainable_policy() -> None:
    assert isinstance(RulePolicy(), Policy)
    assert isinstance(RulePolicy(), TrainablePolicy)


def test_the_untrained_policy_is_uniform(observation: dict[str, Any]) -> None:
    board = board_for(observation["schema"])
    start = board.start(TASK.query)
    assert start is not None
    choices = len(board.options(start[0])) + 1
    proposals = RulePolicy().propose(observation, 2000, np.random.default_rng(0))
    stopped = sum(not proposal.techniques for proposal in proposals) / len(proposals)
    assert stopped == pytest.approx(1 / choices, abs=0.03)


def test_the_same_seed_gives_the_same_proposals(observation: dict[str, Any]) -> None:
    def texts(seed: int) -> list[str]:
        return [p.text for p in RulePolicy().propose(observation, 8, np.random.default_rng(seed))]

    assert texts(1) == texts(1)
    assert texts(1) != texts(2)


def test_an_m_step_makes_what_was_kept_likely(observation: dict[str, Any]) -> None:
    proposals = RulePolicy().propose(observation, 200, np.random.default_rng(0))
    good = [p for p in proposals if p.techniques == ("index_filter(users.city)",)]
    assert 0 < len(good) < 60
    trained = RulePolicy().fit([kept(observation, good[0])])
    again = trained.propose(observation, 200, np.random.default_rng(0))
    assert sum(p.techniques == good[0].techniques for p in again) > 150


def test_trajectories_of_others_are_passed_over(observation: dict[str, Any]) -> None:
    foreign = kept(observation, Proposal(TASK.query, ("a technique that is not there(x)",)))
    assert not RulePolicy().fit([foreign]).weights.any()
    assert not RulePolicy().fit([]).weights.any()


def test_a_saved_policy_comes_back(observation: dict[str, Any], tmp_path: Path) -> None:
    weights = np.round(np.random.default_rng(0).normal(size=len(FEATURES)), 6)
    policy = RulePolicy(weights, l2=0.5, action_cost=0.25)
    policy.save(tmp_path / "policy.json")
    loaded = make_policy(str(tmp_path / "policy.json"))
    assert isinstance(loaded, RulePolicy)
    assert np.array_equal(loaded.weights, weights)
    assert (loaded.l2, loaded.action_cost) == (0.5, 0.25)


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"format": "another"}', "\0"])
def test_a_file_that_is_no_policy_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "policy.json").write_text(content)
    with pytest.raises(SqlOptError, match=r"policy\.json"):
        RulePolicy.load(tmp_path / "policy.json")


def test_weights_must_be_finite(tmp_path: Path) -> None:
    RulePolicy().save(tmp_path / "policy.json")
    data = json.loads((tmp_path / "policy.json").read_text())
    data["weights"]["stop"] = float("nan")
    (tmp_path / "policy.json").write_text(json.dumps(data))
    with pytest.raises(SqlOptError, match="not finite"):
        RulePolicy.load(tmp_path / "policy.json")


def test_a_query_that_cannot_be_read_is_proposed_as_it_is(observation: dict[str, Any]) -> None:
    odd = {**observation, "query": "SELECT * FROM users WHERE (((("}
    assert {p.text for p in RulePolicy().propose(odd, 3, np.random.default_rng(0))} == {odd["query"]}


def test_the_plans_cost_estimate_knows_good_from_bad(observation: dict[str, Any]) -> None:
    board = board_for(observation["schema"])

    def cost(query: str, *indexes: str) -> float:
        start = board.start(query)
        assert start is not None
        draft = start[0].with_indexes(indexes)
        plan = board._what_if.plan(indexes, draft.sql)
        assert plan is not None
        return board.log_cost(draft, plan)

    correlated = "SELECT u.id, (SELECT COUNT(*) FROM orders o WHERE o.user_id = u.id) FROM users u"
    grouped = "(SELECT user_id, COUNT(*) n FROM orders GROUP BY 1)"
    joined = f"SELECT u.id, d.n FROM users u LEFT JOIN {grouped} d ON d.user_id = u.id"
    index = "CREATE INDEX i ON orders (user_id)"
    assert cost(correlated) > cost(joined) + 2
    assert cost(correlated) > cost(correlated, index) + 2
    assert cost("SELECT MIN(amount) FROM orders") > cost(
        "SELECT MIN(amount) FROM orders", "CREATE INDEX i ON orders (amount)"
    )


def test_what_is_left_alone_stays_as_it_was_written(observation: dict[str, Any]) -> None:
    untouched = [p for p in RulePolicy().propose(observation, 200, np.random.default_rng(0)) if not p.techniques]
    assert {p.text for p in untouched} == {TASK.query}


def test_the_best_answers_differ_come_without_chance_and_are_at_least_one(observation: dict[str, Any]) -> None:
    first, again = (RulePolicy().ranked(observation, 4) for _ in range(2))
    assert first == again
    assert len({proposal.text for proposal in first}) == 4
    assert RulePolicy().greedy(observation) == first[0]
    assert len(RulePolicy().ranked(observation, -1)) == 1


def test_the_untrained_policys_best_answer_is_the_one_whose_plan_seems_cheapest(observation: dict[str, Any]) -> None:
    board = board_for(observation["schema"])
    start = board.start(TASK.query)
    assert start is not None
    cheapest = min(board.options(start[0]), key=lambda option: option.cost)
    assert cheapest.cost < board.log_cost(*start)
    best = RulePolicy().greedy(observation)
    assert "CREATE INDEX" in best.text


@pytest.mark.parametrize("options", [{"l2": -1.0}, {"temperature": float("nan")}, {"width": 0}, {"action_cost": -0.1}])
def test_settings_that_make_no_sense_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(SqlOptError, match=next(iter(options))):
        RulePolicy(**options)


def test_a_policy_is_saved_and_loaded_by_a_path_as_text_too(tmp_path: Path) -> None:
    RulePolicy(temperature=0.5).save(str(tmp_path / "policy.json"))
    assert RulePolicy.load(str(tmp_path / "policy.json")).temperature == 0.5


def test_distinct_values_of_the_schema_tell_a_selective_index_from_a_useless_one() -> None:
    def gain(values: int) -> float:
        figures = f"-- distinct values: id 100000, kind {values}\n-- 100,000 rows\n"
        ddl = figures + "CREATE TABLE t (id INTEGER PRIMARY KEY, kind TEXT);"
        board = board_for(ddl)
        start = board.start("SELECT id FROM t WHERE kind = 'a' ORDER BY id")
        assert start is not None
        return board.log_cost(*start) - min(option.cost for option in board.options(start[0]))

    assert gain(50_000) > gain(50) > gain(2)
