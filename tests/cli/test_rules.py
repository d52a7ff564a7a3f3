"""`sqlopt rules` as a person runs it, and the page that it has left in docs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlopt_agents.rules import RULES
from sqlopt_agents.rules.base import KINDS
from sqlopt_agents.rules.unsound import UNSOUND

from sqlopt_env import Evaluation, Rewrite, SqlOptError, Task, heldout_examples
from sqlopt_env.cli.earnings import Paid, earnings, paid_answers
from sqlopt_env.cli.rules_page import told
from sqlopt_env.trajectory import Proposal, Trajectory, TrajectoryLog

Sqlopt = Callable[..., Any]  # see conftest.py
PAGE = Path(__file__).parents[2] / "docs" / "techniques.md"


def test_the_page_in_docs_is_what_the_command_writes_now(sqlopt: Sqlopt, tmp_path: Path) -> None:
    done = sqlopt("rules", "--markdown", tmp_path / "new" / "techniques.md")
    assert done.code == 0, done.err
    written = (tmp_path / "new" / "techniques.md").read_bytes()
    assert written == PAGE.read_bytes(), "write docs/techniques.md anew: sqlopt rules --markdown docs/techniques.md"


def test_every_technique_is_listed_with_its_kind(sqlopt: Sqlopt) -> None:
    done = sqlopt("rules", "--unsound")
    assert done.code == 0, done.err
    listed = done.out
    at = [listed.index(f"\n{kind}\n") if kind != KINDS[0] else 0 for kind in KINDS]
    assert at == sorted(at)
    for rule in (*RULES, *UNSOUND):
        assert f"│ {rule.NAME} " in listed
    assert f"{len(RULES)} techniques" in listed


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.NAME)
def test_a_technique_says_what_it_does_shows_it_and_when_it_is_valid(rule: Any) -> None:
    technique = told(rule)
    assert technique.sentence.endswith(".")
    assert "->" in technique.example
    assert technique.validity.startswith("Valid ")
    assert technique.valid_when.endswith(".")


def test_one_technique_is_shown_in_full(sqlopt: Sqlopt) -> None:
    shown = sqlopt("rules", "index_filter").out
    assert shown.startswith("index_filter (indexing)\n\nAn index on one column")
    assert "-> CREATE INDEX" in shown
    assert "median effective speedup is" in shown


def test_what_techniques_earned_is_counted_over_the_shipped_answers() -> None:
    using = [
        example["search"]["speedup"]
        for example in heldout_examples()
        if any(name.startswith("index_covering(") for name in example["search"]["techniques"])
    ]
    earned = earnings(paid_answers())["index_covering"]
    assert earned.answers == len(using) > 10
    assert earned.speedup == median(using)


@given(st.lists(st.tuples(st.frozensets(st.sampled_from("abc"), min_size=1), st.floats(1, 100)), max_size=12))
def test_an_answer_counts_once_for_each_of_its_techniques(answers: list[tuple[frozenset[str], float]]) -> None:
    found = earnings(Paid(techniques, speedup) for techniques, speedup in answers)
    assert set(found) == {name for techniques, _ in answers for name in techniques}
    assert sum(earning.alone for earning in found.values()) == sum(len(techniques) == 1 for techniques, _ in answers)
    for name, earning in found.items():
        speedups = [speedup for techniques, speedup in answers if name in techniques]
        assert (earning.answers, earning.speedup) == (len(speedups), median(speedups))


def test_a_runs_trajectories_count_once_each_where_they_were_paid(tmp_path: Path) -> None:
    def trajectory(candidate: int, text: str, outcome: Any, *techniques: str) -> Trajectory:
        evaluation = Evaluation("t", outcome, "", Rewrite(text), effective_speedup=4.0, measure="steps")
        task = Task("t", "shop", "SELECT 1")
        return Trajectory(task, {}, Proposal(text, techniques), evaluation, 1.0, True, "rules", 0, candidate, 0)

    with TrajectoryLog(tmp_path / "trajectories.jsonl") as log:
        log.append(trajectory(0, "x", "improved", "a(t.c)", "a(t.d)", "b(t)"))
        log.append(trajectory(1, "x", "improved", "a(t.c)", "a(t.d)", "b(t)"))
        log.append(trajectory(2, "y", "refuted", "a(t.c)"))
        log.append(trajectory(3, "z", "improved", "b(t)"))
        log.append(trajectory(4, "w", "improved"))
    found = earnings(paid_answers(tmp_path / "trajectories.jsonl"))
    assert {name: (e.answers, e.alone, e.speedup) for name, e in found.items()} == {"a": (1, 0, 4.0), "b": (2, 1, 4.0)}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["index_filtr"], "there is no technique 'index_filtr': did you mean index_filter"),
        (["xyz"], "there is no technique 'xyz': sqlopt rules lists them"),
        (["index_filter", "--unsound"], "a technique's name stands alone"),
        (["--data", "nowhere.json"], "there is no file nowhere.json"),
        (["--markdown", "/"], "the page / cannot be written"),
    ],
)
def test_wrong_input_gets_one_sentence(sqlopt: Sqlopt, arguments: list[str], sentence: str) -> None:
    failed = sqlopt("rules", *arguments)
    assert failed.code == 2
    assert sentence in failed.err
    assert failed.err.count("\n") == 1


@pytest.mark.parametrize("text", ["", "{}", "[1]", '[{"techniques": 1, "effective_speedup": 2}]', "[{}]", "\0"])
def test_data_of_another_kind_is_named(text: str, tmp_path: Path) -> None:
    for name in ("data.json", "data.jsonl"):
        (tmp_path / name).write_text(text + "\n")
        if name == "data.json" or text:
            with pytest.raises(SqlOptError, match=name.replace(".", r"\.")):
                paid_answers(tmp_path / name)


def test_a_training_file_is_read(tmp_path: Path) -> None:
    records = [{"techniques": ["a(x)"], "effective_speedup": 3.0}, {"techniques": [], "effective_speedup": 3.0}]
    (tmp_path / "data.json").write_text(json.dumps(records))
    assert paid_answers(tmp_path / "data.json") == [Paid(frozenset({"a"}), 3.0)]
