"""What an evaluation is worth."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sqlopt_env import Evaluation, Rewrite, SqlOptError
from sqlopt_env.reward import REWARDS, ReadableReward, growth, reward_function
from sqlopt_env.types import OUTCOMES, Size, SizeChange

SMALL = Size(20, 1, 0, 0, 0)
SIZES = st.builds(Size, *[st.integers(0, 10**6)] * 5)


def evaluation(
    outcome: str, speedup: float | None = None, effective: float | None = None, size: SizeChange | None = None
) -> Evaluation:
    return Evaluation(
        task_id="t",
        outcome=outcome,  # type: ignore[arg-type]
        reason="",
        rewrite=Rewrite(""),
        speedup=speedup,
        effective_speedup=speedup if effective is None else effective,
        size=size,
    )


@pytest.mark.parametrize(
    ("outcome", "effective", "reward"),
    [
        ("improved", 10.0, 1.0),
        ("improved", 2.0, 0.30103),
        ("improved", 1000.0, 3.0),
        ("improved", 1e9, 3.0),
        ("improved", 0.5, 0.0),
        ("equivalent", 1.2, 0.0),
        ("unverified", None, 0.0),
        ("refuted", None, -1.0),
        ("forbidden", None, -1.0),
        ("invalid", None, -1.0),
        ("crashed", None, -1.0),
        ("timeout", None, -0.5),
        ("memory", None, -0.5),
    ],
)
def test_log_pays_the_effective_speedup(outcome: str, effective: float | None, reward: float) -> None:
    assert reward_function("log")(evaluation(outcome, effective)) == pytest.approx(reward, abs=1e-5)


def test_log_charges_the_indexes() -> None:
    assert reward_function("log")(evaluation("improved", speedup=100.0, effective=10.0)) == pytest.approx(1.0)


@pytest.mark.parametrize(("speedup", "reward"), [(1.0, 0.30103), (9.0, 1.0), (100.0, 1.0), (0.5, 0.17609)])
def test_quill_is_the_earlier_formula(speedup: float, reward: float) -> None:
    assert reward_function("quill")(evaluation("equivalent", speedup)) == pytest.approx(reward, abs=1e-5)


@pytest.mark.parametrize(
    ("speedup", "reward"), [(2.0, 1.25), (1.99, 1.0), (1.0, 1.0), (0.5, 0.75), (0.25, 0.5), (0.1, 0.25)]
)
def test_r_ves_has_birds_tiers(speedup: float, reward: float) -> None:
    assert reward_function("r-ves")(evaluation("improved", speedup)) == reward


@pytest.mark.parametrize("name", ["quill", "r-ves"])
def test_the_others_pay_nothing_for_failure(name: str) -> None:
    for outcome in set(OUTCOMES) - {"improved", "equivalent"}:
        assert reward_function(name)(evaluation(outcome)) == 0.0


def test_any_callable_will_do() -> None:
    assert reward_function(lambda e: 7.0)(evaluation("refuted")) == 7.0


def test_an_unknown_reward_is_named() -> None:
    with pytest.raises(SqlOptError, match="unknown reward 'speed'"):
        reward_function("speed")


@pytest.mark.parametrize(
    ("after", "reward"),
    [
        (SMALL, 1.0),
        (Size(10, 0, 0, 0, 0), 1.0),  # smaller earns nothing more
        (Size(45, 1, 0, 0, 0), 0.8),  # twice the burden
        (Size(20, 1, 1, 2, 2), 0.8),  # the same in joins, subqueries and indexes
        (Size(10**6, 9, 9, 9, 9), 0.8),
        (Size(20, 1, 0, 0, 2), pytest.approx(0.9029, abs=1e-4)),  # log2(35 / 25) = 0.485
    ],
)
def test_a_larger_rewrite_is_charged_up_to_a_fifth(after: Size, reward: float) -> None:
    assert reward_function("log+size")(evaluation("improved", 10.0, size=SizeChange(SMALL, after))) == reward


@given(
    st.sampled_from(OUTCOMES), st.sampled_from(list(REWARDS)), st.floats(0, 0.99), SIZES, SIZES, st.floats(0.01, 1e9)
)
def test_size_never_turns_a_sign_and_never_costs_more_than_its_weight(
    outcome: str, base: str, weight: float, before: Size, after: Size, speedup: float
) -> None:
    judged = evaluation(outcome, speedup, size=SizeChange(before, after))
    plain, charged = reward_function(base)(judged), ReadableReward(base, weight)(judged)
    assert 0 <= growth(SizeChange(before, after)) <= 1
    if plain <= 0:
        assert charged == plain
    else:
        assert 0 < plain * (1 - weight) * 0.999999 <= charged <= plain


@given(SIZES, SIZES, st.floats(1.01, 1e6), st.floats(1.01, 1e6))
def test_of_two_rewrites_of_one_size_the_faster_is_worth_as_much_or_more(
    before: Size, after: Size, one: float, other: float
) -> None:
    slow, fast = (evaluation("improved", speedup, size=SizeChange(before, after)) for speedup in sorted((one, other)))
    assert reward_function("log+size")(slow) <= reward_function("log+size")(fast)


def test_without_a_size_nothing_is_charged() -> None:
    assert reward_function("log+size")(evaluation("improved", 10.0)) == 1.0


@pytest.mark.parametrize("weight", [-0.1, 1, 1.0, float("nan"), "0.2", True])
def test_a_weight_is_from_0_to_below_1(weight: Any) -> None:
    with pytest.raises(SqlOptError, match="weight must be a number from 0 to below 1"):
        ReadableReward(weight=weight)


@pytest.mark.parametrize("name", ["", "+size", "log+", "log+size+size", "size", None, 3, ["log"]])
def test_what_is_no_name_of_a_reward_is_refused(name: Any) -> None:
    with pytest.raises(SqlOptError, match=r"it must be one of log, quill, r-ves, each also with \+size, or a callable"):
        reward_function(name)
