"""The arithmetic of the score table, against arithmetic that is slower and plainer."""

from __future__ import annotations

from itertools import combinations
from math import exp, inf, log, nan
from statistics import fmean

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlopt_agents.scoring import METRICS, Answer, Batch, best_of, intervals, pass_at, scores

from sqlopt_env.types import OUTCOMES

GOOD = Answer("improved", True, 8.0, 4.0, 0.5)
SAME = Answer("equivalent", False, 0.5, 0.25, 0.1)
WRONG = Answer("refuted", False, None, None, 0.2)


def batch(*answers: Answer) -> Batch:
    return Batch(answers, seconds=0.1 * len(answers), dollars=0.02 * len(answers))


def test_every_score_of_a_small_example() -> None:
    found = {name: score.value for name, score in scores([batch(GOOD, SAME), batch(WRONG)]).items()}
    assert found == pytest.approx(
        {
            "valid": 1.0,
            "equivalent": 0.5,
            "improved": 0.25,
            "success": 0.25,
            "refuted": 0.5,
            "speedup": exp((log(8.0) + log(0.5)) / 2 / 2),  # a wrong answer is used by nobody: 1
            "effective_speedup": exp((log(4.0) + log(0.25)) / 2 / 2),
            "thinking": 0.1,
            "judging": (0.3 + 0.2) / 2,
            "cost": 0.02,
        }
    )
    assert list(found) == [metric.name for metric in METRICS]


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_only_right_answers_gain_and_only_what_ran_is_valid(outcome: str) -> None:
    found = scores([batch(Answer(outcome, False, 9.0, 9.0, 0.0))])
    assert found["speedup"].value == pytest.approx(9.0 if outcome in ("improved", "equivalent") else 1.0)
    assert found["valid"].value == float(outcome not in ("invalid", "forbidden", "crashed"))


@pytest.mark.parametrize("speedup", [None, 0.0, inf, nan, -1.0])
def test_a_speedup_that_is_none_counts_as_no_gain(speedup: float | None) -> None:
    assert scores([batch(Answer("equivalent", False, speedup, speedup, 0.0))])["speedup"].value == 1.0


@given(st.lists(st.booleans(), min_size=1, max_size=7), st.data())
def test_best_of_k_is_the_share_of_all_choices_of_k_that_hold_a_success(hits: list[bool], data: st.DataObject) -> None:
    k = data.draw(st.integers(1, len(hits)))
    plain = fmean(any(chosen) for chosen in combinations(hits, k))
    assert pass_at(k, len(hits), sum(hits)) == pytest.approx(plain)


def test_best_of_is_told_for_powers_of_two_and_for_all_samples() -> None:
    found = best_of([batch(GOOD, SAME, SAME, SAME, SAME, WRONG), batch(*[WRONG] * 6)])
    assert {k: score.value for k, score in found.items()} == pytest.approx({1: 1 / 12, 2: 1 / 6, 4: 1 / 3, 6: 1 / 2})
    assert best_of([]) == {}


@settings(max_examples=30)
@given(st.lists(st.floats(-100, 100), min_size=1, max_size=40), st.integers(0, 5))
def test_an_interval_holds_the_mean_and_stays_within_the_values(values: list[float], seed: int) -> None:
    score = intervals({"x": values, "none": []}, seed)["x"]
    assert score.value == pytest.approx(fmean(values), abs=1e-9)
    assert min(values) - 1e-9 <= score.low <= score.high <= max(values) + 1e-9
    assert intervals({"x": values}, seed)["x"] == score


def test_an_interval_narrows_as_tasks_grow_and_holds_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    widths, held = [], 0
    for count in (50, 200):
        score = intervals({"x": list(rng.random(count) < 0.3)})["x"]
        widths.append(score.high - score.low)
    for seed in range(60):
        score = intervals({"x": list(rng.random(60) < 0.3)}, seed)["x"]
        held += score.low <= 0.3 <= score.high
    assert widths[1] < 0.7 * widths[0]
    assert 0.85 <= held / 60 <= 1.0
