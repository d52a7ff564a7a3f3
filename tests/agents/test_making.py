"""A policy from its name and options: every kind there is, and one sentence for what there is not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from sqlopt_agents.baselines import BASELINES
from sqlopt_agents.openai_policy import OpenAIPolicy
from sqlopt_agents.options import called
from sqlopt_agents.policy import GreedyPolicy, Policy, greedy_of, make_policy, proposals_of
from sqlopt_agents.rule_policy import RulePolicy
from sqlopt_agents.transformers_policy import TransformersPolicy

from sqlopt_env import SqlOptError
from sqlopt_env.trajectory import Proposal

OWN_POLICIES = Path(__file__).parent  # the folder of own_policies.py
RNG = np.random.default_rng(0)


def taken(  # type: ignore[no-untyped-def]
    *,
    count: int = 1,
    share: float | None = None,
    open: bool = False,
    folder: Path = Path(),
    word: str = "",
    form: Literal["json", "text"] = "json",
    plain=3,
    table: dict[str, int] | None = None,
) -> dict[str, Any]:
    return dict(locals())


def test_every_name_makes_a_policy(tmp_path: Path) -> None:
    for name in (*BASELINES, "rules"):
        assert isinstance(make_policy(name), Policy)
    RulePolicy(l2=0.25).save(tmp_path / "policy.json")
    saved = make_policy(str(tmp_path / "policy.json"))
    assert isinstance(saved, RulePolicy)
    assert saved.l2 == 0.25
    OpenAIPolicy("m", base_url="http://127.0.0.1:9/v1").save(tmp_path / "policy.json")
    asked = make_policy(str(tmp_path / "policy.json"), {"base_url": "http://127.0.0.1:8/v1"})
    assert isinstance(asked, OpenAIPolicy)
    assert asked.model == "m"
    TransformersPolicy("folder", temperature=0.5).save(tmp_path / "policy.json")
    assert isinstance(make_policy(str(tmp_path / "policy.json")), TransformersPolicy)


def test_options_become_what_the_parameter_is_declared_to_be() -> None:
    texts = {
        "count": "7", "share": "0.5", "open": "yes", "folder": "a/b", "word": "7", "form": "text", "plain": "4",
    }  # fmt: skip
    made = called("x", taken, texts)
    wanted = {"count": 7, "share": 0.5, "open": True, "folder": Path("a/b"), "word": "7", "form": "text", "plain": 4}
    assert made == {**wanted, "table": None}
    assert [type(made[name]) for name in ("count", "share", "word")] == [int, float, str]
    assert called("x", taken, {"share": "none"})["share"] is None


@pytest.mark.parametrize(
    ("key", "text", "sentence"),
    [
        ("count", "7.5", "count must be a whole number, not '7.5'"),
        ("share", "half", "share must be none or a number, not 'half'"),
        ("open", "perhaps", "open must be true or false"),
        ("form", "xml", "form must be one of json, text"),
        ("table", "{}", "no option 'table': its options are count, share, open, folder, word, form, plain"),
        ("nothing", "1", "no option 'nothing'"),
    ],
)
def test_a_wrong_option_gets_one_sentence(key: str, text: str, sentence: str) -> None:
    with pytest.raises(SqlOptError) as caught:
        called("x", taken, {key: text})
    assert sentence in str(caught.value)


@pytest.fixture(autouse=True)
def _own_policies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(OWN_POLICIES)


def test_options_of_ones_own_class() -> None:
    made: Any = make_policy("own_policies:Coin", {"share": "1", "price": "2"})
    assert (made.share, made.price) == (1.0, 2.0)


def test_a_file_of_another_kind_is_named(tmp_path: Path) -> None:
    (tmp_path / "policy.json").write_text(json.dumps({"format": "sqlopt evaluation 1"}))
    with pytest.raises(SqlOptError, match=r"policy\.json holds 'sqlopt evaluation 1'"):
        make_policy(str(tmp_path / "policy.json"))
    RulePolicy().save(tmp_path / "rules.json")
    with pytest.raises(SqlOptError, match="it has none"):
        make_policy(str(tmp_path / "rules.json"), {"l2": "1"})


@pytest.mark.parametrize(
    ("name", "options", "sentence"),
    [
        ("greed", {}, "unknown policy 'greed': give one of identity, random, advisor"),
        ("identity", {"n": "1"}, "the policy identity has no option 'n': it has none"),
        ("random", {"steps": "0"}, "steps must be a whole number from 1 to 100"),
        ("random", {"steps": "two"}, "steps must be a whole number, not 'two'"),
        ("advisor", {"timeout": "nan"}, "timeout must be a number of seconds"),
        ("advisor", {"program": "nowhere"}, "there is no program nowhere"),
        ("nowhere.json", {}, "no policy file nowhere.json"),
        ("nowhere:Policy", {}, "cannot be made: ModuleNotFoundError"),
        ("own_policies:Speechless", {}, "has no method propose"),
        ("own_policies:Coin", {"shade": "1"}, "its options are share, price, api_key"),
        ("openai:", {}, "needs its name"),
    ],
)
def test_what_there_is_not_gets_one_sentence(name: str, options: dict[str, str], sentence: str) -> None:
    with pytest.raises(SqlOptError) as caught:
        make_policy(name, options)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


class Odd:
    """Answers with whatever it is given."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def propose(self, observation: Any, n: int, rng: Any) -> Any:
        return self.answer

    def greedy(self, observation: Any) -> Any:
        return self.answer


@pytest.mark.parametrize("answer", [None, "SELECT 1", [], ["SELECT 1"], [Proposal(7)], [Proposal("x", (1,))]])  # type: ignore[arg-type]
def test_what_is_no_proposal_is_refused(answer: Any) -> None:
    assert isinstance(Odd(answer), GreedyPolicy)
    with pytest.raises(SqlOptError):
        proposals_of(Odd(answer), {}, 1, RNG)
    with pytest.raises(SqlOptError):
        greedy_of(Odd(answer[0] if answer else None), {})


def test_a_policy_without_a_best_answer_says_so() -> None:
    with pytest.raises(SqlOptError, match="RandomRules has no method greedy"):
        greedy_of(make_policy("random"), {})
