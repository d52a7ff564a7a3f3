"""Local fine-tuning on a tiny model that is made on the spot: the loss falls, the model learns, the loop closes.

Most of it needs torch and TRL, which are too heavy for every test run:
    pip install -e '.[trl]' && pytest tests/agents/test_local_sft.py
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import apsw
import numpy as np
import pytest
from sqlopt_agents.chat_examples import answer_of, prompt_of
from sqlopt_agents.config import Config
from sqlopt_agents.local_sft import SFTSettings, Trained, fine_tune, key_of
from sqlopt_agents.policy import TrainablePolicy
from sqlopt_agents.restem import ReSTEM
from sqlopt_agents.run_folder import RunFolder
from sqlopt_agents.tiny_model import make_tiny_model
from sqlopt_agents.transformers_policy import TransformersPolicy

from sqlopt_env import Judge, SqlOptError, Task
from sqlopt_env.observation import TEXTS, observe
from sqlopt_env.trajectory import Proposal, Trajectory
from sqlopt_env.types import Evaluation, Rewrite

needs_trl = pytest.mark.skipif(
    find_spec("trl") is None,
    reason="TRL is not installed: pip install -e '.[trl]' && pytest tests/agents/test_local_sft.py",
)
LEARNT = "CREATE INDEX i ON t (a); SELECT b FROM t WHERE a = 5"
SETTINGS: dict[str, Any] = {"epochs": 120.0, "learning_rate": 0.01}


def trajectory(task: Task, observation: dict[str, Any], script: str) -> Trajectory:
    evaluation = Evaluation(task.id, "improved", "", Rewrite(script))
    seen = {name: observation[name] for name in TEXTS}
    return Trajectory(task, seen, Proposal(script), evaluation, 1.0, True, "somebody", 0, 0, 0)


def imagined(*scripts: str) -> list[Trajectory]:
    seen = {
        "schema": "CREATE TABLE t (a, b)",
        "query": "SELECT b FROM t WHERE a + 0 = 5",
        "plan": "SCAN t",
        "feedback": "",
    }
    return [trajectory(Task("t", "shop", seen["query"]), seen, script) for script in scripts]


@dataclass(frozen=True)
class Learnt:
    """A tiny model before and after it was taught one answer."""

    task: Task
    observation: dict[str, Any]
    kept: list[Trajectory]
    tiny: str
    out: Path
    trained: Trained


@pytest.fixture(scope="module")
def learnt(tmp_path_factory: pytest.TempPathFactory, steps_judge: Judge) -> Learnt:
    import torch

    torch.set_num_threads(1)  # such a small model is slower on more
    folder = tmp_path_factory.mktemp("sft")
    with apsw.Connection(str(folder / "own.db")) as connection:
        numbers = "WITH RECURSIVE i (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i WHERE n < 5000)"
        connection.execute("CREATE TABLE t (a INTEGER NOT NULL, b INTEGER)")
        connection.execute(f"INSERT INTO t {numbers} SELECT n % 997, n FROM i")
    task = Task("own", str(folder / "own.db"), "SELECT b FROM t WHERE a + 0 = 5")
    observation = observe(steps_judge.prepare(task))
    kept = [trajectory(task, observation, LEARNT)]
    tiny = make_tiny_model(
        folder / "tiny", [message["content"] for message in [*prompt_of(kept[0]), answer_of(kept[0])]]
    )
    trained = fine_tune(str(tiny), kept, folder / "learnt", SFTSettings(**SETTINGS))
    return Learnt(task, observation, kept, str(tiny), folder / "learnt", trained)


@needs_trl
def test_the_loss_falls_and_counts_the_answer_alone(learnt: Learnt) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    losses = learnt.trained.losses
    assert losses[-1] < 0.1 < 5 < losses[0]
    assert (learnt.trained.examples, learnt.trained.left_out, len(losses)) == (1, 0, 120)
    tokenizer = AutoTokenizer.from_pretrained(learnt.tiny)
    model = AutoModelForCausalLM.from_pretrained(learnt.tiny).eval()
    prompt, answer = prompt_of(learnt.kept[0]), answer_of(learnt.kept[0])
    before = tokenizer.apply_chat_template(prompt, add_generation_prompt=True, return_dict=True)["input_ids"]
    whole = tokenizer.apply_chat_template([*prompt, answer], return_dict=True)["input_ids"]
    assert whole[: len(before)] == before
    labels = torch.tensor([[-100] * len(before) + whole[len(before) :]])
    with torch.no_grad():
        expected = float(model(input_ids=torch.tensor([whole]), labels=labels).loss)
    assert losses[0] == pytest.approx(expected, rel=1e-3)


@needs_trl
def test_the_saved_model_writes_what_it_learnt_and_the_judge_pays_it(learnt: Learnt, steps_judge: Judge) -> None:
    policy = TransformersPolicy(str(learnt.out), max_new_tokens=100)
    greedy = policy.greedy(learnt.observation)
    assert greedy.text == answer_of(learnt.kept[0])["content"]
    assert steps_judge.evaluate(learnt.task, greedy.text).outcome == "improved"
    untaught = TransformersPolicy(learnt.tiny, max_new_tokens=20)
    assert steps_judge.evaluate(learnt.task, untaught.greedy(learnt.observation).text).outcome == "invalid"
    first, again, other = (untaught.propose(learnt.observation, 3, np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert first == again != other
    assert len({proposal.text for proposal in first}) == 3
    narrow = TransformersPolicy(learnt.tiny, max_new_tokens=8_000)  # beside the prompt, more than the model can hold
    assert [proposal.text for proposal in narrow.propose(learnt.observation, 2, np.random.default_rng(0))] == ["", ""]


@needs_trl
def test_what_is_done_is_taken_over_and_what_was_left_half_done_is_made_anew(learnt: Learnt, tmp_path: Path) -> None:
    settings = SFTSettings(**SETTINGS)
    weights = learnt.out / "model.safetensors"
    before = weights.stat().st_mtime_ns
    assert fine_tune(learnt.tiny, learnt.kept, learnt.out, settings) == learnt.trained
    assert weights.stat().st_mtime_ns == before
    with pytest.raises(SqlOptError, match="holds something else"):
        fine_tune(learnt.tiny, learnt.kept, learnt.out, SFTSettings(epochs=1.0))
    assert weights.stat().st_mtime_ns == before
    left = tmp_path / ".model.training"  # as a kill leaves it
    left.mkdir()
    (left / "model.safetensors").write_text("half")
    trained = fine_tune(learnt.tiny, learnt.kept, tmp_path / "model", SFTSettings(epochs=1.0))
    assert len(trained.losses) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model"]


@needs_trl
def test_examples_that_are_too_long_are_left_out_and_never_cut(learnt: Learnt, tmp_path: Path) -> None:
    long = trajectory(learnt.task, learnt.observation, LEARNT + " -- " + "x" * 5000)
    settings = SFTSettings(epochs=1.0, max_length=2000)
    trained = fine_tune(learnt.tiny, [*learnt.kept, long], tmp_path / "some", settings)
    assert (trained.examples, trained.left_out) == (1, 1)
    with pytest.raises(SqlOptError, match="all 1 examples are longer than max_length, 2000 tokens"):
        fine_tune(learnt.tiny, [long], tmp_path / "none", settings)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["some"]


@needs_trl
def test_the_loop_closes(learnt: Learnt, steps_judge: Judge, tmp_path: Path) -> None:
    """E-step, M-step, E-step; begun with a model that knows one answer, so that there is something to keep."""
    policy = TransformersPolicy(str(learnt.out), temperature=0.0, max_new_tokens=100, epochs=2.0)
    config = Config(iterations=1, candidates=2, variant="fine-tuning")
    with RunFolder(tmp_path / "run", {}, {}, resume=False) as folder:
        result = ReSTEM(policy, [learnt.task], steps_judge, folder, config).run()
    assert [metrics.success_rate for metrics in result.metrics] == [1.0, 1.0]
    (model,) = (tmp_path / "run" / "models").iterdir()
    record = json.loads((model / "sqlopt.json").read_text())
    assert (record["model"], record["examples"]) == (str(learnt.out), 1)
    loaded = TransformersPolicy.load(tmp_path / "run" / "policy.json")
    assert loaded.model in (str(learnt.out), str(model))


@needs_trl
def test_other_models_get_one_sentence(learnt: Learnt, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    plain = AutoTokenizer.from_pretrained(learnt.tiny)
    plain.chat_template = None
    plain.save_pretrained(tmp_path / "plain")
    (tmp_path / "empty").mkdir()
    for name, sentence in (("plain", "has no chat template"), ("empty", "cannot be loaded")):
        with pytest.raises(SqlOptError, match=sentence) as caught:
            fine_tune(str(tmp_path / name), learnt.kept, tmp_path / "out")
        assert "\n" not in str(caught.value)
        with pytest.raises(SqlOptError, match=sentence):
            TransformersPolicy(str(tmp_path / name)).greedy(learnt.observation)
    assert not (tmp_path / "out").exists()


def test_without_trl_one_sentence_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("trl", "transformers", "torch"):
        monkeypatch.setitem(sys.modules, name, None)
    calls: list[Callable[[], Any]] = [
        lambda: fine_tune("a model", imagined("SELECT 1"), tmp_path / "out"),
        lambda: TransformersPolicy("a model").greedy(imagined("SELECT 1")[0].observation),
        lambda: make_tiny_model(tmp_path / "tiny", ["text"]),
    ]
    for call in calls:
        with pytest.raises(SqlOptError, match=r"pip install 'sqlopt-env\[trl\]'") as caught:
            call()
        assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_the_key_depends_on_what_is_learnt_and_not_on_how_it_was_measured() -> None:
    settings = SFTSettings()
    key = key_of("m", imagined("SELECT 1", "SELECT 2"), settings)
    (one, two) = imagined("SELECT 1", "SELECT 2")
    assert key_of("m", [one, two], settings) == key
    others = {
        key_of("n", [one, two], settings),
        key_of("m", [one], settings),
        key_of("m", [one, two], SFTSettings(seed=1)),
        key_of("m", imagined("SELECT 1", "SELECT 3"), settings),
    }
    assert key not in others
    assert len(others) == 4


def test_a_policy_survives_its_file(tmp_path: Path) -> None:
    policy = TransformersPolicy("m", folder=tmp_path, temperature=0.5, max_new_tokens=7, epochs=1.0, seed=3)
    assert isinstance(policy, TrainablePolicy)
    assert policy.fit([]) is policy
    policy.save(tmp_path / "policy.json")
    loaded = TransformersPolicy.load(tmp_path / "policy.json")
    loaded.save(tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == (tmp_path / "policy.json").read_bytes()
    for name, text in (("a", ""), ("b", "[]"), ("c", '{"format": "another"}'), ("d", '{"format": 5}')):
        (tmp_path / name).write_text(text)
        with pytest.raises(SqlOptError):
            TransformersPolicy.load(tmp_path / name)
    with pytest.raises(SqlOptError, match="no policy file"):
        TransformersPolicy.load(tmp_path / "nowhere")


@pytest.mark.parametrize(
    "settings",
    [{"epochs": 0}, {"epochs": "3"}, {"learning_rate": float("nan")}, {"batch": 0}, {"max_length": 1.5}, {"seed": -1},
     {"temperature": -1}, {"max_new_tokens": 0}, {"model": ""}],
)  # fmt: skip
def test_wrong_settings_are_named(settings: dict[str, Any]) -> None:
    (name,) = settings
    with pytest.raises(SqlOptError, match=name.replace("model", "language model")):
        TransformersPolicy(**{"model": "m", **settings})


def test_nothing_kept_is_nothing_to_tune_on(tmp_path: Path) -> None:
    with pytest.raises(SqlOptError, match="nothing to fine-tune on"):
        fine_tune("m", [], tmp_path / "out")
